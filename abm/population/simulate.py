"""The JAX engine's front door: `simulate` runs a clinic for a number of days, vmap-able and differentiable."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from abm import draws
from abm import interventions as iv
from abm.layout import Layout, make_layout
from abm.parameters import Parameters
from abm.population.changes import levers_today, morning
from abm.population.modes import MODES, Day
from abm.population.night import night
from abm.population.state import ClinicState, initial_state
from abm.population.workday import no_work, work_day
from abm.rules import Rules


class Run(NamedTuple):
    """What a run returns. Records are per period, each [periods, N] (means over the period's days) by outcome name;
    ``staff`` the same [periods, M] for the people's states; ``state`` is the final morning."""

    physicians: dict[str, Any]
    staff: dict[str, Any]
    state: ClinicState


class Known(NamedTuple):
    """What a roster says of a day, each [P]: 1 it happens, 0 it does not, NaN unknown: left to chance."""

    absence: Any
    employment: Any  # a post changes hands in the following night: its holder leaves, or a vacancy is filled

    def force(self, draw: draws.DayDraws) -> draws.DayDraws:
        """The draws with those of known events outside (0, 1), where every chance or none is met."""

        def forced(event: Any, u: Any) -> Any:
            return jnp.where(jnp.isnan(event), u, jnp.where(event > 0.5, -1.0, 2.0)).astype(u.dtype)

        return draw._replace(
            absence=forced(self.absence, draw.absence), employment=forced(self.employment, draw.employment)
        )


@functools.cache
def default_layout() -> Layout:
    """The default clinic: 50 physicians in ten pods."""
    return make_layout()


def simulate(
    parameters: Parameters,
    days: int,
    key: Any,
    interventions: Iterable[iv.Intervention] | iv.InterventionSet | None = None,
    *,
    layout: Layout | None = None,
    mode: str = "exact",
    period_days: int = 1,
    rules: Rules | None = None,
    state: ClinicState | None = None,
    first_day: int = 0,
) -> Run:
    """Simulate ``days`` calendar days (day 0 is a Monday) of a clinic.

    Args:
        parameters: scalars, Python floats or traced JAX values; `jax.vmap` and `jax.grad` over them work.
        key: a JAX PRNG key or an integer seed; `jax.vmap` over keys works.
        interventions: what managers change; an InterventionSet may have traced doses.
        mode: "exact" (discrete events, as in Mesa) or "relaxed" (differentiable stand-ins).
        period_days: days averaged into one record; must divide ``days``.
        rules: behavioural rules to use instead of the standard ones.
        state, first_day: continue from an earlier run's final state.

    Returns:
        A Run; physicians' records are means per day over each period.
    """
    layout = layout or default_layout()
    if mode not in MODES:
        raise ValueError(f"mode: met {mode!r}, expected one of {sorted(MODES)}")
    if days < 1 or period_days < 1 or days % period_days:
        raise ValueError(f"days: met {days}, expected a positive multiple of period_days ({period_days})")
    dtype = jnp.zeros(()).dtype
    p = jax.tree.map(lambda v: jnp.asarray(v, dtype), parameters)
    changes = iv.as_set(interventions, layout)
    changes = jax.tree.map(
        lambda v: jnp.asarray(v) if jnp.asarray(v).dtype == jnp.int32 else jnp.asarray(v, dtype), changes
    )
    words = jnp.asarray(draws.seed_words(key))
    if state is None:
        state = initial_state(p, layout, changes.kind.shape[0], dtype)
    return _run(
        p, words, changes, layout, state, jnp.asarray(first_day, jnp.int32), days, mode, period_days, rules or Rules()
    )


@functools.partial(jax.jit, static_argnums=(6, 7, 8, 9))
def _run(p: Parameters, seed: Any, changes: iv.InterventionSet, layout: Layout, state: ClinicState, first_day: Any,
         days: int, mode_name: str, period_days: int, rules: Rules) -> Run:  # fmt: skip
    mode = MODES[mode_name]

    def one_day(state: ClinicState, number: Any) -> tuple[ClinicState, Any]:
        return clinic_day(state, number, p, seed, changes, layout, rules, mode)

    def period(state: ClinicState, first: Any) -> tuple[ClinicState, Any]:
        if period_days == 1:
            return one_day(state, first)

        def add(carry: tuple[ClinicState, Any], offset: Any) -> tuple[tuple[ClinicState, Any], None]:
            state, total = carry
            state, record = one_day(state, first + offset)
            return (state, jax.tree.map(jnp.add, total, record)), None

        shapes = jax.eval_shape(one_day, state, first)[1]
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        (state, total), _ = jax.lax.scan(add, (state, zero), jnp.arange(period_days, dtype=jnp.int32))
        return state, jax.tree.map(lambda v: v / period_days, total)

    starts = first_day + period_days * jnp.arange(days // period_days, dtype=jnp.int32)
    state, (physicians, staff) = jax.lax.scan(period, state, starts)
    return Run(physicians, staff, state)


def clinic_day(state: ClinicState, number: Any, p: Parameters, seed: Any, changes: iv.InterventionSet, layout: Layout,
               rules: Rules, mode: Any, known: Known | None = None,
               ) -> tuple[ClinicState, tuple[dict[str, Any], dict[str, Any]]]:  # fmt: skip
    """One calendar day from morning to morning, with the records of physicians [N] and staff [M].

    ``known`` events happen as they are said to have happened, and all others by chance.
    """
    n = layout.physicians
    dtype = state.fatigue.dtype
    weekday = number % 7
    is_weekday = weekday < 5
    week, in_week = number // 7, jnp.minimum(weekday, 4)
    day = Day(number, 5 * week + in_week, seed)
    draw = draws.day_draws(seed, number, n, layout.people, layout.slots_max, changes.kind.shape[0], dtype, jnp)
    if known is not None:
        draw = known.force(draw)
    state = morning(state, changes, number, p)
    levers = levers_today(state, changes, number, layout, p)
    extra_places = iv.EXTRA_PLACES if changes.kind.shape[0] else 0
    work = jax.lax.cond(
        is_weekday,
        lambda s: work_day(s, levers, draw, day, in_week, layout, p, extra_places, rules, mode),
        no_work,
        state,
    )
    after, record, staff = night(state, work, levers, changes, draw, number, layout, p, rules, mode)
    column = day.weekday_number % state.history.shape[1]
    return after._replace(history=after.history.at[:, column].set(after.joined)), (record, staff)
