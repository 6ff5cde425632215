"""Batches of a sweep on the JAX engine: a scenario's replicates side by side, one batch a core."""

from __future__ import annotations

import dataclasses
import functools
import math
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from abm.interventions import InterventionSet, as_set
from abm.layout import Layout
from abm.outcomes import RECORDED
from abm.parameters import Parameters
from abm.population import ClinicState, initial_state, simulate
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.results import balanced_size
from experiments.scenarios import PlannedScenario, replicate_words
from experiments.workers import Stopped, core_count

# Above 16 clinics of 50 a batch ran no faster per core (measured: 4.9, 6.3, 7.3, 7.5, 7.9 thousand clinic-days a second
# at 4, 8, 16, 32, 64); two threads with a batch each ran faster than one whose operations XLA spread over both cores.
PHYSICIANS_PER_BATCH = 800
RECORDS_PER_BATCH_BYTES = 128_000_000
LONGEST_PROGRAM_DAYS = 364  # between two looks at whether to stop


class JaxEngine:
    """Runs batches in threads, each of B = ``replicates_per_batch`` clinics.

    The warm-up of a batch's replicates is simulated once and continued in every scenario. All scenarios have the same
    number of changes and all batches the same shape, so that one program, compiled once, runs them all, and a
    replicate meets the same arithmetic in every scenario.
    """

    def __init__(self, experiment: Experiment, clinics: Clinics, planned: Sequence[PlannedScenario]) -> None:
        self.experiment, self.clinics, self.workers = experiment, clinics, core_count()
        self.replicates_per_batch = batch_size(experiment)
        self.warm_up_program, self.program = program_days(experiment)
        self._x64 = bool(jax.config.jax_enable_x64)
        dtype, layout = jnp.zeros(()).dtype, clinics.of(0)[1]
        self._layout = jax.tree.map(jnp.asarray, layout)
        size = max(len(scenario.interventions) for scenario in planned)
        self._none = _as_arrays(as_set((), layout, size=size), dtype)
        self._changes = [_as_arrays(as_set(s.interventions, layout, size=size), dtype) for s in planned]
        self._size = size
        whole = math.ceil(experiment.replicates / self.replicates_per_batch) * self.replicates_per_batch
        self._words = replicate_words(experiment.seed, whole)
        self._warm: dict[int, Future[ClinicState]] = {}
        self._stopping = threading.Event()
        self._first_call, self._called = threading.Lock(), set[tuple[int, int]]()
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="sweep")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """Let batches in flight end at their next program, unfinished."""
        self._stopping.set()

    def submit(self, scenario: int, first: int) -> Future[np.ndarray]:
        """Start a batch: float32 [len(RECORDED), replicates, periods, N] of replicates from ``first`` on.

        Batches of one ``first`` follow each other; an earlier one's warm-up is forgotten.
        """
        if first not in self._warm:
            self._warm = {first: self._pool.submit(self._in_context, self._warm_up, first)}
        return self._pool.submit(self._in_context, self._batch, scenario, first, self._warm[first])

    def _in_context(self, task: Any, *arguments: Any) -> Any:
        with jax.enable_x64(self._x64):  # a setting of the thread
            return task(*arguments)

    def _warm_up(self, first: int) -> ClinicState:
        states = self._start(first)
        for day in range(0, self.experiment.warm_up_days, self.warm_up_program or 1):
            states, _ = self._advance(first, states, self._none, day, self.warm_up_program, self._warm_up_period)
        return states

    def _start(self, first: int) -> ClinicState:
        """The first morning of a batch's replicates."""
        parameters, traits = self._rows(first)
        dtype = self._layout.traits.dtype
        start = lambda p, t: initial_state(p, _with_traits(self._layout, t), self._size, dtype)  # noqa: E731
        if self.clinics.differ:
            return jax.vmap(start)(parameters, traits)
        size = self.replicates_per_batch
        return jax.tree.map(lambda v: jnp.broadcast_to(v, (size, *v.shape)), start(parameters, traits))

    def _rows(self, first: int) -> tuple[Parameters, Any]:
        """Parameters and traits of a batch: with a leading axis where replicates simulate different clinics."""
        dtype = jnp.zeros(()).dtype
        if self.clinics.differ:
            return self.clinics.rows(first, self.replicates_per_batch, dtype)
        return jax.tree.map(lambda v: jnp.asarray(v, dtype), self.clinics.of(0)[0]), None

    @property
    def _warm_up_period(self) -> int:
        same = self.warm_up_program == self.program
        return self.experiment.period_days if same else self.warm_up_program

    def _batch(self, scenario: int, first: int, warm: Future[ClinicState]) -> np.ndarray:
        e, states, records = self.experiment, warm.result(), []
        for day in range(e.warm_up_days, e.warm_up_days + e.days, self.program):
            states, record = self._advance(first, states, self._changes[scenario], day, self.program, e.period_days)
            records.append(record)
        count = min(self.replicates_per_batch, e.replicates - first)
        values = np.concatenate([np.asarray(record, np.float32) for record in records], axis=2)
        return np.moveaxis(values[:count], 1, 0)

    def _advance(self, first: int, states: ClinicState, changes: InterventionSet, day: int, days: int,
                 period_days: int) -> tuple[ClinicState, Any]:  # fmt: skip
        if self._stopping.is_set():
            raise Stopped
        words = self._words[first : first + self.replicates_per_batch]
        parameters, traits = self._rows(first)
        arguments = (parameters, traits, words, changes, self._layout, states, np.int32(day), days, period_days)
        with self._first_call:  # one thread compiles, the others wait for it
            if (days, period_days) not in self._called:
                advanced = jax.block_until_ready(_advance(*arguments))
                self._called.add((days, period_days))
                return advanced
        return _advance(*arguments)


