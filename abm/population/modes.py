"""How discrete events happen: *exact* as whole events, *relaxed* as differentiable stand-ins.

Everything else in the engine is the same code. The stand-ins, from the same draws:

- counts: a log-normal with the Poisson mean ``rate`` and variance ``rate**2 / (rate + 1)``, pathwise differentiable;
- no-shows and absences: the binary concrete distribution (Maddison et al. 2017) at temperature 0.1;
- leaving and hiring: their chance; a post is then filled in part, and clinic totals weigh people by it;
- burned out: a logistic step of width 0.25 at the threshold, the personal intercept kept;
- first tries of a change: their chance;
- who is seen: a stand-in patient with the law of those who ask, instead of a ranked member of the panel;
- slots: not rounded to whole numbers; lead times are interpolated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from abm import draws
from abm.layout import Layout
from abm.parameters import Parameters
from abm.rules import burnout

CONCRETE_TEMPERATURE = 0.1
BURNED_OUT_WIDTH = 0.25  # logit units


class Booked(NamedTuple):
    """Who sits in today's slots, each [N, K]."""

    lead_days: Any  # calendar days since the request
    complexity: Any  # standard normal: log-complexity over its spread
    no_show_trait: Any  # standard normal
    disadvantaged: Any  # 0 or 1


class Day(NamedTuple):
    """Which day it is: calendar day, its number among weekdays, and the seed words."""

    number: Any
    weekday_number: Any
    seed: Any


