"""Batches of a sweep on the JAX engine: groups of clinics side by side, one program for all of them."""

from __future__ import annotations

import dataclasses
import functools
import math
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from abm.interventions import InterventionSet, as_set
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population import ClinicState, initial_state, simulate
from experiments.config import Experiment
from experiments.plan import Plan, Rows
from experiments.workers import Stopped

LONGEST_PROGRAM_DAYS = 364  # between two looks at whether to stop
_SHARED = InterventionSet(*(None for _ in InterventionSet._fields))  # of vmap: no axis


class JaxBatches:
    """Computes batches; threads may share one.

    The warm-up of a block is simulated once and continued in every scenario. All scenarios have the same number of
    changes and all groups the same shape, so that one program, compiled once, runs them all, and a replicate meets the
    same arithmetic in every scenario. It is sent to another process as its plan.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.stopping = plan, threading.Event()
        self.warm_up_program, self.program = program_days(plan.experiment)
        self._first_call, self._called = threading.Lock(), set[Any]()
        with jax.enable_x64(plan.x64):
            layout, self._dtype = plan.clinics.layout, jnp.zeros(()).dtype
            self._layout = jax.tree.map(jnp.asarray, layout)
            self._size = max(len(scenario.interventions) for scenario in plan.scenarios)
            self._none = _as_arrays(as_set((), layout, size=self._size), self._dtype)
            sets = functools.lru_cache(maxsize=1000)(self._change_set)
        self._changes: Callable[[int], InterventionSet] = sets

    def __reduce__(self) -> Any:
        return JaxBatches, (self.plan,)

    def _change_set(self, scenario: int) -> InterventionSet:
        layout, changes = self.plan.clinics.layout, self.plan.scenarios[scenario].interventions
        return _as_arrays(as_set(changes, layout, size=self._size), self._dtype)

    def warm_up(self, block: int) -> list[ClinicState]:
        """States after the warm-up, a group of clinics each."""
        with jax.enable_x64(self.plan.x64):  # a setting of the thread
            return [self._warm_group(rows) for rows in self._groups(block)]

    def run(self, scenario: int, block: int, warm: list[ClinicState]) -> np.ndarray:
        """Records float32 [outcomes, rows of the block, periods, N] of one scenario, from the end of its warm-up."""
        with jax.enable_x64(self.plan.x64):
            groups = zip(self._groups(block), warm, strict=True)
            parts = [self._run_group(scenario, rows, states) for rows, states in groups]
        return np.concatenate(parts, axis=1)[:, : self.plan.block(block).size]

    def _groups(self, block: int) -> list[Rows]:
        whole, size = self.plan.block(block), self.plan.group_size
        return [whole.rows(first, size) for first in range(0, whole.size, size)]

    def _warm_group(self, rows: Rows) -> ClinicState:
        parameters, traits = self._parameters(rows), self._traits(rows)
        states = self._start(parameters, traits, len(rows.point))
        words, doses = self.plan.words(rows), self._doses(rows, None)
        same = self.warm_up_program == self.program
        period = self.plan.experiment.period_days if same else self.warm_up_program
        for day in range(0, self.plan.experiment.warm_up_days, self.warm_up_program or 1):
            arguments = (parameters, traits, words, self._none._replace(dose=doses), self._layout, states)
            states, _ = self._advance(arguments, day, self.warm_up_program, period)
        return states

    def _run_group(self, scenario: int, rows: Rows, states: ClinicState) -> np.ndarray:
        e, records = self.plan.experiment, []
        traits, words = self._traits(rows), self.plan.words(rows)
        changes = self._changes(scenario)._replace(dose=self._doses(rows, scenario))
        for day in range(0, e.days, self.program):
            parameters = self._parameters(rows, scenario, day)
            arguments = (parameters, traits, words, changes, self._layout, states)
            states, record = self._advance(arguments, e.warm_up_days + day, self.program, e.period_days)
            records.append(record)
        kept = [np.stack([np.asarray(record[name], np.float32) for name in e.recorded]) for record in records]
        return np.concatenate(kept, axis=2)

    def _parameters(self, rows: Rows, scenario: int | None = None, day: int = 0) -> Parameters:
        return jax.tree.map(lambda v: np.asarray(v, self._dtype), self.plan.parameters(rows, scenario, day))

    def _traits(self, rows: Rows) -> Any:
        traits = self.plan.traits(rows)
        return None if traits is None else np.asarray(traits, self._dtype)

    def _doses(self, rows: Rows, scenario: int | None) -> Any:
        """Doses [C] of a scenario (zeros if None), or [B, C] where the design varies them."""
        usual = self._none.dose if scenario is None else self._changes(scenario).dose
        own = self.plan.doses(rows, scenario or 0)
        if own is None:
            return usual
        doses = np.zeros((len(rows.point), self._size), self._dtype)
        if scenario is not None:
            doses[:, : own.shape[1]] = own
        return doses

    def _start(self, parameters: Parameters, traits: Any, count: int) -> ClinicState:
        """The first morning of ``count`` clinics."""
        start = lambda p, t: initial_state(p, _with_traits(self._layout, t), self._size, self._dtype)  # noqa: E731
        axes = _axes(parameters, traits)
        if any(axis is not None for axis in jax.tree.leaves(axes, is_leaf=lambda v: v is None)):
            return jax.vmap(start, in_axes=axes)(parameters, traits)
        return jax.tree.map(lambda v: jnp.broadcast_to(v, (count, *v.shape)), start(parameters, traits))

    def _advance(self, arguments: tuple[Any, ...], day: int, days: int, period_days: int) -> tuple[ClinicState, Any]:
        if self.stopping.is_set():
            raise Stopped
        arguments = (*arguments, np.int32(day), days, period_days, self.plan.experiment.recorded)
        with self._first_call:  # one thread compiles, the others wait for it
            if (days, period_days) not in self._called:
                advanced = jax.block_until_ready(advance_clinics(*arguments))
                self._called.add((days, period_days))
                return advanced
        return advance_clinics(*arguments)


@functools.partial(jax.jit, static_argnames=("days", "period_days", "recorded"))
def advance_clinics(parameters: Parameters, traits: Any, words: Any, changes: InterventionSet, layout: Layout,
             states: ClinicState, first_day: Any, days: int, period_days: int,
             recorded: tuple[str, ...]) -> tuple[ClinicState, Any]:  # fmt: skip
    """(states, records by outcome, each [B, periods, N]) after ``days`` more days of B clinics.

    Fields of ``parameters`` are numbers or [B], ``traits`` None (the layout's) or [B, P, GENERATIONS, len(TRAITS)],
    doses [C] or [B, C].
    """

    def one(parameters: Parameters, traits: Any, words: Any, changes: InterventionSet, state: ClinicState) -> Any:
        run = simulate(parameters, days, words, changes, layout=_with_traits(layout, traits), state=state,
                       first_day=first_day, period_days=period_days)  # fmt: skip
        return run.state, {name: run.physicians[name] for name in recorded}

    per_clinic = _SHARED._replace(dose=0 if changes.dose.ndim == 2 else None)
    return jax.vmap(one, in_axes=(*_axes(parameters, traits), 0, per_clinic, 0))(
        parameters, traits, words, changes, states
    )


def _axes(parameters: Parameters, traits: Any) -> tuple[Any, Any]:
    """Axes that vmap maps over: those of fields and traits that clinics do not share."""
    return jax.tree.map(lambda v: 0 if np.ndim(v) else None, parameters), None if traits is None else 0


def _with_traits(layout: Layout, traits: Any) -> Layout:
    return layout if traits is None else dataclasses.replace(layout, traits=traits)


def _as_arrays(changes: InterventionSet, dtype: Any) -> InterventionSet:
    return InterventionSet(*(np.asarray(v, np.int32 if v.dtype == np.int32 else dtype) for v in changes))


def program_days(experiment: Experiment) -> tuple[int, int]:
    """Days a program simulates, in the warm-up and after it: the same where possible, since each is compiled.

    Conditions begin and end between two programs.
    """
    days = functools.reduce(math.gcd, _changing_days(experiment), experiment.days)
    common = math.gcd(days, experiment.warm_up_days)
    if common % experiment.period_days == 0:
        return (_program(common, experiment.period_days),) * 2
    return _program(experiment.warm_up_days, 7), _program(days, experiment.period_days)


def _changing_days(experiment: Experiment) -> list[int]:
    """Days after the warm-up on which conditions begin or end."""
    scenarios = [scenario.conditions or () for scenario in experiment.scenarios]
    conditions = [condition for each in (experiment.conditions, *scenarios) for condition in each]
    ends = [int(min(condition.end_day, experiment.days)) for condition in conditions]
    return [condition.start_day for condition in conditions] + ends


def _program(days: int, period_days: int) -> int:
    """The largest divisor of ``days`` that is a multiple of ``period_days``, up to the longest program."""
    periods = days // period_days
    most = max(LONGEST_PROGRAM_DAYS // period_days, 1)
    return period_days * max(k for k in range(1, min(periods, most) + 1) if periods % k == 0)
