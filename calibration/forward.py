"""The clinic as a function from unknowns to what is compared: relaxed for gradients, exact for level and spread.

Unknowns are one vector of standard normals a priori: population parameters on the scaled logit of the parameter table,
less the prior's centre, over its spread; then each physician's traits.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from abm import population
from abm.layout import TRAITS, Layout
from abm.parameters import ENTRIES, Parameters, from_unbounded
from abm.rules.burnout import burnout_index, personal_intercept
from calibration.likelihoods import margins_log_prob, ordinal_margins
from calibration.measures import BURNOUT_STATES, MEASURES, expected_value
from calibration.summaries import EFFECTS, Plan, per_session_day, summarise_records

# Halves the time to compile; the programs ran no slower for it (measured on a CPU).
COMPILER_OPTIONS = {"xla_backend_optimization_level": 1, "xla_llvm_disable_expensive_passes": True}


class Problem(NamedTuple):
    """All that the forward model takes besides the unknowns; a PyTree. N physicians, Q answers to the burnout item."""

    base: Parameters  # values of all parameters that are not fitted
    centre: Any  # [P]: prior centres on the unbounded scale
    spread: Any  # [P]: prior standard deviations there
    layout: Layout
    changes: Any  # InterventionSet
    weights: Any  # [M, days, N]: of the observed values
    answer_day: Any  # int [N, Q]: day of each answer
    answer: Any  # int [N, Q]: level answered
    answer_weight: Any  # [N, Q]: 0 where there is none


class Target(NamedTuple):
    """What outputs are compared with, fixed during one search."""

    values: Any  # [N, S]: observed summaries
    precision: Any  # [N, S, S]: inverse covariance of their difference to the expected ones
    offset: Any  # [N, O]: exact less relaxed outputs where the search starts
    scale: Any  # []: logistic scale of the latent burnout index's chance deviations


def values_at(unknowns: Any, problem: Problem, plan: Plan) -> tuple[Parameters, Any]:
    """(parameters, traits [N, len(EFFECTS)]) at a vector of unknowns."""
    count = len(plan.names)
    z = problem.centre + problem.spread * unknowns[:count]
    chosen = {name: from_unbounded(z[i], ENTRIES[name]) for i, name in enumerate(plan.names)}
    return dataclasses.replace(problem.base, **chosen), unknowns[count:].reshape(-1, len(EFFECTS))


def with_traits(layout: Layout, effects: Any) -> Layout:
    """The layout whose physicians (first holders) have these traits [N, len(EFFECTS)], and a neutral technology
    comfort."""
    columns = jnp.asarray([TRAITS.index(name) for name in EFFECTS])
    own = jnp.zeros((layout.physicians, len(TRAITS)), effects.dtype).at[:, columns].set(effects)
    traits = jnp.asarray(layout.traits, effects.dtype).at[: layout.physicians, 0].set(own)
    return dataclasses.replace(layout, traits=traits)


def _run(unknowns: Any, problem: Problem, seed: Any, plan: Plan, mode: str) -> tuple[Any, dict[str, Any]]:
    """(outputs [N, O], daily records) of one simulated clinic."""
    parameters, effects = values_at(unknowns, problem, plan)
    layout = with_traits(problem.layout, effects)
    days = plan.warm_up_days + plan.days
    run = population.simulate(parameters, days, seed, problem.changes, layout=layout, mode=mode)
    records = {name: values[plan.warm_up_days :] for name, values in run.physicians.items()}
    exhaustion, cynicism, motivation, change_fatigue = (records[name] for name in BURNOUT_STATES)
    index = burnout_index(exhaustion, cynicism, motivation, change_fatigue, parameters)
    physician = jnp.arange(layout.physicians)[:, None]
    latent = index[problem.answer_day, physician] + personal_intercept(effects[:, EFFECTS.index("intercept")])[:, None]
    p = parameters
    thresholds = jnp.stack([p.burnout_threshold_2, p.burnout_threshold_3, p.burnout_threshold_4, p.burnout_threshold_5])
    margins = ordinal_margins(problem.answer, latent, thresholds).reshape(layout.physicians, -1)
    summaries = summarise_records(records, problem.weights, plan, jnp)
    return jnp.concatenate([summaries, margins], axis=1), records | {"index": index}


def _relaxed(unknowns: Any, problem: Problem, seeds: Any, plan: Plan) -> Any:
    """Expected outputs [N, O]: the mean over relaxed runs with common ``seeds`` [R, 2]."""
    return jax.vmap(lambda seed: _run(unknowns, problem, seed, plan, "relaxed")[0])(seeds).mean(axis=0)


def negative_log_likelihood(outputs: Any, values: Any, precision: Any, weight: Any, scale: Any) -> Any:
    """Of one physician: ``outputs`` [O] are the expected summaries [S], then the margins of each answer [2 Q]."""
    count = values.shape[0]
    residual = values - outputs[:count]
    margins = outputs[count:].reshape(-1, 2)
    return 0.5 * residual @ precision @ residual - (weight * margins_log_prob(margins, scale)).sum()


def _each_physician(function: Any) -> Any:
    return jax.vmap(function, in_axes=(0, 0, 0, 0, None))


def _loss(unknowns: Any, problem: Problem, target: Target, seeds: Any, plan: Plan) -> Any:
    outputs = _relaxed(unknowns, problem, seeds, plan) + target.offset
    parts = _each_physician(negative_log_likelihood)(
        outputs, target.values, target.precision, problem.answer_weight, target.scale)  # fmt: skip
    return parts.sum() + 0.5 * unknowns @ unknowns


@functools.partial(jax.jit, static_argnames="plan", compiler_options=COMPILER_OPTIONS)
def loss_and_gradient(unknowns: Any, problem: Problem, target: Target, seeds: Any, plan: Plan) -> tuple[Any, Any]:
    """Negative log-posterior (up to a constant) and its gradient, by reverse-mode differentiation of the relaxed
    engine."""
    return jax.value_and_grad(_loss)(unknowns, problem, target, seeds, plan)


@functools.partial(jax.jit, static_argnames="plan", compiler_options=COMPILER_OPTIONS)
def relaxed_outputs(unknowns: Any, problem: Problem, seeds: Any, plan: Plan) -> Any:
    """Expected outputs [B, N, O] of a batch of unknowns [B, :]."""
    return jax.vmap(lambda u: _relaxed(u, problem, seeds, plan))(unknowns)


@jax.jit
def curvature(outputs: Any, target: Target, answer_weight: Any) -> Any:
    """Second derivative of the negative log-likelihood in each physician's outputs, [N, O, O]; never negative."""
    return _each_physician(jax.hessian(negative_log_likelihood))(
        outputs, target.values, target.precision, answer_weight, target.scale)  # fmt: skip


