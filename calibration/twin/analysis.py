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
from calibration.twin.gains import Relations, Standard, agreed, beyond_doubt, correlations, move, solve, standardise
from calibration.twin.scales import COMPARED, LEVEL_ROW

LEAST_SHARED = 5  # physicians observed from which on their mean counts as the clinic's (assumed)
LEVELS = 5
# Logistic scale about a threshold within which an answer may fall on either side (assumed: a quarter of the distance
# between thresholds): how a person feels at that moment, which the day's index does not hold.
ANSWER_SCALE = 0.15
# Variance of whether one answer is above a threshold, beyond what the latent value says (assumed: two in a hundred).
SHARE_VARIANCE = 0.02
# The clinic's means that move shared parameters: of each measure, that of the burnout item replaced by the share of
# answers above the first threshold, and then of those above the others, so that each threshold learns from its own.
CLINIC_ROWS = len(COMPARED) + LEVELS - 2


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
    relations: Relations


@jax.jit
def analyse(predicted: Predicted, day: Values, relations: Relations) -> Analysed:
    """The ensemble given a day's observations; ``relations`` are as `no_relations` with CLINIC_ROWS, or the last's."""
    members = predicted.values.shape[-1]
    is_level = jnp.arange(predicted.values.shape[1]) == LEVEL_ROW
    there = day.there & ~is_level  # of values that are compared as numbers
    own = solve(day.observed, day.variance, there, standardise(predicted.values))
    innovation, spread = own.innovation, _total(own, predicted.values, day)

    count = day.there.sum(axis=0)
    is_shared = count >= LEAST_SHARED
    of_clinic = _clinic_update(predicted, day, is_shared, is_level, relations, members)
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
                    clinic_density + of_person.log_density.sum(), of_clinic.relations)  # fmt: skip


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
    relations: Relations


def _clinic_update(predicted: Predicted, day: Values, is_shared: Any, is_level: Any, relations: Relations,
                   members: int) -> _OfClinic:  # fmt: skip
    """By the means over physicians of each measure: shared parameters, blocks and predicted values."""
    rows, everything = _with_shares(predicted, day)
    weight = rows.there / jnp.maximum(rows.there.sum(axis=0), 1.0)
    observed = (weight * jnp.where(rows.there, rows.observed, 0.0)).sum(axis=0)
    variance = (weight**2 * jnp.where(rows.there, rows.variance, 0.0)).sum(axis=0)
    means = standardise(_mean_of(everything, rows.there))
    enough = rows.there.sum(axis=0) >= LEAST_SHARED
    solved = solve(observed, variance, enough, means)
    before = standardise(predicted.shared)
    correlation, relations = beyond_doubt(
        correlations(before, _as_standard(solved)), enough & (solved.share > 0), relations, members
    )
    shared = move(predicted.shared, before, correlation, solved)

    # answers move the shared thresholds alone here; what each says of its own person is for later
    count = is_level.shape[0]
    numbers = solve(observed[:count], variance[:count], is_shared & ~is_level, jax.tree.map(lambda a: a[:count], means))
    n = predicted.block.shape[0]
    alike = lambda tree: jax.tree.map(lambda a: jnp.broadcast_to(a, (n, *a.shape)), tree)  # noqa: E731
    own = jnp.concatenate([predicted.block, predicted.values], axis=1)
    of_own = standardise(own)
    there = jnp.broadcast_to((day.there & is_shared & ~is_level)[:, None, :], (*own.shape[:2], count))
    own = move(own, of_own, agreed(correlations(of_own, alike(_as_standard(numbers))), there, members), alike(numbers))
    size = predicted.block.shape[1]
    innovation = solved.innovation[:count].at[LEVEL_ROW].set(solved.innovation[count])  # burned out by their answers
    return _OfClinic(own[:, size:], own[:, :size], shared, observed[:count], innovation, solved.log_density, relations)


def _with_shares(predicted: Predicted, day: Values) -> tuple[Values, Any]:
    """(observations [N, CLINIC_ROWS], predictions [N, CLINIC_ROWS, E]) with answers as above each threshold or not."""
    above = (predicted.values[:, LEVEL_ROW, None] > predicted.thresholds).astype(predicted.values.dtype)
    values = jnp.concatenate([predicted.values.at[:, LEVEL_ROW].set(above[:, 0]), above[:, 1:]], axis=1)
    level = day.observed[:, LEVEL_ROW, None] > jnp.arange(1, LEVELS)

    def with_level(of_measures: Any, of_level: Any) -> Any:
        return jnp.concatenate([of_measures.at[:, LEVEL_ROW].set(of_level[:, 0]), of_level[:, 1:]], axis=1)

    there = jnp.repeat(day.there[:, LEVEL_ROW, None], LEVELS - 1, axis=1)
    rows = Values(
        with_level(day.observed, level.astype(values.dtype)),
        with_level(day.variance, jnp.full(level.shape, SHARE_VARIANCE, values.dtype)),
        with_level(day.there, there),
        day.weight,
    )
    return rows, values


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
