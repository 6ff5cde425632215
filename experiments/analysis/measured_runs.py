"""Many runs of one clinic, each with its own parameters, doses and seed, read as the measures of a report."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from abm.interventions import KINDS, Intervention, InterventionSet, as_set, yearly_cost
from abm.layout import Layout
from abm.outcomes import to_dataset
from abm.parameters import Parameters
from abm.population import simulate
from abm.population.batch import PHYSICIANS_AT_ONCE, core_count
from abm.spelling import nearest
from experiments.outcome_groups import MEASURES, clinic_values

DAYS, PERIOD_DAYS = 364, 28  # a year from day 0 on, in periods of four weeks; states are read in its last quarter
RUNS_READ_AT_ONCE = 1024  # bounds memory: about 100 MB of records
Progress = Callable[[int], None]  # told of runs that are finished


def measure_named(name: str) -> str:
    """The name of a measure. Raises ValueError naming the nearest right one."""
    if name not in MEASURES:
        raise ValueError(f"measure: unknown {name!r}{nearest(name, MEASURES)} (known: {', '.join(MEASURES)})")
    return name


@dataclasses.dataclass(frozen=True)
class MeasuredRuns:
    """A clinic that is run for a year from day 0 with doses of ``kinds`` of interventions in use from the start.

    The clinic starts near its equilibrium, so no warm-up is run: the last quarter, in which states are read, is at
    least three time constants of every state away from the start.
    """

    layout: Layout
    kinds: tuple[str, ...] = ()
    measures: tuple[str, ...] = ("burned_out", "burnout_risk")
    days: int = DAYS
    period_days: int = PERIOD_DAYS

    def __post_init__(self) -> None:
        for name in self.measures:
            measure_named(name)

    @property
    def dose_max(self) -> np.ndarray:
        """Largest dose of each kind [C], in its unit."""
        return np.array([KINDS[kind].dose_max for kind in self.kinds])

    def changes(self) -> InterventionSet:
        """The kinds at dose 0."""
        return as_set([Intervention(kind, 0.0) for kind in self.kinds], self.layout)

    def yearly_costs(self, doses: np.ndarray) -> np.ndarray:
        """USD a year in full use [...], of doses [..., C]; straight in each dose."""
        each = [yearly_cost([Intervention(kind, 1.0 if KINDS[kind].dose_max >= 1 else KINDS[kind].dose_max)],
                            self.layout) for kind in self.kinds]  # fmt: skip
        return np.asarray(doses, float) @ np.array(each) if each else np.zeros(np.shape(doses)[:-1])

    def run(self, parameters: Parameters, doses: np.ndarray, seeds: Sequence[int], mode: str = "exact",
            progress: Progress | None = None) -> pd.DataFrame:  # fmt: skip
        """The measures of R runs, one row each, in the units of `outcome_groups.MEASURES`.

        Args:
            parameters: numbers, or arrays [R].
            doses: of the kinds, [R, C].
            seeds: R integers; runs of the same seed meet the same draws.
            mode: "exact", or "relaxed" whose outcomes are smooth in parameters and doses.
        """
        count = len(seeds)
        doses = np.asarray(doses, np.float32).reshape(count, len(self.kinds))
        frames = []
        for first in range(0, count, RUNS_READ_AT_ONCE):
            part = slice(first, min(first + RUNS_READ_AT_ONCE, count))
            of_part = jax.tree.map(lambda v, p=part: v[p] if np.ndim(v) else v, parameters)
            records = self._records(of_part, doses[part], list(seeds[part]), mode, progress)
            frames.append(self.read(records, self.yearly_costs(doses[part])))
        return pd.concat(frames, ignore_index=True)

    def read(self, records: dict[str, np.ndarray], costs: np.ndarray) -> pd.DataFrame:
        """Measures [R] of records [R, periods, N] by name, of runs with these yearly costs [R]."""
        data = to_dataset(records, self.layout, period_days=self.period_days, leading={"scenario": range(len(costs))},
                          with_derived=False)  # fmt: skip
        return clinic_values(data.assign_coords(yearly_cost=("scenario", costs)), self.measures).to_dataframe()

    @property
    def needed(self) -> tuple[str, ...]:
        """Outcomes that the measures are made of."""
        return tuple(dict.fromkeys(n for m in self.measures for n in MEASURES[m].needs))

    def _records(self, parameters: Parameters, doses: np.ndarray, seeds: list[int], mode: str,
                 progress: Progress | None) -> dict[str, np.ndarray]:  # fmt: skip
        """By outcome [R, periods, N], groups of clinics side by side on each core; all groups have one size."""
        count = len(seeds)
        words = np.array([(seed & 0xFFFFFFFF, seed >> 32) for seed in seeds], np.uint32)
        most = max(PHYSICIANS_AT_ONCE // self.layout.physicians, 1)
        size = most if count > max(most // 4, 1) else max(most // 4, 1)  # two sizes, so that programs are few
        # every parameter by run, so that one program serves all analyses whatever varies in them
        parameters = jax.tree.map(lambda v: np.broadcast_to(np.asarray(v, np.float32), count), parameters)
        changes = jax.tree.map(_single, self.changes())
        layout = jax.tree.map(jnp.asarray, self.layout)

        def one_group(first: int) -> dict[str, np.ndarray]:
            chosen = np.arange(first, first + size) % count
            some = jax.tree.map(lambda v: v[chosen], parameters)
            found = _group(some, doses[chosen], words[chosen], changes, layout, self.days, self.period_days, mode,
                           self.needed)  # fmt: skip
            records = {name: np.asarray(values) for name, values in found.items()}
            if progress is not None:
                progress(min(size, count - first))
            return records

        parts = [one_group(0)]  # compiles for all
        with _pool() as pool:
            parts += pool.map(one_group, range(size, count, size))
        return {name: np.concatenate([part[name] for part in parts])[:count] for name in self.needed}


@functools.partial(jax.jit, static_argnames=("days", "period_days", "mode", "needed"))
def _group(parameters: Parameters, doses: Any, words: Any, changes: InterventionSet, layout: Layout, days: int,
           period_days: int, mode: str, needed: tuple[str, ...]) -> dict[str, Any]:  # fmt: skip
    def one(parameters: Parameters, doses: Any, words: Any) -> dict[str, Any]:
        found = simulate(parameters, days, words, changes._replace(dose=doses), layout=layout, mode=mode,
                         period_days=period_days)  # fmt: skip
        return {name: found.physicians[name] for name in needed}

    return jax.vmap(one)(parameters, doses, words)


def _single(values: Any) -> Any:
    return np.asarray(values, np.int32 if values.dtype == np.int32 else np.float32)


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads, one a core; an interruption waits for the groups in flight only."""
    pool = ThreadPoolExecutor(core_count())
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
