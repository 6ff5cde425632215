"""The results of a sweep on disk: one Zarr store, made first, filled batch by batch, renamed when it is complete."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from abm.interventions import yearly_cost
from abm.layout import Layout
from abm.outcomes import RECORDED, derive
from experiments.config import Experiment
from experiments.provenance import OF_THE_NUMBERS
from experiments.scenarios import PlannedScenario

STORE, UNFINISHED, LEDGER = "results.zarr", "results.unfinished.zarr", "results.unfinished.txt"
SAME = ("config", "parameters", "layout", "draws")  # what makes two sweeps the same
DIMENSIONS = ("scenario", "replicate", "day", "physician")


class ResultsError(ValueError):
    """A folder that does not hold the results asked for; the message says what was met and what to do."""


def open_results(folder: str | Path) -> xr.Dataset:
    """Results of a finished sweep, dims (scenario, replicate, day, physician), with the derived outcomes added.

    Raises ResultsError if there are none or the sweep is not finished.
    """
    path = Path(folder) / STORE
    if not path.is_dir():
        begun = SweepStore(Path(folder)).begun()
        if begun:
            raise ResultsError(f"{folder}: met an unfinished sweep ({len(begun)} batches so far); "
                               "give the same `clinictwin sweep` command again to finish it")  # fmt: skip
        raise ResultsError(f"{folder}: met no {STORE}, expected a folder that `clinictwin sweep` has written")
    return derive(xr.open_zarr(path, chunks=None))


def consolidate(store: Path) -> None:
    """Let `xarray.open_zarr` open a finished store at once: it warns where metadata are not consolidated."""
    with warnings.catch_warnings():  # of Zarr, that consolidated metadata are an extension of its format
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(store)


class SweepStore:
    """The store of one sweep in its folder.

    Batches go to an unfinished store beside the final one. A batch counts once the ledger, a text file with one line
    a batch, names it; the ledger's line is written after the batch's arrays. A complete store is renamed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path, self.unfinished, self.ledger = folder / STORE, folder / UNFINISHED, folder / LEDGER
        self._arrays: dict[str, Any] = {}

    def is_finished(self, attributes: dict[str, Any]) -> bool:
        """Whether the finished store of this sweep is there. Raises ResultsError if it is of another one."""
        if not self.path.is_dir():
            return False
        self._check_same(self.path, attributes, SAME)
        return True

    def begin(self, template: xr.Dataset, attributes: dict[str, Any], replicates_per_batch: int) -> None:
        """Make the store, or go on with an unfinished one of this sweep. Raises ResultsError if it is of another."""
        attributes = attributes | {"replicates_per_batch": replicates_per_batch}
        if self.begun() is not None:
            self._check_same(self.unfinished, attributes, (*SAME, "replicates_per_batch"))
            self._check_same_software(attributes["provenance"])
            text = self.ledger.read_text(encoding="utf-8")
            self.ledger.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")  # a line cut short names no batch
        else:
            self._make(template, attributes, replicates_per_batch)
        group = zarr.open_group(self.unfinished, mode="r+")
        self._arrays = {name: group[name] for name in RECORDED}

    def _make(self, template: xr.Dataset, attributes: dict[str, Any], replicates_per_batch: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.unfinished.exists():  # the making of it was cut short, so it holds no batch
            shutil.rmtree(self.unfinished)
        template.to_zarr(self.unfinished, consolidated=False)
        group = zarr.open_group(self.unfinished, mode="r+")
        shape = tuple(template.sizes[name] for name in DIMENSIONS)
        for name, outcome in RECORDED.items():
            group.create_array(
                name, shape=shape, chunks=(1, replicates_per_batch, *shape[2:]), dtype="float32", fill_value=np.nan,
                dimension_names=DIMENSIONS, attributes={"units": outcome.unit, "long_name": outcome.long_name},
            )  # fmt: skip
        group.attrs.update(attributes)
        self.ledger.write_text("# batches in the unfinished store: scenario, first replicate\n", encoding="utf-8")

    def begun(self) -> set[tuple[int, int]] | None:
        """(scenario, first replicate) of the batches in the unfinished store; None if there is no such store."""
        if not (self.ledger.is_file() and self.unfinished.is_dir()):
            return None
        *lines, _ = self.ledger.read_text(encoding="utf-8").split("\n")  # what follows the last newline was cut short
        return {(int(scenario), int(first)) for scenario, first in (line.split() for line in lines[1:])}

    def write(self, scenario: int, first: int, values: np.ndarray) -> None:
        """Add one batch: ``values`` [len(RECORDED), replicates, periods, N] of replicates from ``first`` on."""
        for array, of_one in zip(self._arrays.values(), values, strict=True):
            array[scenario, first : first + of_one.shape[0]] = of_one
        with self.ledger.open("a", encoding="utf-8") as ledger:
            ledger.write(f"{scenario} {first}\n")

    def finish(self) -> Path:
        """Call the store finished: every batch is in it."""
        consolidate(self.unfinished)
        self.unfinished.rename(self.path)
        self.ledger.unlink()
        return self.path

    def _check_same(self, path: Path, attributes: dict[str, Any], names: Sequence[str]) -> None:
        there = _attributes_of(path)
        if any(there.get(name) != attributes[name] for name in names):
            raise ResultsError(f"{self.folder}: holds the results of another sweep ({there.get('title', 'unknown')!r}, "
                               f"which differs in {_differences(there, attributes)}); expected an empty folder, or the "
                               "same sweep: choose another --out")  # fmt: skip

    def _check_same_software(self, now: dict[str, str]) -> None:
        there = _attributes_of(self.unfinished).get("provenance", {})
        changed = [f"{key} {there.get(key)} -> {now[key]}" for key in OF_THE_NUMBERS if there.get(key) != now[key]]
        if changed:
            raise ResultsError(f"{self.folder}: holds an unfinished sweep begun with other software "
                               f"({'; '.join(changed)}), which may differ in the last digits; "
                               "choose another --out")  # fmt: skip


def _attributes_of(store: Path) -> dict[str, Any]:
    return zarr.open_group(store, mode="r").attrs.asdict()


def _differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    import yaml

    def values(attributes: dict[str, Any]) -> dict[str, Any]:
        parts = (yaml.safe_load(attributes.get("config", "")), json.loads(attributes.get("parameters", "{}")))
        values = {k: v for part in parts if isinstance(part, dict) for k, v in part.items() if k != "parameters"}
        return values | {name: attributes.get(name) for name in ("layout", "draws")}

    a, b = values(there), values(here)
    return ", ".join(sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))) or "the size of its batches"


