"""One day of the twin: simulate it, compare it with what was observed, and tell how things stand.

The state after a day is a function of the state before and of the day's present observations alone. That is what makes
any order of arrival end the same, and a killed twin go on where it was.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from abm.parameters import ENTRIES
from abm.rules.burnout import burned_out, burnout_index, burnout_risk, personal_intercept
from calibration.measures import BURNOUT_STATES, MEASURES
from calibration.quality import WORKING_SHARE
from calibration.twin.analysis import CLINIC_ROWS, LEAST_SHARED, Analysed, Predicted, Values, analyse
from calibration.twin.blocks import BLOCK, TRAIT_ROWS
from calibration.twin.board import NAMES, Day
from calibration.twin.drift import Drift, follow_drift, no_drift
from calibration.twin.ensemble import (
    Fixed,
    Forecast,
    Inputs,
    Members,
    begin,
    change_posts,
    day_of_group,
    fixed,
    group_size,
    on_all_cores,
    parameters_of,
    slice_members,
)
from calibration.twin.gains import Relations, no_relations, standardise
from calibration.twin.plan import TwinPlan
from calibration.twin.scales import COMPARED, LEVEL_ROW, observation_variance, on_scale, personal_prior
from calibration.twin.sensors import BELIEVED, Sources, chance_of_working, first_sources, watch
from calibration.twin.start import draw_start, member_words

QUANTILES = (0.05, 0.5, 0.95)
# Own traits fade: a share of the prior's variance comes back each day, so that in about two years a person may have
# become another (assumed), and a twin of many years does not grow deaf.
FADING_PER_DAY = 1.0 / 730.0
_ROWS = np.array([NAMES.index(name) for name in COMPARED])
_SCHEDULED, _ABSENT, _EMPLOYED = (NAMES.index(name) for name in ("scheduled_minutes", "absent", "employed"))
_AT_WORK = np.array([NAMES.index(n) for n in NAMES if MEASURES[n].stream == "schedule" and n != "third_next_available_"
                     "days"])  # fmt: skip


class TwinState(NamedTuple):
    """Everything the twin knows after a day; N physicians, E members."""

    day: int  # the last one assimilated; -1 before the first
    groups: tuple[Members, ...]
    sources: Sources
    drift: Drift
    filled: np.ndarray  # [N]: 1 if the post is filled, as the roster last said
    session_minutes: float  # as the roster last said
    relations: Relations  # of shared parameters with the clinic's means


class Told(NamedTuple):
    """What a day's update tells; M measures (COMPARED), N physicians, P shared parameters, B block rows."""

    risk: np.ndarray  # [4, N]: mean and QUANTILES of the chance of burnout on the next morning
    burned_out: np.ndarray  # [N]: chance of being burned out by own answers as well
    block: np.ndarray  # [2, N, B]: means and standard deviations of the blocks
    shared: np.ndarray  # [3, P]: QUANTILES of the shared parameters in their units
    innovation: np.ndarray  # [M, N]; NaN where there is no value
    clinic_innovation: np.ndarray  # [M]; NaN where there is none
    failing: np.ndarray  # [S, N]: chance that the source fails
    drift: np.ndarray  # [2, M]: cumulative sums, too high and too low
    drift_since: np.ndarray  # [2, M]: day
    drift_alarm: np.ndarray  # [2, M]
    effective_members: np.ndarray  # [N]
    log_density: float
    filled: np.ndarray  # [N]
    used: np.ndarray  # [M, N]: weight of the value, 0-1; NaN where there was none


