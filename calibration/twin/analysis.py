"""One day's observations meet the ensemble: the clinic's means first, then what sets each physician apart.

What is shared (the fitted parameters) and what is one's own (a physician's block) explain the same values, so their
updates must not both take the whole of a surprise. Means over physicians and deviations from them are independent
where physicians are alike: the **means** move the shared parameters and everybody's block, the **deviations** move each
physician's block alone (localisation: with 1,024 members no other physician's value could be told from chance). So no
value counts twice, and hundreds of values a day do not make the shared parameters surer than their means do.

**Answers to the burnout item** are levels cut by thresholds, which no normal approximation follows. Each answer weighs
the members by its probability; the members' latent values then move, in order of rank, to the weighted distribution's
quantiles, and the block follows by regression (the rank histogram filter of Anderson 2010, Mon Weather Rev 138:4186).
Resampling by the same weights would leave copies of few members, and months later one. The effective sample size of the
weights is reported all the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from calibration.likelihoods import ordinal_log_prob
from calibration.quality import WORKING_SHARE
from calibration.twin.gains import Standard, agreed, beyond_doubt, correlations, move, solve, standardise
from calibration.twin.scales import LEVEL_ROW

LEAST_SHARED = 5  # physicians observed from which on their mean counts as the clinic's (assumed)
LEVELS = 5
# Logistic scale about a threshold within which an answer may fall on either side (assumed: a quarter of the distance
# between thresholds): how a person feels at that moment, which the day's index does not hold.
ANSWER_SCALE = 0.15


class Predicted(NamedTuple):
    """What the members expect of the day; M measures (COMPARED), N physicians, E members, B block rows, P parameters.

    The row of the burnout item holds the latent value over the third threshold.
    """

    values: Any  # [N, M, E], on the measures' scales
    thresholds: Any  # [4, E], over the third one
    block: Any  # [N, B, E], of the next morning
    shared: Any  # [P, E], on the unbounded scale


class Values(NamedTuple):
    """A day's observations, each [N, M]."""

    observed: Any  # on the measures' scales; anything where there is none
    variance: Any  # of observation, made larger where the source is doubted
    there: Any  # bool
    weight: Any  # 0-1: of answers


class Analysed(NamedTuple):
    """The ensemble after the day, and how surprised it was."""

    block: Any  # [N, B, E]
    shared: Any  # [P, E]
    innovation: Any  # [N, M]: observed less predicted, in standard deviations expected of it; 0 where there is none
    spread: Any  # [N, M]: these standard deviations, on the measures' scales
    clinic_innovation: Any  # [M]: the same of the clinic's means
    effective_members: Any  # [N]: effective sample size of an answer's weights; E where there was none
    log_density: Any  # []: of the observed values


@jax.jit
def analyse(predicted: Predicted, day: Values) -> Analysed:
    """The ensemble given a day's observations."""
    members = predicted.values.shape[-1]
    is_level = jnp.arange(predicted.values.shape[1]) == LEVEL_ROW
    there = day.there & ~is_level  # of values that are compared as numbers
    own = solve(day.observed, day.variance, there, standardise(predicted.values))
    innovation, spread = own.innovation, _total(own, predicted.values, day)

    count = day.there.sum(axis=0)
    is_shared = count >= LEAST_SHARED
    of_clinic = _clinic_update(predicted, day, is_shared, is_level, members)
    values, block = of_clinic.values, of_clinic.block

    of_person = solve(
        day.observed - jnp.where(is_shared, of_clinic.observed_mean, 0.0),
        day.variance * jnp.where(is_shared, 1.0 - 1.0 / jnp.maximum(count, 1.0), 1.0),
        there,
        standardise(values - jnp.where(is_shared[:, None], _mean_of(values, day.there), 0.0)),
    )
    everything = jnp.concatenate([block, values[:, LEVEL_ROW : LEVEL_ROW + 1]], axis=1)
    before = standardise(everything)
    there_rows = jnp.broadcast_to(there[:, None, :], (*everything.shape[:2], there.shape[1]))
    # scores are in units of the total: their own standard deviation is the share
    rescaled = _as_standard(of_person)
    correlation = agreed(correlations(before, rescaled), there_rows, members)
    everything = move(everything, before, correlation, of_person)
    block, latent = everything[:, :-1], everything[:, -1]
    block, effective = _answer(block, latent, predicted.thresholds, day, members)
    clinic_density = of_clinic.log_density
    return Analysed(block, of_clinic.shared, innovation, spread, of_clinic.innovation, effective,
                    clinic_density + of_person.log_density.sum())  # fmt: skip


def _total(solved: Any, values: Any, day: Values) -> Any:
    deviation = standardise(values).deviation
    return jnp.where(day.there, jnp.sqrt(deviation**2 + day.variance), 1.0)