@functools.partial(jax.jit, static_argnames=("days", "period_days"))
def _advance(parameters: Parameters, traits: Any, words: Any, changes: InterventionSet, layout: Layout,
             states: ClinicState, first_day: Any, days: int, period_days: int) -> tuple[ClinicState, Any]:  # fmt: skip
    """(states, records [B, len(RECORDED), periods, N]) after ``days`` more days of B clinics.

    With ``traits`` [B, P, GENERATIONS, len(TRAITS)] parameters have a leading axis B as well; None: one clinic.
    """

    def one(parameters: Parameters, traits: Any, words: Any, state: ClinicState) -> tuple[ClinicState, Any]:
        run = simulate(parameters, days, words, changes, layout=_with_traits(layout, traits), state=state,
                       first_day=first_day, period_days=period_days)  # fmt: skip
        return run.state, jnp.stack([run.physicians[name] for name in RECORDED])

    own = None if traits is None else 0
    return jax.vmap(one, in_axes=(own, own, 0, 0))(parameters, traits, words, states)


def _with_traits(layout: Layout, traits: Any) -> Layout:
    return layout if traits is None else dataclasses.replace(layout, traits=traits)


def _as_arrays(changes: InterventionSet, dtype: Any) -> InterventionSet:
    return InterventionSet(*(jnp.asarray(v, jnp.int32 if v.dtype == np.int32 else dtype) for v in changes))


def batch_size(experiment: Experiment) -> int:
    """Replicates a batch, from the experiment alone, so that results do not depend on the machine."""
    record_bytes = 4 * len(RECORDED) * experiment.physicians * (experiment.days // experiment.period_days)
    largest = min(PHYSICIANS_PER_BATCH // experiment.physicians, RECORDS_PER_BATCH_BYTES // record_bytes)
    return balanced_size(experiment.replicates, max(largest, 1))


def program_days(experiment: Experiment) -> tuple[int, int]:
    """Days a program simulates, in the warm-up and after it: the same where possible, since each is compiled."""
    common = math.gcd(experiment.days, experiment.warm_up_days)
    if common % experiment.period_days == 0:
        return (_program(common, experiment.period_days),) * 2
    return _program(experiment.warm_up_days, 7), _program(experiment.days, experiment.period_days)


def _program(days: int, period_days: int) -> int:
    """The largest divisor of ``days`` that is a multiple of ``period_days``, up to the longest program."""
    periods = days // period_days
    most = max(LONGEST_PROGRAM_DAYS // period_days, 1)
    return period_days * max(k for k in range(1, min(periods, most) + 1) if periods % k == 0)