class Engine:
    """A plan with its programs and constants: steps a state by a day."""

    def __init__(self, plan: TwinPlan) -> None:
        self.plan = plan
        self.common: Fixed = fixed(plan.base, plan.clinic.layout, plan.interventions, plan.places)
        self.levels = jnp.asarray(np.stack(personal_prior()), jnp.float32)
        size = group_size(plan.members, plan.physicians)
        count = -(-plan.members // size)
        # groups are of one size: the last members of an uneven division are not left out, the count is rounded up
        self.rows = [slice(k * size, (k + 1) * size) for k in range(count)]
        self.members = count * size

    def first(self, fit: Any = None) -> TwinState:
        """The morning of day 0: drawn, and warmed up by days that nobody observes."""
        plan = self.plan
        whole = plan if plan.members == self.members else dataclasses.replace(plan, members=self.members)
        block, shared = draw_start(whole, fit)
        words = member_words(whole)
        groups = [begin(words[r], block[..., r], shared[..., r], self.common, plan.names) for r in self.rows]
        nobody = np.full(plan.physicians, np.nan)
        stays = np.zeros(plan.physicians)
        minutes = float(plan.base.session_minutes)
        for day in range(-plan.warm_up_days, 0):
            groups = [g for g, _ in self.simulate(groups, day, nobody, stays, minutes)]
        return TwinState(-1, tuple(groups), first_sources(plan.physicians), no_drift(), np.ones(plan.physicians),
                         minutes, no_relations(len(plan.names), CLINIC_ROWS))  # fmt: skip

    def simulate(self, groups: Any, day: int, absent: np.ndarray, employment: np.ndarray,
                 session_minutes: float) -> list[tuple[Members, Forecast]]:  # fmt: skip
        """Each group a day on, and what its members expect of the day."""
        single = lambda a: jnp.asarray(a, jnp.float32)  # noqa: E731
        inputs = Inputs(
            jnp.asarray(day + self.plan.warm_up_days, jnp.int32), single(absent), single(employment),
            single(session_minutes),
        )  # fmt: skip
        return on_all_cores(lambda g: day_of_group(g, inputs, self.common, self.plan.names), list(groups))

    def step(self, state: TwinState, observed: Day) -> tuple[TwinState, Told]:
        """The state a day on, given the day's observations."""
        plan, day = self.plan, state.day + 1
        groups, filled = self._posts(state, observed, day)
        minutes = _session_minutes(observed, state.session_minutes)
        groups_ahead = self.simulate(groups, day, _absent(observed), np.zeros(plan.physicians), minutes)
        predicted = _together(groups_ahead)
        values, sources = _values(observed, predicted, state.sources, filled)
        found = analyse(predicted, values, state.relations)
        block = _faded(found.block)
        told = _tell(block, found.shared, self.common, plan.names)
        drift = follow_drift(
            state.drift, np.asarray(found.clinic_innovation, float),
            np.asarray(values.there).sum(axis=0) >= LEAST_SHARED, day,
        )  # fmt: skip
        bounds = tuple((r.start, r.stop) for r in self.rows)
        parts = zip(groups_ahead, _divided(block, bounds), _divided(found.shared, bounds), strict=True)
        after = tuple(g._replace(block=own, shared=shared) for (g, _), own, shared in parts)
        new = TwinState(day, after, sources, drift, filled, minutes, found.relations)
        return new, _account(told, found, values, new)

    def _posts(self, state: TwinState, observed: Day, day: int) -> tuple[tuple[Members, ...], np.ndarray]:
        """The members after the departures and arrivals that the morning's roster tells of."""
        says = observed.value[_EMPLOYED]
        filled = np.where(np.isfinite(says), says > 0.5, state.filled).astype(float)
        if (filled == state.filled).all():
            return state.groups, filled
        leaves, comes = (jnp.asarray(filled - state.filled == sign, jnp.float32) for sign in (-1.0, 1.0))
        number = jnp.asarray(day, jnp.int32)
        changed = on_all_cores(
            lambda g: change_posts(g, leaves, comes, number, self.levels, self.common, self.plan.names),
            list(state.groups),
        )
        return tuple(changed), filled


def _session_minutes(observed: Day, before: float) -> float:
    """Length of a session day: the roster's median of those who hold one, within what the parameter may be."""
    scheduled = observed.value[_SCHEDULED]
    scheduled = scheduled[np.isfinite(scheduled) & (scheduled > 0)]
    entry = ENTRIES["session_minutes"]
    return float(np.clip(np.median(scheduled), entry.low, entry.high)) if len(scheduled) else before


def _absent(observed: Day) -> np.ndarray:
    """[N]: 1 absent, 0 present, NaN unknown. Who is reported to have seen patients was there."""
    worked = (np.nan_to_num(observed.value[_AT_WORK]) > 0).any(axis=0)
    return np.where(worked, 0.0, observed.value[_ABSENT])


def _together(ahead: list[tuple[Members, Forecast]]) -> Predicted:
    join = lambda parts: jnp.concatenate(list(parts), axis=-1)  # noqa: E731
    return Predicted(
        join(f.values for _, f in ahead), join(f.thresholds for _, f in ahead), join(g.block for g, _ in ahead),
        join(g.shared for g, _ in ahead),
    )  # fmt: skip


@jax.jit
def _moments(values: Any) -> tuple[Any, Any]:
    found = standardise(values)
    return found.mean, found.deviation


def _values(observed: Day, predicted: Predicted, before: Sources, filled: np.ndarray) -> tuple[Values, Sources]:
    """The day's observations on their scales, with the weight of each, and the sources after them."""
    mean, deviation = (np.asarray(a, float).T for a in _moments(predicted.values))
    value, suspect = observed.value[_ROWS], observed.suspect[_ROWS]
    value = np.where(filled > 0.5, value, np.nan)  # a vacant post's values are nobody's
    scaled, variance = np.zeros_like(value), np.ones_like(value)
    for m, name in enumerate(COMPARED):
        scaled[m] = on_scale(MEASURES[name], np.nan_to_num(value[m]), np)
        variance[m] = observation_variance(MEASURES[name], np.nan_to_num(value[m]))
    sources = watch(before, value, suspect, scaled, mean, np.sqrt(deviation**2 + variance))
    weight = chance_of_working(sources) * np.where(suspect, WORKING_SHARE["suspect"], 1.0)
    # what no member can report (minutes of a day on which it has no session) cannot be compared
    possible = (deviation > 0) | (np.arange(len(COMPARED)) == LEVEL_ROW)[:, None]
    there = np.isfinite(value) & (weight >= BELIEVED) & possible
    single = lambda a: jnp.asarray(a.T, jnp.float32)  # noqa: E731
    used = np.where(np.isfinite(value), np.where(there, weight, 0.0), np.nan)
    given = Values(single(scaled), single(variance / np.maximum(weight, BELIEVED)), jnp.asarray(there.T), single(used))
    return given, sources


@jax.jit
def _faded(block: Any) -> Any:
    """Blocks [N, B, E] whose traits have got back a little of the prior's variance."""
    traits = standardise(block[:, TRAIT_ROWS])
    variance = traits.deviation**2
    wider = jnp.sqrt(1.0 + FADING_PER_DAY * jnp.maximum(1.0 - variance, 0.0) / jnp.maximum(variance, 1e-6))
    scores = traits.scores * (traits.deviation * wider)[..., None]
    return block.at[:, TRAIT_ROWS].set(traits.mean[..., None] + scores)


@functools.partial(jax.jit, static_argnames="names")
def _members_tell(block: Any, shared: Any, common: Fixed, names: tuple[str, ...]) -> tuple[Any, ...]:
    """(risk [N, E], burned out [N], block moments [2, N, B], shared parameters in their units [P, E])."""
    p = jax.vmap(lambda s: parameters_of(s, common.base, names), in_axes=1)(shared)
    risk, burned = risk_of(block, p)
    moments = standardise(block)
    units = jnp.stack([getattr(p, name) for name in names]) if names else shared
    return risk, burned.mean(axis=-1), jnp.stack([moments.mean, moments.deviation]), units


def _tell(block: Any, shared: Any, common: Fixed, names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """(risk [4, N], burned out [N], block moments [2, N, B], shared quantiles [3, P])."""
    risk, burned, moments, units = (np.asarray(a) for a in _members_tell(block, shared, common, names))
    # NumPy finds quantiles four times as fast as XLA sorts
    risks = np.concatenate([risk.mean(axis=-1)[None], np.quantile(risk, QUANTILES, axis=-1)])
    return risks, burned, moments, np.quantile(units, QUANTILES, axis=-1)


@functools.partial(jax.jit, static_argnames="bounds")
def _divided(values: Any, bounds: tuple[tuple[int, int], ...]) -> list[Any]:
    """Parts of the last axis."""
    return [values[..., start:stop] for start, stop in bounds]


def risk_of(block: Any, p: Any) -> tuple[Any, Any]:
    """(chance of burnout, burned out by own answers) [N, E] of blocks [N, B, E] under parameters of each member."""
    exhaustion, cynicism, motivation, change_fatigue = (
        jax.nn.sigmoid(block[:, BLOCK.index(name)]) for name in BURNOUT_STATES
    )
    index = burnout_index(exhaustion, cynicism, motivation, change_fatigue, p)
    own = personal_intercept(block[:, BLOCK.index("trait_intercept")])
    threshold = p.burnout_threshold_3
    return burnout_risk(index, threshold, jnp), burned_out(index, own, threshold, jnp)


def _account(told: tuple[Any, ...], found: Analysed, values: Values, state: TwinState) -> Told:
    risk, burned, moments, shared = (np.asarray(a, float) for a in told)
    there = np.asarray(values.there).T
    innovation = np.where(there, np.asarray(found.innovation, float).T, np.nan)
    of_clinic = np.where(there.sum(axis=1) >= LEAST_SHARED, np.asarray(found.clinic_innovation, float), np.nan)
    return Told(
        risk, burned, moments, shared, innovation, of_clinic, expit(state.sources.log_odds), state.drift.total,
        state.drift.since, state.drift.alarm, np.asarray(found.effective_members, float), float(found.log_density),
        state.filled, np.asarray(values.weight, float).T,
    )  # fmt: skip


def everybody(state: TwinState) -> Members:
    """All groups as one."""
    join = lambda *parts: jnp.concatenate(parts, axis=-1)  # noqa: E731
    groups = state.groups
    return Members(
        jax.tree.map(lambda *a: jnp.concatenate(a), *(g.clinic for g in groups)),
        jnp.concatenate([g.words for g in groups]), join(*(g.block for g in groups)), join(*(g.shared for g in groups)),
    )  # fmt: skip


def in_groups(members: Members, rows: list[slice]) -> tuple[Members, ...]:
    """The other way round."""
    return tuple(slice_members(members, r) for r in rows)
