"""The clinic as a function from unknowns to what is compared: exact for level and chance, relaxed for slopes.

Unknowns are one vector of standard normals a priori: population parameters on the scaled logit of the parameter table,
less the prior's centre, over its spread; then each physician's traits (SEARCHED). How people answer surveys is
integrated out of the likelihood (`calibration.readouts`).
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
from calibration import readouts
from calibration.measures import MEASURES, expected_value
from calibration.summaries import SEARCHED, Plan, summarise_records

# Halves the time to compile; the programs ran no slower for it (measured on a CPU).
COMPILER_OPTIONS = {"xla_backend_optimization_level": 1, "xla_llvm_disable_expensive_passes": True}
RISK_DAYS = 28  # a physician's risk is the mean over the last so many observed days (time from survey to survey)


class Problem(NamedTuple):
    """All that the forward model takes besides the unknowns; a PyTree. N physicians."""

    base: Parameters  # values of all parameters that are not fitted
    centre: Any  # [P]: prior centres on the unbounded scale
    spread: Any  # [P]: prior standard deviations there
    layout: Layout
    changes: Any  # InterventionSet
    weights: Any  # [M, days, N]: of the observed values
    answers: readouts.Answers


class Target(NamedTuple):
    """What outputs are compared with in one round; N physicians, S summaries."""

    values: Any  # [N, S]: observed summaries
    precision: Any  # [N, S, S]: inverse covariance of their difference to the expected ones
    answers: Any  # readouts.Answers
    chance: Any  # readouts.Chance


BY_PHYSICIAN = Target(0, 0, 0, None)  # axes of a target, to map over physicians


def values_at(unknowns: Any, problem: Problem, plan: Plan) -> tuple[Parameters, Any]:
    """(parameters, traits [N, len(SEARCHED)]) at a vector of unknowns."""
    count = len(plan.names)
    z = problem.centre + problem.spread * unknowns[:count]
    chosen = {name: from_unbounded(z[i], ENTRIES[name]) for i, name in enumerate(plan.names)}
    return dataclasses.replace(problem.base, **chosen), unknowns[count:].reshape(-1, len(SEARCHED))


def _with_traits(layout: Layout, traits: Any, intercepts: Any) -> Layout:
    """The layout whose physicians (first holders) have these traits, [N, len(SEARCHED)] and [N], and a neutral
    technology comfort."""
    columns = jnp.asarray([TRAITS.index(name) for name in (*SEARCHED, "intercept")])
    chosen = jnp.concatenate([traits, intercepts[:, None]], axis=1)
    own = jnp.zeros((layout.physicians, len(TRAITS)), chosen.dtype).at[:, columns].set(chosen)
    everybody = jnp.asarray(layout.traits, chosen.dtype).at[: layout.physicians, 0].set(own)
    return dataclasses.replace(layout, traits=everybody)


def _run(unknowns: Any, intercepts: Any, problem: Problem, seed: Any, plan: Plan,
         mode: str) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """(outputs [N, O], daily records) of one simulated clinic.

    Outputs are a physician's S summaries, then what `calibration.readouts.split` takes apart.
    """
    parameters, traits = values_at(unknowns, problem, plan)
    layout = _with_traits(problem.layout, traits, intercepts)
    days = plan.warm_up_days + plan.days
    run = population.simulate(parameters, days, seed, problem.changes, layout=layout, mode=mode)
    records = {name: values[plan.warm_up_days :] for name, values in run.physicians.items()}
    asked, index = readouts.outputs(records, parameters, problem.answers)
    summaries = summarise_records(records, problem.weights, plan, jnp)
    return jnp.concatenate([summaries, asked], axis=1), records | {"index": index}


def negative_log_likelihood(outputs: Any, target: Target) -> Any:
    """Of one physician: expected ``outputs`` [O] against that physician's part of the target."""
    count = target.values.shape[0]
    residual = target.values - outputs[:count]
    said = readouts.log_prob(outputs[count:], target.answers, target.chance)
    return 0.5 * residual @ target.precision @ residual - said


@functools.partial(jax.jit, static_argnames="plan", compiler_options=COMPILER_OPTIONS)
def relaxed_outputs(unknowns: Any, intercepts: Any, problem: Problem, seeds: Any, plan: Plan) -> Any:
    """Outputs [B, R, N, O] of relaxed runs at each of ``unknowns`` [B, D], on the common draws of ``seeds`` [R, 2]."""
    run = lambda u, seed: _run(u, intercepts, problem, seed, plan, "relaxed")[0]  # noqa: E731
    return jax.vmap(jax.vmap(run, in_axes=(None, 0)), in_axes=(0, None))(unknowns, seeds)


class Runs(NamedTuple):
    """Exact runs, R of them."""

    outputs: Any  # [R, N, O]
    index: Any  # [R, days, N]: latent burnout index without the personal intercept
    daily: Any  # [R, M, days, N]: expected value of each measure
    on_duty: Any  # [R, days, N]
    risk: Any  # [R, N]: mean `burnout_risk` of the last RISK_DAYS
    burned_out: Any  # [R, N]: share of these days burned out, personal intercept included


@functools.partial(jax.jit, static_argnames="plan", compiler_options=COMPILER_OPTIONS)
def exact_runs(unknowns: Any, intercepts: Any, problem: Problem, seeds: Any, plan: Plan) -> Runs:
    """Exact runs, each at its own row of ``unknowns`` [R, D] and ``intercepts`` [R, N], with its own seed [R, 2]."""

    def one(u: Any, own: Any, seed: Any) -> Runs:
        outputs, records = _run(u, own, problem, seed, plan, "exact")
        daily = jnp.stack([expected_value(MEASURES[m], records, jnp) for m in plan.measures])
        last = [records[name][-RISK_DAYS:].mean(axis=0) for name in ("burnout_risk", "burned_out")]
        return Runs(outputs, records["index"], daily, records["on_duty"], *last)

    return jax.vmap(one)(unknowns, intercepts, seeds)
