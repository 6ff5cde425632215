"""What the given streams can and cannot tell: Fisher information at a fit, flat directions, and their profiles.

Everything is in prior standard deviations of the unbounded scale, with the physicians' traits integrated out: a
direction whose posterior is as wide as its prior is not a finding.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.optimize import minimize

from calibration.diagnostics.revisit import Revisited
from calibration.fit_tables import INFORMED
from calibration.forward import Target
from calibration.rounds import Point
from calibration.search import loss, posterior_loss
from calibration.slopes import floats_as

LOADED = 0.3  # of a direction of length one: parameters that are named with it


@dataclasses.dataclass(frozen=True)
class Identifiability:
    """``information`` [P, P]: Fisher information about the population parameters, per prior standard deviation squared;
    ``covariance`` [P, P]: of the posterior; ``parameters`` and ``directions``: tables."""

    information: np.ndarray
    covariance: np.ndarray
    parameters: pd.DataFrame  # name, deviation, contraction, informed, alone, entangled_with
    directions: pd.DataFrame  # deviation, contraction, informed, what: from the least to the best known
    vectors: np.ndarray  # [P, P]: a direction a row, in the directions' order


def identifiability(at: Revisited) -> Identifiability:
    """What the fit's streams say of each population parameter, and of which combinations.

    ``alone`` is the contraction if all other parameters were known: far above ``contraction``, the parameter is
    entangled with others, named in ``entangled_with`` (correlation above one half).
    """
    names = at.work.plan.names
    count = len(names)
    covariance = np.linalg.inv(at.look.matrix)[:count, :count]
    precision = np.linalg.inv(covariance)
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    others = [[names[j] for j in np.argsort(-np.abs(row)) if names[j] != name and abs(row[j]) > 0.5]
              for name, row in zip(names, correlation, strict=True)]  # fmt: skip
    parameters = pd.DataFrame({
        "name": names, "deviation": deviation, "contraction": 1.0 - deviation,
        "informed": 1.0 - deviation >= INFORMED, "alone": 1.0 - 1.0 / np.sqrt(np.diag(precision)),
        "entangled_with": [", ".join(o) for o in others],
    })  # fmt: skip
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values)
    wide = np.sqrt(values[order])
    directions = pd.DataFrame({
        "deviation": wide, "contraction": 1.0 - wide, "informed": 1.0 - wide >= INFORMED,
        "what": [_words(vectors[:, k], names) for k in order],
    })  # fmt: skip
    return Identifiability(precision - np.eye(count), covariance, parameters, directions, vectors[:, order].T)


def _words(vector: np.ndarray, names: tuple[str, ...]) -> str:
    """A direction as its parameters, the strongest first and positive."""
    order = np.argsort(-np.abs(vector))
    sign = np.sign(vector[order[0]])
    told = [k for k in order if abs(vector[k]) > LOADED] or [order[0]]
    return ", ".join(f"{sign * vector[k]:.2f} {names[k]}" for k in told)


def profile(at: Revisited, direction: np.ndarray, steps: np.ndarray, *, exact: bool = True) -> pd.DataFrame:
    """Profile of the negative log-posterior along a ``direction`` [P] of the population parameters.

    Columns step (prior standard deviations from the best point), ``linear`` (all else minimised, the outputs following
    their slopes) and ``exact`` (exact runs at that minimum), both less their values at step 0, and ``prior`` alone:
    where the profile is no steeper than the prior, the data say nothing.
    """
    count, size = len(at.work.plan.names), len(at.point.unknowns)
    along = np.zeros(size)
    along[:count] = direction / np.linalg.norm(direction)
    rest = np.linalg.svd(along[None])[2][1:]  # an orthonormal basis of all else
    rows = []
    for step in (0.0, *(s for s in steps if s != 0.0)):
        move, value = _minimum(at, step * along, rest)
        there = Point(at.point.unknowns + move, at.point.intercepts)
        actual = loss(there.unknowns, at.work.exact(there, 70).outputs, at.look.target) if exact else np.nan
        prior = 0.5 * float(along @ there.unknowns) ** 2
        rows.append({"step": step, "linear": value, "exact": actual, "prior": prior})
    table = pd.DataFrame(rows)
    for name in ("linear", "exact", "prior"):
        table[name] -= table[name].iloc[0]
    return table.sort_values("step", ignore_index=True)


def _minimum(at: Revisited, fixed: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, float]:
    """(move, loss) at the lowest point of ``fixed + rest.T @ free``."""
    with jax.enable_x64(True):
        look = at.look
        arrays = floats_as(
            jnp.float64, (at.point.unknowns, look.expected.outputs, look.slopes, at.work.place, look.target)
        )
        curved = rest @ look.matrix @ rest.T
        root = np.linalg.inv(np.linalg.cholesky(curved)).T  # free = root @ v: nearly round in v
        basis, offset = floats_as(jnp.float64, (rest.T @ root, fixed))

        def value_and_slope(v: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = _value_and_slope(jnp.asarray(v), offset, basis, *arrays)
            return float(value), np.asarray(slope, float)

        found = minimize(value_and_slope, np.zeros(len(rest)), jac=True, method="L-BFGS-B", options={"maxiter": 60})
        return fixed + rest.T @ root @ found.x, float(found.fun)


@jax.jit
def _value_and_slope(v: Any, offset: Any, basis: Any, start: Any, outputs: Any, slopes: Any, place: Any,
                     target: Target) -> tuple[Any, Any]:  # fmt: skip
    loss_at = lambda v: posterior_loss(offset + basis @ v, start, outputs, slopes, place, target)  # noqa: E731
    return jax.value_and_grad(loss_at)(v)
