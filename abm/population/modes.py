"""How discrete events happen: *exact* as whole events, *relaxed* as differentiable stand-ins.

Everything else in the engine is the same code. The stand-ins, from the same draws, are continuous in every parameter
and keep the mean of what they stand for, so that the derivative of a run is an unbiased estimate of that of its
expectation (as far as the stand-ins' laws go):

- counts: a squared normal with the mean and, above rates of about 2, the variance of the Poisson distribution;
- no-shows, absences, leaving, hiring: 0 or 1 as in the exact mode but for draws close to their chance, where a ramp
  goes from 0 to 1; a part-filled post is there part of the day, and its states are the mean of its holders';
- leavers and hires in the records: their expectation of the day;
- burned out: a logistic step at the threshold, the personal intercept kept;
- first tries of a change: their chance (use of a change is linear in it);
- who is seen: a member of the panel with the complexity of those who ask, instead of one ranked by complexity;
- slots: not rounded to whole numbers; ages of requests go over into each other.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from abm import draws
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population.fusion import look_up, replicates_side_by_side
from abm.rules import burnout

HAPPENS_WIDTH = 0.05  # of the widest ramp that keeps the mean
LEAST_EVENNESS = 0.6  # above 1/2: keeps counts of rates near zero differentiable
AGE_WIDTH = 0.2  # of the day's requests: where one day's go over into the next's
BURNED_OUT_WIDTH = 0.03  # logit units: wider steps bias the derivative of a given clinic, narrower ones are noisier


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


def calendar_days_back(weekdays: Any, weekday: Any) -> Any:
    """Calendar days between a request ``weekdays`` ago (a real number) and today's ``weekday`` (0 = Monday)."""
    weeks = (weekdays - weekday) / 5.0  # a weekend lies between as soon as this is above a whole number
    whole = jnp.floor(weeks)
    return weekdays + 2.0 * jnp.maximum(whole + jnp.minimum(5.0 * (weeks - whole), 1.0), 0.0)


