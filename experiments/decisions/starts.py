"""Where advice starts from: the clinics of a fit's posterior or of a twin's members, as they stand on the day."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from abm.interventions import Intervention, InterventionSet, as_set
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population import initial_state
from abm.population.batch import PHYSICIANS_AT_ONCE, core_count
from abm.population.state import ClinicState
from abm.rules.person import ChangeUse
from calibration.clinic import load_clinic
from calibration.fit_result import load_fit
from calibration.forward import COMPILER_OPTIONS
from calibration.posterior_clinics import posterior_clinics
from experiments.clinics import clinics_of
from experiments.decisions.basis import OF_A_TWIN, Basis, basis_of_fit, basis_of_twin, source_of
from experiments.decisions.errors import DecisionError
from experiments.jax_batches import advance_clinics
from experiments.outcome_groups import NEEDED, WEEK_DAYS
from experiments.scenarios import replicate_words

SEED = 20  # of the chances that a fit's clinics meet
FEWEST_PAIRS = 2
ROOM = 4
Changes = Sequence[tuple[Intervention, dt.date, dt.date | None]]  # a change, its first date, the first without it


@dataclasses.dataclass(frozen=True)
class Starts:
    """R clinics on the morning of ``date``, which is day ``first_day`` of their simulation (a Monday is 0 modulo 7)."""

    layout: Layout
    who: tuple[str, ...]
    parameters: Parameters  # fields are numbers or [R]
    traits: Any  # [R, P, GENERATIONS, len(TRAITS)], None: the layout's
    words: np.ndarray  # uint32 [R, 2]
    states: ClinicState  # each [R, ...]; with room for the changes in force and one more
    first_day: int
    date: dt.date
    in_force: tuple[Intervention, ...]  # decided before; days are those of the simulation
    drivers: pd.DataFrame  # of a twin: what raises each risk; else empty
    basis: Basis

    def day_of(self, date: dt.date) -> int:
        """The day's number in the simulation."""
        return self.first_day + (date - self.date).days

    def change_set(self, change: Intervention | None) -> InterventionSet:
        """What is in force and perhaps one change more, as arrays of one size."""
        wanted = [*self.in_force, *([] if change is None else [change])]
        return single(as_set(wanted, self.layout, size=room_for(len(self.in_force) + 1)))


