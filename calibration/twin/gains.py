"""The ensemble Kalman update and the correlations it rests on.

Two choices. **A deterministic square root** (Andrews 1968; Whitaker and Hamill 2002, Mon Weather Rev 130:1913) moves
mean and spread exactly as Kalman's equations do with the ensemble's covariances, without noise added to observations.
**Correlations are shrunk.** With E members a correlation of nothing shows as 1/sqrt(E), and thousands of values a year,
each followed a little too far, would make sure of what nobody has measured: a trait of which no stream tells would lose
its whole variance in a year of 14 values a day and 1,024 members. Evensen's (2009) remedy gives the variance back and
leaves the mean wandering. Here, as in Anderson's (2007, Physica D 230:99) hierarchical filter, several ensembles that
should agree tell signal from chance: the N physicians' are N samples of much the same correlation. Each is shrunk
towards their mean, and that towards zero, as far as their disagreement is chance (empirical Bayes). Shared parameters
have one ensemble only; theirs are averaged over days, whose chance is fresh each time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

LEAST_NOISE = 1e-3  # of observation variance, as a share of the total: keeps the factors well-conditioned in float32
DOUBT = 3.0  # standard errors from which on a correlation that one sample shows is followed (assumed)
REMEMBERED_DAYS = 20.0  # over which a shared parameter's correlations are averaged (assumed)
TINY = 1e-12


class Standard(NamedTuple):
    """Values by member [..., E] as deviations from their mean in standard deviations of their own."""

    mean: Any  # [...]
    deviation: Any  # [...]
    scores: Any  # [..., E]; 0 where there is no spread


def standardise(values: Any) -> Standard:
    """Of values [..., E]."""
    mean = values.mean(axis=-1)
    apart = values - mean[..., None]
    deviation = jnp.sqrt((apart * apart).sum(axis=-1) / (values.shape[-1] - 1))
    real = deviation > 1e-6 * (1.0 + jnp.abs(mean))
    scores = jnp.where(real[..., None], apart / jnp.maximum(deviation, TINY)[..., None], 0.0)
    return Standard(mean, jnp.where(real, deviation, 0.0), scores)


def correlations(a: Standard, b: Standard) -> Any:
    """[..., A, B] of rows [..., A, E] with rows [..., B, E]."""
    return jnp.einsum("...ae,...be->...ab", a.scores, b.scores) / (a.scores.shape[-1] - 1)


def agreed(each: Any, there: Any, members: int) -> Any:
    """Correlations ``each`` [N, A, B] of N physicians with what their disagreement shows to be chance taken out.

    ``there`` [N, A, B] marks those that count: of observed values.
    """
    count = there.sum(axis=0)
    total = jnp.maximum(count, 1.0)
    mean = jnp.where(there, each, 0.0).sum(axis=0) / total
    chance = (1.0 - jnp.minimum(mean * mean, 0.99)) ** 2 / members  # variance of a sample correlation
    apart = jnp.where(there, each - mean, 0.0)
    between = (apart * apart).sum(axis=0) / jnp.maximum(count - 1.0, 1.0)
    # as far as they disagree by more than chance does, and more than chance's own disagreement varies
    largest = chance * (1.0 + 2.0 * jnp.sqrt(2.0 / jnp.maximum(count - 1.0, 1.0)))
    own = jnp.where(count > 1.5, jnp.clip(1.0 - largest / jnp.maximum(between, TINY), 0.0, 1.0), 0.0)
    common = jnp.clip(1.0 - DOUBT**2 * chance / total / jnp.maximum(mean * mean, TINY), 0.0, 1.0) * mean
    return jnp.where(there, common + own * apart, 0.0)


class Relations(NamedTuple):
    """Correlations [P, R] of shared parameters with the clinic's means, as they have been lately."""

    mean: Any  # [P, R]: running mean
    days: Any  # [R]: days in it
    noise: Any  # [R]: sampling variance of the running mean, in units of a single day's


def no_relations(parameters: int, rows: int) -> Relations:
    """Before the first day."""
    return Relations(jnp.zeros((parameters, rows)), jnp.zeros(rows), jnp.ones(rows))


