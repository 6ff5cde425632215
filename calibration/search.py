"""Maximum a posteriori by Optax's L-BFGS, in coordinates in which the posterior is nearly round, and its Laplace
spread.

The Gauss-Newton curvature needs how each output answers to each unknown. Populations answer to 10 to 30 parameters and
everybody to their own traits, so finite differences on common draws cost a few dozen relaxed runs at once; they shape
the coordinates and the standard errors. The gradient that is followed is the exact one, by reverse mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from calibration.forward import Problem, Target, curvature, relaxed_outputs
from calibration.summaries import EFFECTS, Plan

DIFFERENCE = 0.05  # of one prior standard deviation: far above float32's rounding, small against the curves
MEMORY = 12  # pairs L-BFGS remembers
GOOD_ENOUGH = 0.02  # predicted gain, in log-posterior, at which a search ends: a seventh of a standard error at most
SUFFICIENT = 1e-3  # share of the predicted gain that a step must bring (Armijo)
HALVINGS = 8
LONGEST_STEP = 1.5  # prior standard deviations any unknown may move at once: the curves bend beyond


class Curvature(NamedTuple):
    """Gauss-Newton curvature of the negative log-posterior, [D, D] float64, and outputs [N, O] where it was taken."""

    matrix: np.ndarray
    outputs: np.ndarray


def _signs(physicians: int) -> np.ndarray:
    """+1 and -1 in turns: when all traits move at once, what physicians of a pod do to one another nearly cancels."""
    return np.where(np.arange(physicians) % 2 == 0, 1.0, -1.0)


def gauss_newton(unknowns: np.ndarray, problem: Problem, target: Target, seeds: Any, plan: Plan) -> Curvature:
    """Curvature at ``unknowns``; a physician's traits are taken to move that physician's outputs alone."""
    count, traits, physicians = len(plan.names), len(EFFECTS), problem.layout.physicians
    steps = np.zeros((1 + count + traits, unknowns.size))
    steps[1 + np.arange(count), np.arange(count)] = DIFFERENCE
    own = np.zeros((traits, physicians, traits))
    sign = _signs(physicians)
    own[np.arange(traits), :, np.arange(traits)] = DIFFERENCE * sign
    steps[1 + count :, count:] = own.reshape(traits, -1)
    outputs = np.asarray(relaxed_outputs((unknowns + steps).astype(np.float32), problem, seeds, plan), float)
    slope = (outputs[1:] - outputs[0]) / DIFFERENCE  # [C + T, N, O]
    slope[count:] *= sign[:, None]
    second = np.asarray(curvature(outputs[0] + np.asarray(target.offset), target, problem.answer_weight), float)
    blocks = np.einsum("ano,nop,bnp->nab", slope, second, slope, optimize=True)  # [N, C + T, C + T]
    matrix = np.eye(unknowns.size)
    matrix[:count, :count] += blocks[:, :count, :count].sum(axis=0)
    for i in range(physicians):
        at = slice(count + traits * i, count + traits * (i + 1))
        matrix[at, at] += blocks[i, count:, count:]
        matrix[:count, at] = blocks[i, :count, count:]
        matrix[at, :count] = blocks[i, count:, :count]
    return Curvature(matrix, outputs[0])


def standard_errors(matrix: np.ndarray) -> np.ndarray:
    """Posterior standard deviations [D] under the Laplace approximation, all unknowns varying together."""
    factor = cho_factor(matrix, lower=True)
    return np.sqrt(np.diag(cho_solve(factor, np.eye(len(matrix)))))


class Search(NamedTuple):
    """Where a search ended."""

    unknowns: np.ndarray
    loss: float
    trace: list[float]
    evaluations: int


def minimise(
    value_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    matrix: np.ndarray,
    steps: int,
    on_step: Callable[[np.ndarray, float], None] | None = None,
) -> Search:
    """L-BFGS from ``start`` in coordinates scaled by the curvature ``matrix``, with step halving.

    ``on_step`` is told every accepted point, so that a caller interrupted meanwhile keeps the best.
    """
    root = np.linalg.cholesky(matrix)
    to_unknowns = lambda v: start + solve_triangular(root, v, trans="T", lower=True)  # noqa: E731
    evaluations = 0

    def evaluate(v: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal evaluations
        evaluations += 1
        value, gradient = value_and_gradient(to_unknowns(v))
        return value, solve_triangular(root, gradient, lower=True)

    # the coordinates are scaled already, so the first step is the gradient itself
    method = optax.scale_by_lbfgs(memory_size=MEMORY, scale_init_precond=False)
    update = jax.jit(method.update)
    here: np.ndarray = np.zeros(start.size)
    state = method.init(jnp.asarray(here, jnp.float32))
    value, gradient = evaluate(here)
    trace = [value]
    for _ in range(steps):
        direction, state = update(gradient.astype(np.float32), state, here.astype(np.float32))
        move = -np.asarray(direction, float)
        predicted = -float(gradient @ move)
        if predicted <= 0:  # remembered curvature that no longer holds
            state, move, predicted = method.init(jnp.asarray(here, jnp.float32)), -gradient, float(gradient @ gradient)
        if predicted < 2 * GOOD_ENOUGH:
            break
        length = min(1.0, LONGEST_STEP / float(np.abs(to_unknowns(move) - start).max()))
        for _ in range(HALVINGS):
            there = here + length * move
            new_value, new_gradient = evaluate(there)
            if np.isfinite(new_value) and new_value <= value - SUFFICIENT * length * predicted:
                break
            length *= 0.5
        else:
            break
        here, value, gradient = there, new_value, new_gradient
        trace.append(value)
        if on_step is not None:
            on_step(to_unknowns(here), value)
    return Search(to_unknowns(here), value, trace, evaluations)