def _as_standard(solved: Any) -> Standard:
    """Predicted scores in units of their own standard deviations."""
    scores = solved.scores / jnp.maximum(solved.share, 1e-9)[..., None]
    return Standard(jnp.zeros_like(solved.share), solved.share, scores)


def _mean_of(values: Any, there: Any) -> Any:
    """[M, E]: mean over the physicians observed, of [N, M, E]."""
    weight = there / jnp.maximum(there.sum(axis=0), 1.0)
    return jnp.einsum("nm,nme->me", weight, values)


class _OfClinic(NamedTuple):
    values: Any
    block: Any
    shared: Any
    observed_mean: Any
    innovation: Any
    log_density: Any


def _clinic_update(predicted: Predicted, day: Values, is_shared: Any, is_level: Any, members: int) -> _OfClinic:
    """By the means over physicians of each measure: shared parameters, blocks and predicted values."""
    latent = predicted.values[:, LEVEL_ROW]
    level = 1.0 + (latent[:, None] > predicted.thresholds).sum(axis=1)
    values = jnp.where(is_level[:, None], level[:, None], predicted.values)
    count = jnp.maximum(day.there.sum(axis=0), 1.0)
    weight = day.there / count
    observed = (weight * jnp.where(day.there, day.observed, 0.0)).sum(axis=0)
    variance = (weight**2 * jnp.where(day.there, day.variance, 0.0)).sum(axis=0)
    solved = solve(observed, variance, is_shared, standardise(_mean_of(values, day.there)))
    predictions = _as_standard(solved)
    shared_before = standardise(predicted.shared)
    shared = move(
        predicted.shared, shared_before, beyond_doubt(correlations(shared_before, predictions), members), solved
    )
    # an answer moves the shared thresholds here; what it says of its own person is for later
    numbers = solve(observed, variance, is_shared & ~is_level, standardise(_mean_of(values, day.there)))
    everything = jnp.concatenate([predicted.block, predicted.values], axis=1)
    before = standardise(everything)
    n = everything.shape[0]
    numbers_alike = jax.tree.map(lambda a: jnp.broadcast_to(a, (n, *a.shape)), _as_standard(numbers))
    there = jnp.broadcast_to((day.there & is_shared & ~is_level)[:, None, :],
                             (*everything.shape[:2], day.there.shape[1]))  # fmt: skip
    correlation = agreed(correlations(before, numbers_alike), there, members)
    everything = move(
        everything, before, correlation, jax.tree.map(lambda a: jnp.broadcast_to(a, (n, *a.shape)), numbers)
    )
    rows = predicted.block.shape[1]
    return _OfClinic(everything[:, rows:], everything[:, :rows], shared, observed, solved.innovation,
                     solved.log_density)  # fmt: skip


def _answer(block: Any, latent: Any, thresholds: Any, day: Values, members: int) -> tuple[Any, Any]:
    """(blocks, effective sample sizes [N]) given answers to the burnout item, from latent values [N, E]."""
    there = day.there[:, LEVEL_ROW]

    def of_person(latent: Any, level: Any, weight: Any, there: Any) -> tuple[Any, Any]:
        each = jax.vmap(lambda x, t: ordinal_log_prob(level, x, t, ANSWER_SCALE), in_axes=(0, 1))(latent, thresholds)
        meant = weight * WORKING_SHARE["good"]  # the others tick any level
        likelihood = jnp.where(there, meant * jnp.exp(each) + (1.0 - meant) / LEVELS, 1.0)
        mass = likelihood / likelihood.sum()
        order = jnp.argsort(latent)
        ranked, sorted_mass = latent[order], mass[order]
        before = jnp.cumsum(sorted_mass) - 0.5 * sorted_mass
        wanted = jnp.interp((jnp.arange(members) + 0.5) / members, before, ranked)
        moved = jnp.zeros_like(latent).at[order].set(wanted - ranked)
        return jnp.where(there, moved, 0.0), jnp.where(there, 1.0 / (mass**2).sum(), 1.0 * members)

    def answered(block: Any) -> tuple[Any, Any]:
        level = jnp.where(there, day.observed[:, LEVEL_ROW], 3.0)
        moved, effective = jax.vmap(of_person)(latent, level, day.weight[:, LEVEL_ROW], there)
        before, by = standardise(block), standardise(latent[:, None])
        everybody = jnp.ones((*block.shape[:2], 1), bool)
        correlation = agreed(correlations(before, by), everybody, members)[..., 0]
        slope = correlation * before.deviation / jnp.maximum(by.deviation, 1e-9)
        return block + slope[..., None] * moved[:, None], effective

    nobody = lambda block: (block, jnp.full(there.shape, 1.0 * members))  # noqa: E731
    return jax.lax.cond(there.any(), answered, nobody, block)