def template(experiment: Experiment, planned: Sequence[PlannedScenario], layout: Layout) -> xr.Dataset:
    """The store's labels: every coordinate, no variable yet."""
    costs = [yearly_cost(scenario.interventions, layout) for scenario in planned]
    days = np.arange(0, experiment.days, experiment.period_days)
    n = layout.physicians
    return xr.Dataset(coords={
        "scenario": ("scenario", [s.label for s in planned], {"long_name": "scenario"}),
        "family": ("scenario", [s.family for s in planned], {"long_name": "scenario, whatever its doses"}),
        "kind": ("scenario", [s.kind for s in planned], {"long_name": "kinds of its interventions"}),
        "dose": ("scenario", [s.dose for s in planned], {"long_name": "dose of its only intervention"}),
        "yearly_cost": ("scenario", costs, {"units": "USD/year", "long_name": "cost in full use (assumed)"}),
        "replicate": ("replicate", np.arange(experiment.replicates), {"long_name": "replicate: one stream of chances"}),
        "day": ("day", days, {"units": "day", "long_name": "first day of the period, from the end of the warm-up"}),
        "physician": ("physician", np.arange(n), {"long_name": "physician's post"}),
        "pod": ("physician", layout.person_pod[:n], {"long_name": "pod"}),
        "fte": ("physician", np.asarray(layout.fte), {"units": "1", "long_name": "clinical full-time equivalent"}),
    })  # fmt: skip


def batches(scenarios: int, replicates: int, size: int) -> list[tuple[int, int]]:
    """(scenario, first replicate) of every batch, all scenarios of the first replicates first."""
    return [(scenario, first) for first in range(0, replicates, size) for scenario in range(scenarios)]


def balanced_size(replicates: int, largest: int) -> int:
    """Replicates a batch: as few batches as ``largest`` allows, all of about one size."""
    return math.ceil(replicates / math.ceil(replicates / largest))