def calendar_day(weekday_number: Any) -> Any:
    """Calendar day (0 = first Monday) of a weekday number."""
    return 7 * (weekday_number // 5) + weekday_number % 5


def ages(history: Any, position: Any) -> tuple[Any, Any]:
    """For positions [N, K] of the waiting lists: weekdays since the request, and the position at which its day
    began."""

    def look(carry: tuple[Any, Any], row: Any) -> tuple[tuple[Any, Any], None]:
        count, base = carry
        later = row[:, None] > position
        return (count + later, jnp.maximum(base, jnp.where(later, 0.0, row[:, None]))), None

    start = (jnp.zeros(position.shape, position.dtype), jnp.zeros_like(position))
    return jax.lax.scan(look, start, history, unroll=11)[0]


class Exact:
    """Discrete events, as in the Mesa engine."""

    name = "exact"

    @staticmethod
    def count(u: Any, rate: Any) -> Any:
        # the barrier keeps XLA from fusing (and so repeating) the series in each place that reads the count
        return jax.lax.optimization_barrier(draws.poisson_quantile(u, rate, jnp))

    @staticmethod
    def happens(u: Any, probability: Any) -> Any:
        return jnp.where(u < probability, 1.0, 0.0).astype(probability.dtype)

    event = happens

    @staticmethod
    def whole(u: Any, number: Any) -> Any:
        return jnp.floor(number + u)

    @staticmethod
    def burned_out(index: Any, intercept: Any, threshold: Any) -> Any:
        return burnout.burned_out(index, intercept, threshold, jnp).astype(index.dtype)

    @staticmethod
    def filled(employed: Any) -> Any:
        """Presence with which a post takes part in the day."""
        return employed

    @staticmethod
    def booked(state: Any, routine: Any, slot: Any, day: Day, layout: Layout, p: Parameters) -> Booked:
        position = state.served[:, None] + slot + 0.5
        age, base = ages(state.history, position)
        is_routine = slot < routine[:, None]
        age = jnp.where(is_routine, age, 0.0).astype(jnp.int32)
        requested = day.weekday_number - age
        lead = (calendar_day(day.weekday_number) - calendar_day(requested)).astype(position.dtype)
        index = jnp.where(is_routine, position - base, draws.SAME_DAY_INDEX + slot - routine[:, None])
        physician = jnp.arange(layout.physicians, dtype=jnp.uint32)[:, None]
        word = draws.request_words(day.seed, physician, requested, index.astype(jnp.uint32), jnp)[0]
        # a member's share of the panel's requests is the mass of its complexity cell after selection
        shift = p.request_complexity_exponent * p.patient_complexity_spread
        chosen = jax.scipy.special.ndtr(jnp.asarray(draws.NORMAL_TABLE, position.dtype) + shift)
        size = jnp.asarray(layout.panel_size)[:, None]
        rank = jnp.minimum((chosen[(word >> 16).astype(jnp.int32)] * size).astype(jnp.int32), size - 1)
        cell = draws.middle_cell(rank, size)
        row = jnp.arange(layout.physicians)[:, None]
        return Booked(
            lead,
            jnp.asarray(draws.NORMAL_TABLE, position.dtype)[cell],
            jnp.asarray(layout.patient_no_show)[row, rank].astype(position.dtype),
            jnp.asarray(layout.patient_group)[row, rank].astype(position.dtype),
        )


class Relaxed:
    """Differentiable stand-ins for discrete events."""

    name = "relaxed"

    @staticmethod
    def count(u: Any, rate: Any) -> Any:
        safe = jnp.maximum(rate, 0.0)
        variance = jnp.log1p(1.0 / (1.0 + safe))
        normal = draws.normal_of_uniform(u, safe.dtype, jnp)
        return safe * jnp.exp(jnp.sqrt(variance) * normal - 0.5 * variance)

    @staticmethod
    def happens(u: Any, probability: Any) -> Any:
        odds = jnp.log(probability + 1e-12) - jnp.log1p(-probability + 1e-12)
        noise = jnp.log(u) - jnp.log1p(-u)
        return jax.nn.sigmoid((odds - noise) / CONCRETE_TEMPERATURE)

    @staticmethod
    def event(u: Any, probability: Any) -> Any:
        return probability + 0.0 * u

    @staticmethod
    def whole(u: Any, number: Any) -> Any:
        return number + 0.0 * u

    @staticmethod
    def burned_out(index: Any, intercept: Any, threshold: Any) -> Any:
        return jax.nn.sigmoid((index + intercept - threshold) / BURNED_OUT_WIDTH)

    @staticmethod
    def filled(employed: Any) -> Any:
        """The day of the person in the post, given that it is filled; totals weigh it by the chance of that."""
        return jnp.ones_like(employed)

    @staticmethod
    def booked(state: Any, routine: Any, slot: Any, day: Day, layout: Layout, p: Parameters) -> Booked:
        position = state.served[:, None] + slot + 0.5
        before = jnp.roll(state.history, 1, axis=0)

        def look(total: Any, rows: tuple[Any, Any]) -> tuple[Any, None]:
            row, previous = rows
            width = row - previous
            share = (row[:, None] - position) / jnp.where(width > 1e-6, width, 1e-6)[:, None]
            return total + jnp.clip(share, 0.0, 1.0), None

        age = jax.lax.scan(look, jnp.zeros_like(position), (state.history, before))[0] + 0.5
        same_day = jnp.clip(slot + 1.0 - routine[:, None], 0.0, 1.0)
        lead = 1.4 * age * (1.0 - same_day)  # 7 calendar days for 5 weekdays
        physician = jnp.arange(layout.physicians, dtype=jnp.uint32)[:, None]
        index = draws.STAND_IN_INDEX + slot.astype(jnp.uint32)
        word = draws.request_words(day.seed, physician, day.weekday_number, index, jnp)
        shift = p.request_complexity_exponent * p.patient_complexity_spread
        share = jnp.mean(jnp.asarray(layout.patient_group, position.dtype))
        return Booked(
            lead + jnp.zeros_like(position),
            draws.normal(word[0], position.dtype, jnp) + shift,
            draws.normal(word[1], position.dtype, jnp),
            jnp.where(draws.uniform(word[2], position.dtype, jnp) < share, 1.0, 0.0),
        )


MODES: dict[str, Any] = {"exact": Exact, "relaxed": Relaxed}