@replicates_side_by_side
def ages(history: Any, newest_row: Any, served: Any, slot: Any) -> tuple[Any, Any]:
    """Weekdays since the request, and number of requests before that day's first, both [N, K].

    They are looked up for the ``slot``-th [N, K] request after the first ``served`` [N] ones. ``history`` [N, A] is a
    ring of requests at the end of each weekday; ``newest_row`` [N] holds yesterday's.
    """
    history, served = jax.lax.stop_gradient((history, served))  # ages are steps
    position = (served[:, None] + slot) + 0.5
    physician, days = jnp.arange(history.shape[0]), history.shape[1]

    def row(age: Any) -> Any:
        """[N]: requests by the end of the weekday ``age`` weekdays before yesterday, or of the oldest there is."""
        index = newest_row - jnp.minimum(age, days - 1)
        return history[physician, jnp.where(index < 0, index + days, index)]

    def look(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        looked, requests, age, before = carry
        later = requests[:, None] > position
        before = jnp.maximum(before, jnp.where(later, 0.0, requests[:, None]))
        return looked + 1, row(looked + 1), age + later, before

    # days on which all of these requests were still to come need no look
    since = (history > position[:, -1:]).sum(axis=1)
    age = jnp.zeros_like(position) + since[:, None]
    carry = (since, row(since), age, jnp.zeros_like(position))
    carry = jax.lax.while_loop(lambda c: jnp.any(c[1] > position[:, 0]), look, carry)
    return look(carry)[2:]


@replicates_side_by_side
def poisson_quantile(u: Any, rate: Any) -> Any:
    """`draws.poisson_quantile`, a step function: its gradient is zero."""
    return draws.poisson_quantile(*jax.lax.stop_gradient((u, rate)), jnp)


class Exact:
    """Discrete events, as in the Mesa engine."""

    name = "exact"

    @staticmethod
    def count(u: Any, rate: Any) -> Any:
        return poisson_quantile(u, rate)

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
    def counted(happened: Any, expected: Any) -> Any:
        """What a record says of rare events."""
        return happened

    @staticmethod
    def booked(state: Any, routine: Any, slot: Any, day: Day, layout: Layout, p: Parameters) -> Booked:
        dtype, rows = state.served.dtype, state.history.shape[1]
        every = jnp.zeros((layout.physicians, 1), dtype)
        newest_row = (day.weekday_number - 1) % rows + jnp.zeros(layout.physicians, jnp.int32)
        age, before = ages(state.history, newest_row, state.served, slot + every)
        is_routine = slot < routine[:, None]
        age = jnp.where(is_routine, age, 0.0)
        lead = calendar_days_back(age, day.weekday_number % 5)
        index = jnp.where(
            is_routine, state.served[:, None] + slot - before, draws.SAME_DAY_INDEX + slot - routine[:, None]
        )
        physician = jnp.arange(layout.physicians, dtype=jnp.uint32)[:, None]
        requested = day.weekday_number - age.astype(jnp.int32)
        word = draws.request_words(day.seed, physician, requested, index.astype(jnp.uint32), jnp)[0]
        # a member's share of the panel's requests is the mass of its complexity cell after selection
        shift = p.request_complexity_exponent * p.patient_complexity_spread
        normals = jnp.asarray(draws.NORMAL_TABLE, dtype)
        chosen = 0.5 + 0.5 * jax.lax.erf((look_up(normals, draws.normal_cell(word, jnp)) + shift) * math.sqrt(0.5))
        size = jnp.asarray(layout.panel_size, dtype)[:, None]
        rank = jnp.minimum(jnp.floor(chosen * size), size - 1.0)
        complexity = look_up(normals, draws.middle_cell(rank, size, jnp))
        traits, groups = (jnp.asarray(a).reshape(-1) for a in (layout.patient_no_show, layout.patient_group))
        member = traits.size // layout.physicians * physician.astype(jnp.int32) + rank.astype(jnp.int32)
        no_show_trait, disadvantaged = (look_up(of_all, member).astype(dtype) for of_all in (traits, groups))
        return Booked(lead, complexity, no_show_trait, disadvantaged)


class Relaxed:
    """Differentiable stand-ins for discrete events."""

    name = "relaxed"

    @staticmethod
    def count(u: Any, rate: Any) -> Any:
        # rate (a + b z)^2 with a^2 + b^2 = 1 has mean `rate` and variance rate^2 2 b^2 (2 - b^2) = rate^2 / even
        safe = jnp.maximum(rate, 0.0)
        even = safe + LEAST_EVENNESS * jnp.exp(-safe)
        a_squared = jnp.sqrt(1.0 - 0.5 / even)
        normal = draws.normal_of_uniform(u, safe.dtype, jnp)
        return safe * (jnp.sqrt(a_squared) + jnp.sqrt(1.0 - a_squared) * normal) ** 2

    @staticmethod
    def happens(u: Any, probability: Any) -> Any:
        # a ramp that is symmetric about u = probability and stays within (0, 1) has exactly the mean `probability`
        width = 2.0 * HAPPENS_WIDTH * probability * (1.0 - probability) + 1e-12
        share = jnp.clip((probability - u) / width + 0.5, 0.0, 1.0)
        return share * share * (3.0 - 2.0 * share)

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
    def counted(happened: Any, expected: Any) -> Any:
        """What a record says of rare events: their expectation of the day, without the noise of the dice."""
        return expected + 0.0 * happened

    @staticmethod
    def booked(state: Any, routine: Any, slot: Any, day: Day, layout: Layout, p: Parameters) -> Booked:
        position = state.served[:, None] + slot + 0.5
        history = state.history.T
        before = jnp.roll(history, 1, axis=0)

        def look(total: Any, rows: tuple[Any, Any]) -> tuple[Any, None]:
            row, previous = rows
            width = AGE_WIDTH * jnp.maximum(row - previous, 1e-6)
            share = (row[:, None] - position) / width[:, None] + 0.5
            return total + jnp.clip(share, 0.0, 1.0), None

        age = jax.lax.scan(look, jnp.zeros_like(position), (history, before))[0]
        physician = jnp.arange(layout.physicians, dtype=jnp.uint32)[:, None]
        index = draws.STAND_IN_INDEX + slot.astype(jnp.uint32)
        word = draws.request_words(day.seed, physician, day.weekday_number, index, jnp)
        # where the waiting list ends within a slot, it is one or the other's: no-shows are not linear in lead time
        same_day = jnp.clip(slot + 1.0 - routine[:, None], 0.0, 1.0)
        same_day = Relaxed.happens(draws.uniform(word[2], position.dtype, jnp), same_day)
        lead = calendar_days_back(jnp.maximum(age, 1.0), day.weekday_number % 5) * (1.0 - same_day)
        shift = p.request_complexity_exponent * p.patient_complexity_spread
        size = jnp.asarray(layout.panel_size, position.dtype)[:, None]
        member = jnp.floor(draws.uniform(word[1], position.dtype, jnp) * size).astype(jnp.int32)
        return Booked(
            lead + jnp.zeros_like(position),
            draws.normal(word[0], position.dtype, jnp) + shift,
            jnp.asarray(layout.patient_no_show, position.dtype)[physician, member],
            jnp.asarray(layout.patient_group, position.dtype)[physician, member],
        )


MODES: dict[str, Any] = {"exact": Exact, "relaxed": Relaxed}
