"""What surveys ask of people who answer in their own way: the burnout item and the task load.

Nothing in the clinic reacts to a person's intercept on the burnout scale (but for absence) or to the rating style of
task load, so they need no place in the search: each is integrated out on a grid, which follows answers that bound a
person from both sides and ratings at the end of the scale, as no normal approximation does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from abm.parameters import Parameters
from abm.rules.burnout import burnout_index, personal_intercept
from abm.rules.task_load import SCALE_MAXIMUM
from calibration.likelihoods import normal_log_prob, ordinal_log_prob
from calibration.measures import BURNOUT_STATES, MEASURES

LEVEL, LOAD = "burnout_level", "task_load"  # the measures
OWN = ("rating", "intercept")  # the traits that are integrated out, of load and of level
THRESHOLDS = ("burnout_threshold_2", "burnout_threshold_3", "burnout_threshold_4", "burnout_threshold_5")
# Values of a trait over which it is integrated, and the logarithm of each one's share of people.
NODES = np.linspace(-4.0, 4.0, 401)
LOG_SHARE = norm.logpdf(NODES) - logsumexp(norm.logpdf(NODES))


class Answers(NamedTuple):
    """Answers by person: Q to the burnout item, R of task load; those of weight 0 may hold anything."""

    level_day: Any  # int [N, Q]
    level: Any  # [N, Q]: 1 to 5
    level_weight: Any  # [N, Q]
    load_day: Any  # int [N, R]
    load: Any  # [N, R]: points
    load_weight: Any  # [N, R]


class Chance(NamedTuple):
    """How what is asked for varies by the clinic's chance."""

    index_scale: Any  # []: logistic scale of the burnout index
    load_deviation: Any  # []: standard deviation of the log-odds of task load


class Asked(NamedTuple):
    """What a person would answer without a style of one's own; leading axes as the outputs'."""

    index: Any  # [Q]: burnout index
    thresholds: Any  # [4]
    load: Any  # [R]: log-odds of the share of the task load scale
    spread: Any  # [1]: of rating styles between people


def outputs(records: Mapping[str, Any], parameters: Parameters, answers: Answers) -> tuple[Any, Any]:
    """(outputs [N, Q + 4 + R + 1] that :func:`split` takes apart, index [days, N]) of a run whose people have rating
    style 0."""
    exhaustion, cynicism, motivation, change_fatigue = (records[name] for name in BURNOUT_STATES)
    index = burnout_index(exhaustion, cynicism, motivation, change_fatigue, parameters)
    person = jnp.arange(index.shape[1])[:, None]
    on_duty = records["on_duty"]
    share = jnp.clip(records["task_load"] / jnp.maximum(on_duty, 1e-2) / SCALE_MAXIMUM, 1e-4, 1.0 - 1e-4)
    log_odds = jnp.log(share) - jnp.log1p(-share)
    usual = ((on_duty * log_odds).sum(axis=0) / jnp.maximum(on_duty.sum(axis=0), 1e-2))[:, None]
    there = on_duty[answers.load_day, person]
    load = there * log_odds[answers.load_day, person] + (1.0 - there) * usual  # off duty in this run: as on other days
    alike = jnp.stack([*(getattr(parameters, name) for name in THRESHOLDS), parameters.task_load_spread])
    alike = jnp.broadcast_to(alike, (index.shape[1], len(alike)))
    return jnp.concatenate([index[answers.level_day, person], alike[:, :-1], load, alike[:, -1:]], axis=1), index


def split(values: Any, answers: Answers) -> Asked:
    """The parts of :func:`outputs` [..., Q + 4 + R + 1]."""
    levels = answers.level.shape[-1]
    thresholds = levels + len(THRESHOLDS)
    return Asked(
        values[..., :levels], values[..., levels:thresholds], values[..., thresholds:-1], values[..., -1:]
    )  # fmt: skip


def by_rating(asked: Asked, answers: Answers, chance: Chance) -> Any:
    """log-probability [nodes] of one person's task loads and of each of NODES as rating style."""
    measure = MEASURES[LOAD]
    share = jax.nn.sigmoid(asked.load + asked.spread * jnp.asarray(NODES, asked.load.dtype)[:, None])
    slope = SCALE_MAXIMUM * share * (1.0 - share)
    deviation = jnp.sqrt(measure.noise**2 + (slope * chance.load_deviation) ** 2)
    each = normal_log_prob(answers.load, SCALE_MAXIMUM * share, deviation, measure.step, measure.low, measure.high)
    return _with_share(each, answers.load_weight)


def by_intercept(asked: Asked, answers: Answers, chance: Chance) -> Any:
    """log-probability [nodes] of one person's levels and of each of NODES as trait behind the personal intercept."""
    own = personal_intercept(jnp.asarray(NODES, asked.index.dtype))
    each = ordinal_log_prob(answers.level, asked.index + own[:, None], asked.thresholds, chance.index_scale)
    return _with_share(each, answers.level_weight)


def _with_share(each: Any, weight: Any) -> Any:
    return jnp.asarray(LOG_SHARE, each.dtype) + jnp.where(weight > 0, weight * each, 0.0).sum(axis=1)


def log_prob(values: Any, answers: Answers, chance: Chance) -> Any:
    """log-probability of one person's answers, given ``values`` [Q + 4 + R + 1], the own traits integrated out."""
    asked = split(values, answers)
    return sum(jax.nn.logsumexp(by(asked, answers, chance)) for by in (by_rating, by_intercept))


@jax.jit
def masses(values: Any, answers: Answers, chance: Chance) -> Any:
    """Posterior shares [len(OWN), N, nodes] of NODES, given ``values`` [N, Q + 4 + R + 1]."""

    def one(values: Any, answers: Answers) -> Any:
        asked = split(values, answers)
        return jnp.stack([jax.nn.softmax(by(asked, answers, chance)) for by in (by_rating, by_intercept)])

    return jnp.swapaxes(jax.vmap(one)(values, answers), 0, 1)