def beyond_doubt(each: Any, there: Any, before: Relations, members: int) -> tuple[Any, Relations]:
    """A day's correlations ``each`` [P, R] less what chance makes, and what is known of them after the rows ``there``.

    Most of chance is the day's and averages out over days, so that a weak relation shows in the running mean that no
    single day could show. A day's own correlation is followed where it departs from that beyond doubt.
    """
    share = jnp.maximum(1.0 / (before.days + 1.0), 1.0 / REMEMBERED_DAYS)
    mean = before.mean + share * (each - before.mean)
    noise = jnp.where(before.days > 0, (1.0 - share) ** 2 * before.noise + share**2, 1.0)
    after = Relations(
        jnp.where(there, mean, before.mean), before.days + there, jnp.where(there, noise, before.noise)
    )  # fmt: skip
    apart = each - mean
    usual = jnp.clip(1.0 - DOUBT**2 * noise / members / jnp.maximum(mean * mean, TINY), 0.0, 1.0) * mean
    unusual = jnp.clip(1.0 - DOUBT**2 / members / jnp.maximum(apart * apart, TINY), 0.0, 1.0) * apart
    return jnp.where(there, usual + unusual, 0.0), after


class Solved(NamedTuple):
    """The parts of an update that all rows share; M values [..., M]."""

    scores: Any  # [..., M, E]: predicted values as deviations in units of ``total``
    innovation: Any  # [..., M]: observed less predicted in units of ``total``; 0 where there is no value
    share: Any  # [..., M]: predicted standard deviation over ``total``
    whitened: Any  # [..., M]: innovations made independent, each of variance 1 if the twin is right
    mean_weights: Any  # [..., M]: gain of the mean is correlation times this
    spread_weights: Any  # [..., M, M]: gain of the deviations is correlation times this
    log_density: Any  # [...]: of the observed values


def solve(observed: Any, variance: Any, there: Any, predicted: Standard) -> Solved:
    """Prepare the update by ``observed`` [..., M] values of observation ``variance`` where they are ``there``."""
    spread = jnp.where(there, predicted.deviation, 0.0)
    noise = jnp.maximum(jnp.where(there, variance, 1.0), LEAST_NOISE * spread**2)
    total = jnp.sqrt(spread**2 + noise)
    share = spread / total
    scores = predicted.scores * share[..., None]
    innovation = jnp.where(there, observed - predicted.mean, 0.0) / total
    between = jnp.einsum("...ae,...be->...ab", scores, scores) / (scores.shape[-1] - 1)
    own_noise = 1.0 - share**2
    matrix = between + jnp.eye(between.shape[-1]) * own_noise[..., None]
    root = jnp.linalg.cholesky(matrix)
    solve_lower = jax.scipy.linalg.solve_triangular
    whitened = solve_lower(root, innovation[..., None], lower=True)[..., 0]
    mean_weights = solve_lower(root, whitened[..., None], lower=True, trans=1)[..., 0]
    both = root + jnp.eye(between.shape[-1]) * jnp.sqrt(own_noise)[..., None]
    identity = jnp.broadcast_to(jnp.eye(between.shape[-1]), between.shape)
    spread_weights = solve_lower(root, solve_lower(both, identity, lower=True), lower=True, trans=1)
    logs = jnp.log(jnp.diagonal(root, axis1=-2, axis2=-1)) + jnp.log(total) + 0.5 * jnp.log(2.0 * jnp.pi)
    log_density = -(jnp.where(there, 0.5 * whitened**2 + logs, 0.0)).sum(axis=-1)
    return Solved(scores, innovation, share, whitened, mean_weights, spread_weights, log_density)


def move(values: Any, of_values: Standard, correlation: Any, solved: Solved) -> Any:
    """``values`` [..., A, E] after the update, by their ``correlation`` [..., A, M] with the predicted values."""
    covariance = correlation * solved.share[..., None, :] * of_values.deviation[..., None]
    of_mean = jnp.einsum("...am,...m->...a", covariance, solved.mean_weights)
    gain = jnp.einsum("...am,...mk->...ak", covariance, solved.spread_weights)
    return values + of_mean[..., None] - jnp.einsum("...ak,...ke->...ae", gain, solved.scores)