class Exact(NamedTuple):
    """What exact runs at one point say."""

    outputs: Any  # [N, O]: mean over runs
    covariance: Any  # [S, S]: of the summaries about each physician's mean, pooled over physicians
    pairs: Any  # [S, S]: degrees of freedom behind each of its entries
    index_variance: Any  # []: of the latent burnout index about its mean of the day
    daily: Any  # [M, days, N]: expected value of each day
    daily_variance: Any  # [M]: of a day's value about it, relative to its square


@functools.partial(jax.jit, static_argnames="plan", compiler_options=COMPILER_OPTIONS)
def exact_runs(unknowns: Any, problem: Problem, seeds: Any, plan: Plan) -> Exact:
    """Means and process noise of exact runs with ``seeds`` [R, 2]."""

    def one(seed: Any) -> tuple[Any, Any, Any, Any]:
        outputs, records = _run(unknowns, problem, seed, plan, "exact")
        daily = jnp.stack([expected_value(MEASURES[m], records, jnp) for m in plan.measures])
        there = [records["on_duty"] if per_session_day(MEASURES[m]) else jnp.ones_like(daily[0]) for m in plan.measures]
        return outputs, records["index"], daily, jnp.stack(there)

    outputs, index, daily, there = jax.vmap(one)(seeds)
    runs, count = seeds.shape[0], plan.size
    observed = _observed(problem.weights, plan)
    deviation = (outputs - outputs.mean(axis=0))[..., :count] * observed
    pairs = jnp.maximum((runs - 1) * (observed.T @ observed), 1.0)
    total = jnp.maximum(there.sum(axis=0), 1e-3)
    mean = (there * daily).sum(axis=0) / total
    square = (there * (daily - mean) ** 2).sum(axis=0) / jnp.maximum(total - 1.0, 1.0)
    relative = (square / jnp.maximum(mean, 1e-3) ** 2 * (mean > 1e-3)).sum(axis=(1, 2)) / (mean > 1e-3).sum(
        axis=(1, 2)
    ).clip(1)
    return Exact(
        outputs.mean(axis=0), jnp.einsum("rns,rnt->st", deviation, deviation) / pairs, pairs,
        jnp.var(index, axis=0, ddof=1).mean(), mean, relative,
    )  # fmt: skip


def _observed(weights: Any, plan: Plan) -> Any:
    """1.0 [N, S] where a summary has observations."""
    from calibration.summaries import day_sets

    parts = [jnp.asarray(day_sets(MEASURES[m], plan.days)) @ weights[k] for k, m in enumerate(plan.measures)]
    return jnp.where(jnp.concatenate(parts).T > 0, 1.0, 0.0)
