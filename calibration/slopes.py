"""How expected outputs answer to the unknowns: finite differences of relaxed runs on common draws.

The relaxed engine is smooth, so a difference on common draws is its derivative to a few per cent; a batch of two dozen
runs costs less than one reverse-mode gradient and gives the whole Jacobian, and with it the curvature. A slope along
one clinic's chance path is a noisy estimate of the slope of the expectation. Its square, the information, would be
biased upwards by the noise's variance, many times over for a rare event such as absence. So slopes are shrunk towards
their mean over physicians, and that towards zero, as far as runs with other draws disagree (empirical Bayes).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cho_factor, cho_solve

from abm.layout import Layout
from calibration import readouts
from calibration.forward import Problem, Target, relaxed_outputs
from calibration.summaries import SEARCHED, Plan

DIFFERENCE = 0.05  # of one prior standard deviation: far above float32's rounding, small against the curves


def _steps(count: int, physicians: int) -> tuple[np.ndarray, np.ndarray]:
    """Unknowns' differences [1 + P + 2 T, D] of the runs, and the signs [2, N] of a trait's move in its two runs.

    All physicians' traits move at once: in one run up and down in turns, in the other together.
    """
    traits = len(SEARCHED)
    signs = np.stack([np.where(np.arange(physicians) % 2 == 0, 1.0, -1.0), np.ones(physicians)])
    steps = np.zeros((1 + count + 2 * traits, count + traits * physicians))
    steps[1 + np.arange(count), np.arange(count)] = DIFFERENCE
    for k in range(traits):
        steps[1 + count + 2 * k : 3 + count + 2 * k, count + k :: traits] = DIFFERENCE * signs
    return steps, signs


def differences(unknowns: np.ndarray, intercepts: np.ndarray, problem: Problem, seeds: np.ndarray,
                plan: Plan) -> np.ndarray:  # fmt: skip
    """Slopes [P + 2 T, R, N, O] of outputs at ``unknowns`` [D] along the directions of :func:`_steps`, one for each of
    the relaxed runs with ``seeds`` [R, 2]."""
    steps, _ = _steps(len(plan.names), problem.layout.physicians)
    outputs = np.asarray(relaxed_outputs(*as_single(unknowns + steps, intercepts), problem, seeds, plan), float)
    return (outputs[1:] - outputs[0]) / DIFFERENCE


def slopes_of(each: np.ndarray, count: int, layout: Layout) -> np.ndarray:
    """Slopes [N, O, L] of each physician's expected outputs, from :func:`differences` of two or more runs.

    L unknowns: ``count`` population parameters, then the traits of the pod's members in their order. Other pods' traits
    are taken to move nothing.
    """
    _, signs = _steps(count, layout.physicians)
    apart, together = each[count::2], each[count + 1 :: 2]
    # own slope * sign + mates' slope * mean sign of the mates = difference, in both runs
    size = layout.pod_size
    mates = (signs[0].reshape(-1, size).sum(axis=1).repeat(size) - signs[0]) / max(size - 1, 1)
    own = (apart - mates[:, None] * together) / (signs[0] - mates)[:, None]
    population, own, of_mates = shrunk(each[:count]), shrunk(own), shrunk(together - own)
    share = (np.ones((size, size)) - np.eye(size)) / max(size - 1, 1)
    place = np.arange(layout.physicians) % size
    traits = np.einsum("kno,nj->nojk", own, np.eye(size)[place]) + np.einsum("kno,nj->nojk", of_mates, share[place])
    return np.concatenate([population.transpose(1, 2, 0), traits.reshape(*traits.shape[:2], -1)], axis=2)


def as_single(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """The arrays in float32, in which clinics are simulated."""
    return tuple(np.asarray(a, np.float32) for a in arrays)


def floats_as(dtype: Any, tree: Any) -> Any:
    """The PyTree's arrays as JAX's, its floats in ``dtype``, everything else as it is."""
    return jax.tree.map(lambda a: jnp.asarray(np.asarray(a), dtype if np.asarray(a).dtype.kind == "f" else None), tree)


def shrunk(each: np.ndarray) -> np.ndarray:
    """Mean [A, N, O] of ``each`` [A, R, N, O] over runs, less what runs with other draws show to be noise.

    Differences between physicians shrink towards their mean, and the mean towards zero.
    """
    mean = each.mean(axis=1)
    physicians = mean.shape[1]
    middle = mean.mean(axis=1, keepdims=True)
    noise = each.var(axis=1, ddof=1).mean(axis=1, keepdims=True) / each.shape[1]  # variance of one mean
    between = mean.var(axis=1, ddof=1, keepdims=True) if physicians > 1 else noise
    part = lambda chance, total: np.clip(1.0 - chance / np.maximum(total, 1e-30), 0.0, 1.0)  # noqa: E731
    return part(noise / physicians, middle**2) * middle + part(noise, between) * (mean - middle)


def places(count: int, layout: Layout) -> np.ndarray:
    """Where the L unknowns that move a physician stand in the vector of all, int [N, L]."""
    size, traits = layout.pod_size, len(SEARCHED)
    pod = np.arange(layout.physicians) // size
    of_pod = count + pod[:, None] * size * traits + np.arange(size * traits)
    return np.concatenate([np.broadcast_to(np.arange(count), (layout.physicians, count)), of_pod], axis=1)


@jax.jit
def _answers_curvature(asked: Any, target: Target) -> Any:
    """Second derivative of the negative log-likelihood of each physician's answers, [N, A, A], in ``asked`` [N, A]."""
    one = lambda values, answers: -readouts.log_prob(values, answers, target.chance)  # noqa: E731
    return jax.vmap(jax.hessian(one))(asked, target.answers)


def output_curvature(outputs: np.ndarray, target: Target) -> np.ndarray:
    """Second derivative [N, O, O] of the negative log-likelihood in everybody's ``outputs`` [N, O]; never negative."""
    count = target.values.shape[1]
    second = np.zeros((*outputs.shape, outputs.shape[1]))
    second[:, :count, :count] = target.precision
    asked = np.asarray(_answers_curvature(jnp.asarray(outputs[:, count:], jnp.float32), target), float)
    values, vectors = np.linalg.eigh(asked)
    kept = np.maximum(values, 0.0)  # ratings at an end of the scale bend it down
    second[:, count:, count:] = np.einsum("nab,nb,ncb->nac", vectors, kept, vectors)
    return second


def curvature(outputs: np.ndarray, slopes: np.ndarray, target: Target, place: np.ndarray) -> np.ndarray:
    """Gauss-Newton curvature [D, D] of the negative log-posterior where the expected outputs are ``outputs`` [N, O]."""
    matrix = np.eye(place.max() + 1)
    for here, slope, second in zip(place, slopes, output_curvature(outputs, target), strict=True):
        matrix[np.ix_(here, here)] += slope.T @ second @ slope
    return matrix


def standard_errors(matrix: np.ndarray) -> np.ndarray:
    """Posterior standard deviations [D] under the Laplace approximation, all unknowns varying together."""
    factor = cho_factor(matrix, lower=True)
    return np.sqrt(np.diag(cho_solve(factor, np.eye(len(matrix)))))
