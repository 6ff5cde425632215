"""The results of a sweep on disk: one Zarr store, made first, filled batch by batch, renamed when it is complete."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from abm.outcomes import RECORDED, derive
from experiments.plan import Plan
from experiments.provenance import OF_THE_NUMBERS

STORE, UNFINISHED, LEDGER = "results.zarr", "results.unfinished.zarr", "results.unfinished.txt"
HALF_WRITTEN = "*.partial"  # what Zarr leaves of a chunk when it is killed while it writes
LOCK = "results.lock"
SAME = ("config", "parameters", "layout", "draws")  # what makes two sweeps the same
# Zarr's pipeline without a detour for every chunk: measured, a third less processor time for a batch's small arrays.
QUICK_WRITES = {"codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline"}
BATCH = "batch"  # attribute with the shape of a batch: points, draws, replicates


class ResultsError(ValueError):
    """A folder that does not hold the results asked for; the message says what was met and what to do."""


class StorageError(OSError):
    """A folder that cannot be written to; the message says why, what is safe and what to do."""


def open_results(folder: str | Path) -> xr.Dataset:
    """Results of a finished sweep, with the derived outcomes added; read from disk when they are needed.

    Dims (scenario, [point,] [draw,] replicate, day, physician): points where the experiment has a design, draws where
    it keeps posterior draws apart. Variables are Dask arrays, a chunk a batch, so that the whole need not fit in
    memory. Raises ResultsError if there are none or the sweep is not finished.
    """
    path = Path(folder) / STORE
    if not path.is_dir():
        begun = SweepStore(Path(folder)).begun()
        if begun:
            raise ResultsError(f"{folder}: met an unfinished sweep ({len(begun)} batches so far); "
                               "give the same `clinictwin sweep` command again to finish it")  # fmt: skip
        raise ResultsError(f"{folder}: met no {STORE}, expected a folder that `clinictwin sweep` has written")
    return derive(xr.open_zarr(path))


def pool_draws(data: xr.Dataset) -> xr.Dataset:
    """Results with posterior draws and replicates in one dimension, ``replicate``; others as they are.

    A replicate of a draw meets the same chances and the same clinic in every scenario, so that it can be paired.
    """
    if "draw" not in data.dims:
        return data
    pooled = data.rename(replicate="own_replicate").stack(replicate=("draw", "own_replicate"), create_index=False)
    pooled = pooled.assign_coords(replicate=np.arange(pooled.sizes["replicate"]))
    order = [name for name in ("scenario", "point", "replicate", "day", "physician") if name in pooled.dims]
    return pooled.transpose(*order, ...)


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
        self._arrays: list[Any] = []
        self._dimensions: tuple[str, ...] = ()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against another sweep; the lock ends with the process, however that ends.

        Raises ResultsError if another sweep is running there, StorageError if the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK, timeout=0)
        with self.writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                raise ResultsError(f"{self.folder}: another sweep is running there; "
                                   "wait for it to end, or choose another --out") from None  # fmt: skip
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turn the system's refusal to write into a StorageError that says what is safe."""
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            raise StorageError(f"{self.folder}: cannot be written: {error.strerror or error}. "
                               f"{self.safe()} Make room, or choose another --out.") from None  # fmt: skip

    def safe(self) -> str:
        """What is safe in the folder, in words."""
        begun = None if self.path.is_dir() else self.begun()
        if begun is None:
            return "A finished sweep is safe in it." if self.path.is_dir() else "Nothing was in it yet."
        return f"{len(begun)} batches are safe in it; the same sweep given again goes on from there."

    def is_finished(self, attributes: dict[str, Any]) -> bool:
        """Whether the finished store of this sweep is there. Raises ResultsError if it is of another one."""
        if not self.path.is_dir():
            return False
        self._check_same(self.path, attributes, SAME)
        return True

    def begin(self, template: xr.Dataset, attributes: dict[str, Any], plan: Plan) -> None:
        """Make the store, or go on with an unfinished one of this sweep. Raises ResultsError if it is of another."""
        attributes = attributes | {BATCH: list(plan.block_shape)}
        self._dimensions = plan.dimensions
        with self.writing():
            if self.begun() is not None:
                self._check_same(self.unfinished, attributes, (*SAME, BATCH))
                self._check_same_software(attributes["provenance"])
                whole = self.ledger.read_bytes().rfind(b"\n") + 1
                os.truncate(self.ledger, whole)  # a line cut short names no batch
            else:
                self._make(template, attributes, plan)
            with zarr.config.set(QUICK_WRITES):
                group = zarr.open_group(self.unfinished, mode="r+", use_consolidated=False)
                self._arrays = [group[name] for name in plan.experiment.recorded]

    def _make(self, template: xr.Dataset, attributes: dict[str, Any], plan: Plan) -> None:
        if self.unfinished.exists():  # the making of it was cut short, so it holds no batch
            shutil.rmtree(self.unfinished)
        template.to_zarr(self.unfinished, consolidated=False)
        group = zarr.open_group(self.unfinished, mode="r+")
        sizes = dict(zip(("point", "draw", "replicate"), plan.block_shape, strict=True)) | {"scenario": 1}
        shape = tuple(template.sizes[name] for name in plan.dimensions)
        chunks = tuple(sizes.get(name, template.sizes[name]) for name in plan.dimensions)
        for name in plan.experiment.recorded:
            outcome = RECORDED[name]
            group.create_array(
                name, shape=shape, chunks=chunks, dtype="float32", fill_value=np.nan,
                dimension_names=plan.dimensions, attributes={"units": outcome.unit, "long_name": outcome.long_name},
            )  # fmt: skip
        group.attrs.update(attributes)
        unfinished = self.ledger.with_suffix(".tmp")
        unfinished.write_text("# batches in the unfinished store: scenario, block\n", encoding="utf-8")
        unfinished.replace(self.ledger)

    def begun(self) -> set[tuple[int, int]] | None:
        """(scenario, block) of the batches in the unfinished store; None if there is no such store."""
        if not (self.ledger.is_file() and self.unfinished.is_dir()):
            return None
        *lines, _ = self.ledger.read_text(encoding="utf-8").split("\n")  # what follows the last newline was cut short
        return {(int(scenario), int(block)) for scenario, block in (line.split() for line in lines[1:])}

    def write(self, scenario: int, block: int, values: np.ndarray, plan: Plan) -> None:
        """Add one batch: ``values`` [outcomes, rows of the block, periods, N]. Raises StorageError."""
        where = plan.block(block)
        sides = dict(zip(("point", "draw", "replicate"), where, strict=True)) | {
            "scenario": range(scenario, scenario + 1)
        }
        own = [sides[name] for name in self._dimensions if name in sides]
        region = tuple(slice(side.start, side.stop) for side in own)
        shape = (len(values), *(len(side) for side in own), *values.shape[2:])
        with self.writing():
            for array, of_one in zip(self._arrays, values.reshape(shape), strict=True):
                array[region] = of_one
            with self.ledger.open("a", encoding="utf-8") as ledger:
                ledger.write(f"{scenario} {block}\n")

    def finish(self) -> Path:
        """Call the store finished: every batch is in it."""
        with self.writing():
            for left in self.unfinished.rglob(HALF_WRITTEN):
                left.unlink()
            consolidate(self.unfinished)
            self.unfinished.rename(self.path)
            self.tidy()
        return self.path

    def tidy(self) -> None:
        """Remove the ledger of a finished store."""
        self.ledger.unlink(missing_ok=True)

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
