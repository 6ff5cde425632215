"""The clinic's year after a go-live, run for many rows at once: each row has its own parameters, changes and chance."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from abm.interventions import Intervention, InterventionSet, as_set
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population import initial_state, simulate
from experiments.scenarios import replicate_words
from experiments.workers import core_count

QUARTER_DAYS, QUARTERS = 91, 4  # the year after the go-live; its last quarter is read
WARM_UP_DAYS = 4 * QUARTER_DAYS  # before the twin watches
WATCHED_DAYS = 56  # what the twin sees before it advises: two pulse surveys
GO_LIVE = WARM_UP_DAYS + WATCHED_DAYS  # a Monday
ROWS_AT_ONCE = 16  # clinics of 50 physicians side by side in a core; see abm.population.batch
READ = ("burnout_risk", "employed", "kept", "left", "ehr_outside_scheduled_minutes")


class Planned(NamedTuple):
    """A change and how many quarters it is kept; ``burden`` multiplies what it asks of people (learning, novelty)."""

    change: Intervention
    quarters: int = QUARTERS
    burden: float = 1.0


class Row(NamedTuple):
    """One clinic-year. ``parameters`` differ from the clinic's from the go-live on, ``event`` in the second quarter
    only; ``changes`` start on calendar days from ``GO_LIVE`` on."""

    replicate: int
    parameters: Mapping[str, float]
    changes: tuple[Planned, ...]
    event: Mapping[str, float]


class Watched(NamedTuple):
    """The clinic on the eve of the go-live, by replicate: states, and the physicians' daily records [days, N]."""

    states: list[Any]
    records: list[dict[str, np.ndarray]]


class Runner:
    """Runs rows of one clinic; the programs are compiled once and shared by all rows."""

    def __init__(
        self,
        parameters: Parameters,
        layout: Layout,
        replicates: int,
        seed: int,
        most_changes: int,
        rows_at_once: int = ROWS_AT_ONCE,
    ) -> None:
        self.parameters, self.layout, self.replicates = parameters, layout, replicates
        self.rows_at_once = rows_at_once
        self._words = replicate_words(seed, replicates)
        self._size = most_changes
        self._x64 = bool(jax.config.jax_enable_x64)
        self._dtype = jnp.zeros(()).dtype
        self._watched: Watched | None = None

    def watched(self) -> Watched:
        """The warm-up of every replicate, run once."""
        if self._watched is None:
            none = as_set((), self.layout, size=self._size)
            start = initial_state(self.parameters, self.layout, self._size, self._dtype)
            groups = self._in_groups(
                [(self.parameters, words, none, start) for words in self._words],
                ((0, WARM_UP_DAYS // QUARTER_DAYS, QUARTER_DAYS, QUARTER_DAYS), (WARM_UP_DAYS, 1, WATCHED_DAYS, 1)),
            )
            self._watched = Watched([state for state, _ in groups], [steps[-1] for _, steps in groups])
        return self._watched

    def run(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        """Records of the rows by name, [rows, quarters, N]."""
        states = self.watched().states
        jobs = [self._job(row, states[row.replicate]) for row in rows]
        plan = tuple((GO_LIVE + q * QUARTER_DAYS, 1, QUARTER_DAYS, QUARTER_DAYS) for q in range(QUARTERS))
        steps = [steps for _, steps in self._in_groups(jobs, plan)]
        return {name: np.stack([np.concatenate([step[name] for step in row]) for row in steps]) for name in READ}

    def _job(self, row: Row, state: Any) -> tuple[Any, ...]:
        """(parameters by quarter, words, changes by quarter, state)."""
        own = self.parameters.replace(**row.parameters)
        changes = as_set([planned.change for planned in row.changes], self.layout, size=self._size)
        quarters, burden = np.zeros(self._size, int), np.ones(self._size)
        for c, planned in enumerate(row.changes):
            quarters[c], burden[c] = planned.quarters, planned.burden
        changes = changes._replace(learning_load=changes.learning_load * burden, novelty=changes.novelty * burden)
        by_quarter = [own.replace(**row.event) if q == 1 else own for q in range(QUARTERS)]
        kept = [changes._replace(dose=np.where(q < quarters, changes.dose, 0.0)) for q in range(QUARTERS)]
        return by_quarter, self._words[row.replicate], kept, state

    def _in_groups(self, jobs: Sequence[tuple[Any, ...]], plan: tuple[tuple[int, int, int, int], ...]) -> list[Any]:
        """(final state, records of each step of the plan) of every job, in order; groups of one size, the last padded.

        A step of the plan: first day, times the program runs, its days, days of a record (of the last time only).
        """
        size = self.rows_at_once  # always the same, so that one program runs them all
        padded = [*jobs, *[jobs[-1]] * (-len(jobs) % size)]
        firsts = range(0, len(padded), size)
        with ThreadPoolExecutor(core_count()) as pool:
            parts = pool.map(lambda first: self._group(padded[first : first + size], plan), firsts)
            done = [one for part in parts for one in part]
        return done[: len(jobs)]

    def _group(self, jobs: Sequence[tuple[Any, ...]], plan: tuple[tuple[int, int, int, int], ...]) -> list[Any]:
        with jax.enable_x64(self._x64):  # a setting of the thread
            words, states = np.stack([job[1] for job in jobs]), _stacked([job[3] for job in jobs])
            records: list[dict[str, np.ndarray]] = []
            for step, (first_day, times, days, period_days) in enumerate(plan):
                parameters = self._as_arrays(_stacked([_at(job[0], step) for job in jobs]))
                changes = self._as_arrays(_stacked([_at(job[2], step) for job in jobs]))
                for time in range(times):
                    day = np.int32(first_day + time * days)
                    states, record = _advance(parameters, words, changes, self.layout, states, day, days, period_days)
                records.append(jax.tree.map(np.asarray, record))
            states = jax.tree.map(np.asarray, states)
            return [_of_row(i, states, records) for i in range(len(jobs))]

    def _as_arrays(self, tree: Any) -> Any:
        return jax.tree.map(lambda v: jnp.asarray(v, jnp.int32 if v.dtype == np.int32 else self._dtype), tree)


def _of_row(i: int, states: Any, records: list[dict[str, np.ndarray]]) -> tuple[Any, list[dict[str, np.ndarray]]]:
    return jax.tree.map(lambda v: v[i], states), [{name: v[i] for name, v in step.items()} for step in records]


def _at(value: Any, step: int) -> Any:
    return value[step] if isinstance(value, list) else value


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(v) for v in leaves]), *trees)


@functools.partial(jax.jit, static_argnums=(6, 7))
def _advance(
    parameters: Parameters,
    words: Any,
    changes: InterventionSet,
    layout: Layout,
    states: Any,
    first_day: Any,
    days: int,
    period_days: int,
) -> tuple[Any, dict[str, Any]]:
    """(states, records [B, periods, N]) after ``days`` more days of B rows."""

    def one(p: Parameters, seed: Any, change: InterventionSet, state: Any) -> tuple[Any, dict[str, Any]]:
        run = simulate(p, days, seed, change, layout=layout, state=state, first_day=first_day, period_days=period_days)
        wanted = run.physicians if period_days == 1 else {name: run.physicians[name] for name in READ}
        return run.state, wanted

    return jax.vmap(one)(parameters, words, changes, states)


def burnout_risk(records: dict[str, np.ndarray]) -> np.ndarray:
    """Mean burnout risk in % of filled posts, [rows, quarters]."""
    risk, filled = (records[name].astype(np.float64) for name in ("burnout_risk", "employed"))
    return 100 * (risk * filled).sum(axis=-1) / filled.sum(axis=-1)
