"""A fit's posterior as ArviZ reads it: an `xarray.DataTree` of the groups and dimensions of its schema."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from abm.parameters import ENTRIES, from_unbounded
from calibration.forward import BY_PHYSICIAN, negative_log_likelihood
from calibration.measures import MEASURES
from calibration.observations import person_ids
from calibration.posterior import Posterior, population_values, trait_values
from calibration.rounds import Look, Point, Rounds

PRIOR_DRAWS = 500
SAMPLE = ("chain", "draw")


def inference_data(rounds: Rounds, point: Point, look: Look, posterior: Posterior) -> xr.DataTree:
    """Groups posterior, sample_stats (of a sampler), log_likelihood (by physician, of the clinic whose outputs follow
    their slopes), posterior_predictive (summaries of exact runs), observed_data, prior.

    Variables are population parameters, in their units, and traits by physician, in standard deviations between
    physicians. A summary is the mean of a measure, or of its logarithm, over a part of the period.
    """
    who = person_ids(rounds.physicians)
    observed, names = rounds.observed, [rounds.plan.measures[m] for m in rounds.observed.measure]
    parts = [names[:k].count(name) for k, name in enumerate(names)]
    labels = [f"{name} {part}" for name, part in zip(names, parts, strict=True)]
    there = observed.counts > 0
    summaries = {"physician": who, "summary": labels}
    predicted = np.where(there, posterior.summaries, np.nan)[None]
    groups = {
        "posterior": _dataset(_values(rounds, posterior), {"physician": who}),
        "log_likelihood": _dataset(
            {"clinic": ((*SAMPLE, "physician"), _log_likelihood(rounds, point, look, posterior))}, {"physician": who}
        ),
        "posterior_predictive": _dataset({"summaries": ((*SAMPLE, "physician", "summary"), predicted)}, summaries),
        "observed_data": _dataset(
            {"summaries": (("physician", "summary"), np.where(there, observed.values, np.nan))}, summaries
        ),
        "prior": _dataset(_prior(rounds), {}),
    }  # fmt: skip
    if posterior.statistics:
        groups["sample_stats"] = _dataset({k: (SAMPLE, v) for k, v in posterior.statistics.items()}, {})
    tree = xr.DataTree.from_dict(groups)
    tree.attrs["units of summaries"] = "; ".join(f"{m}: {MEASURES[m].unit}" for m in rounds.plan.measures)
    return tree


def _values(rounds: Rounds, posterior: Posterior) -> dict[str, Any]:
    """Parameters and traits of all draws."""
    population = population_values(rounds, posterior)
    found: dict[str, Any] = {name: (SAMPLE, v, {"units": ENTRIES[name].unit}) for name, v in population.items()}
    traits = trait_values(rounds, posterior)
    return found | {f"trait_{name}": ((*SAMPLE, "physician"), values) for name, values in traits.items()}


def _prior(rounds: Rounds) -> dict[str, Any]:
    names = rounds.plan.names
    normals = np.random.default_rng([rounds.seed, 2]).standard_normal((1, PRIOR_DRAWS, len(names)))
    z = np.asarray(rounds.problem.centre, float) + np.asarray(rounds.problem.spread, float) * normals
    return {
        name: (SAMPLE, np.array([[from_unbounded(float(v), ENTRIES[name]) for v in z[0, :, k]]]))
        for k, name in enumerate(names)
    }


def _log_likelihood(rounds: Rounds, point: Point, look: Look, posterior: Posterior) -> np.ndarray:
    """[C, K, N]"""

    @jax.jit
    def one(move: Any) -> Any:
        there = outputs + jnp.einsum("nl,nol->no", move[rounds.place], slopes)
        return -jax.vmap(negative_log_likelihood, in_axes=(0, BY_PHYSICIAN))(there, look.target)

    outputs, slopes = (jnp.asarray(a, jnp.float32) for a in (look.expected.outputs, look.slopes))
    moves = (posterior.unknowns - point.unknowns).astype(np.float32)
    return np.array([[np.asarray(one(jnp.asarray(move))) for move in chain] for chain in moves], float)


def _dataset(variables: dict[str, Any], coordinates: dict[str, Any]) -> xr.Dataset:
    dataset = xr.Dataset(variables, coordinates)
    for name in SAMPLE:
        if name in dataset.dims:
            dataset = dataset.assign_coords({name: np.arange(dataset.sizes[name])})
    return dataset