def room_for(changes: int) -> int:
    """Places for so many changes: in steps, so that another decision in force needs no other program."""
    return -(-changes // ROOM) * ROOM


def single(changes: InterventionSet) -> InterventionSet:
    """In 32 bits, as all of the advice is computed."""
    return InterventionSet(*(np.asarray(v, np.int32 if v.dtype == np.int32 else np.float32) for v in changes))


def starts_of(folder: Path, decided: Changes, *, pairs: int, days: int, on: dt.date | None = None) -> Starts:
    """The clinics of a folder of `clinictwin fit` or `clinictwin twin`, with the decisions that are in force.

    Args:
        pairs: how many clinics; draws of a fit are used again after the last, each with another chance.
        on: for a fit, the date of the advice is the Monday on it or after it; today if None. A twin's is the day
            after the last it has assimilated.

    Raises:
        DecisionError: the folder is something else, there are too few pairs or members, or ``on`` is given for a twin.
    """
    if pairs < FEWEST_PAIRS:
        raise DecisionError(f"pairs: met {pairs}, expected {FEWEST_PAIRS} or more")
    if source_of(folder) == OF_A_TWIN:
        if on is not None:
            raise DecisionError(
                f"{folder}: met a date of its own for a twin, expected none: it advises from its last day"
            )
        return _twin_starts(folder, decided, pairs, days)
    on = on or dt.date.today()
    return _fit_starts(folder, decided, pairs, days, on + dt.timedelta(days=-on.weekday() % WEEK_DAYS))


def _fit_starts(folder: Path, decided: Changes, pairs: int, days: int, on: dt.date) -> Starts:
    fit, clinic = load_fit(folder), load_clinic(folder)
    drawn = posterior_clinics(fit)
    clinics = clinics_of([drawn[k % len(drawn)] for k in range(pairs)], fit.layout(clinic.layout))
    parameters = jax.tree.map(lambda *v: np.asarray(v, np.float32), *clinics.parameters)
    traits = np.asarray(clinics.traits, np.float32)
    history = int(fit.info["warm_up_days"]) + int(fit.info["days"]) // WEEK_DAYS * WEEK_DAYS
    in_force = _in_days(decided, history, on)
    size = room_for(len(in_force) + 1)
    begin = jax.vmap(lambda p, t: initial_state(p, dataclasses.replace(clinics.layout, traits=t), size, jnp.float32))
    before = Starts(
        clinics.layout, clinic.who, parameters, traits, replicate_words(SEED, pairs), begin(parameters, traits), 0, on,
        in_force, pd.DataFrame(), basis_of_fit(folder, on.isoformat(), pairs, days),
    )  # fmt: skip
    states, _ = run_on(before, before.change_set(None), history // WEEK_DAYS)
    return dataclasses.replace(before, states=states, first_day=history)


def run_on(starts: Starts, changes: InterventionSet, weeks: int) -> tuple[ClinicState, dict[str, np.ndarray]]:
    """(states, records by outcome, each [R, weeks, N]: means per day) after so many weeks with these changes.

    Clinics run in groups of one size, a group to a core, a week at a time: one program does it all.
    """
    groups = _groups(len(starts.words), starts.layout.physicians)
    layout = jax.tree.map(jnp.asarray, starts.layout)

    def run(rows: np.ndarray) -> tuple[ClinicState, dict[str, np.ndarray]]:
        some = lambda tree: jax.tree.map(lambda v: v[rows], tree)  # noqa: E731
        parameters = jax.tree.map(lambda v: v[rows] if np.ndim(v) else v, starts.parameters)
        traits = None if starts.traits is None else starts.traits[rows]
        states, told = some(starts.states), []
        for week in range(weeks):
            day = np.int32(starts.first_day + week * WEEK_DAYS)
            states, records = _a_week_on(parameters, traits, starts.words[rows], changes, layout, states, day)
            told.append(jax.tree.map(np.asarray, records))
        return states, {name: np.concatenate([week[name] for week in told], axis=1) for name in NEEDED}

    with ThreadPoolExecutor(core_count()) as pool:
        parts = list(pool.map(run, groups))
    join = lambda *leaves: np.concatenate([np.asarray(v) for v in leaves])[: len(starts.words)]  # noqa: E731
    return jax.tree.map(join, *(states for states, _ in parts)), jax.tree.map(join, *(told for _, told in parts))


@functools.partial(jax.jit, compiler_options=COMPILER_OPTIONS)
def _a_week_on(*arguments: Any) -> tuple[ClinicState, dict[str, Any]]:
    return advance_clinics(*arguments, WEEK_DAYS, WEEK_DAYS, NEEDED)


def _groups(count: int, physicians: int) -> list[np.ndarray]:
    """Rows of each group: of one size, the last filled up with its last row."""
    at_once = max(PHYSICIANS_AT_ONCE // physicians, 1)
    number = -(-count // at_once)
    size = -(-count // number)
    return [np.minimum(np.arange(first, first + size), count - 1) for first in range(0, number * size, size)]


def _twin_starts(folder: Path, decided: Changes, pairs: int, days: int) -> Starts:
    from calibration.twin import Twin, open_twin
    from calibration.twin.blocks import write_block
    from calibration.twin.ensemble import parameters_of, slice_members
    from calibration.twin.step import everybody

    report, twin = open_twin(folder), Twin.open(folder)
    if pairs > twin.engine.members:
        raise DecisionError(f"pairs: met {pairs}, expected at most the twin's {twin.engine.members} members")
    members = slice_members(everybody(twin.state), slice(0, pairs))
    common, plan = twin.engine.common, twin.plan
    base = dataclasses.replace(common.base, session_minutes=np.float32(twin.state.session_minutes))
    parameters = jax.vmap(lambda s: parameters_of(s, base, plan.names), in_axes=1)(jnp.asarray(members.shared))
    clinic = jax.tree.map(jnp.asarray, members.clinic)
    states = jax.vmap(lambda c, b: write_block(c, b.T), in_axes=(0, 2))(clinic, jnp.asarray(members.block))
    first_day, date = twin.day + 1 + plan.warm_up_days, plan.date(twin.day + 1)
    in_force = _in_days(decided, first_day, date)
    _check_followed(folder, plan.interventions, in_force)
    missing = room_for(len(in_force) + 1) - int(states.use.tried.shape[-1])
    basis = basis_of_twin(folder, date.isoformat(), twin.noted.sequence, report.day, pairs, days)
    return Starts(
        plan.clinic.layout, plan.clinic.who, parameters, None, np.asarray(members.words), _with_room(states, missing),
        first_day, date, in_force, report.drivers, basis,
    )  # fmt: skip


def _check_followed(folder: Path, followed: Sequence[Intervention], in_force: Sequence[Intervention]) -> None:
    """Raises DecisionError if a twin follows changes that are not the first of those that are decided."""
    named = lambda changes: [(c.kind, c.pods, c.physicians) for c in changes]  # noqa: E731
    if named(followed) != named(in_force[: len(followed)]):
        raise DecisionError(f"{folder}: met a twin that follows {len(followed)} decisions, expected them in the "
                            "ledger; give the one that `clinictwin twin --ledger` was given")  # fmt: skip


def _with_room(states: ClinicState, more: int) -> ClinicState:
    """The states with room for so many changes more, which nobody has taken up."""
    pad = lambda use: jnp.pad(use, ((0, 0), (0, 0), (0, max(more, 0))))  # noqa: E731
    return states._replace(use=ChangeUse(*(pad(use) for use in states.use)))


def _in_days(decided: Changes, first_day: int, date: dt.date) -> tuple[Intervention, ...]:
    """Decisions in days of a simulation in which ``date`` is ``first_day``; what began before it begins with it."""
    day = lambda when: max(float(first_day + (when - date).days), 0.0)  # noqa: E731
    return tuple(
        dataclasses.replace(change, start_day=day(start), end_day=np.inf if end is None else day(end))
        for change, start, end in decided
    )
