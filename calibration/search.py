"""The maximum a posteriori of a clinic whose outputs are linear in the unknowns, by Optax's L-BFGS.

One round of a fit (Gauss-Newton): outputs of exact runs, slopes of relaxed ones, and this search between them. It
costs no further run of the clinic, and treats the ordinal answers as they are. Its coordinates are scaled by the
curvature, in which the posterior is nearly round.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from calibration.forward import BY_PHYSICIAN, Target, negative_log_likelihood
from calibration.slopes import floats_as

MEMORY = 10  # pairs L-BFGS remembers
STEPS = 40  # most steps: a round posterior takes a handful
FLAT = 1e-3  # gradient, in standard errors, at which the search ends


def posterior_loss(move: Any, start: Any, outputs: Any, slopes: Any, place: Any, target: Target) -> Any:
    """Negative log-posterior (up to a constant) at ``start + move`` [D], outputs moving along their slopes."""
    there = outputs + jnp.einsum("nl,nol->no", move[place], slopes)
    parts = jax.vmap(negative_log_likelihood, in_axes=(0, BY_PHYSICIAN))(there, target)
    unknowns = start + move
    return parts.sum() + 0.5 * unknowns @ unknowns


@jax.jit
def _minimise(root: Any, start: Any, outputs: Any, slopes: Any, place: Any, target: Target) -> tuple[Any, Any, Any]:
    """(move [D], loss there, loss at the start) with ``root`` [D, D] the curvature's lower Cholesky factor."""
    to_move = lambda v: jax.scipy.linalg.solve_triangular(root, v, trans=1, lower=True)  # noqa: E731
    function = lambda v: posterior_loss(to_move(v), start, outputs, slopes, place, target)  # noqa: E731
    method = optax.lbfgs(memory_size=MEMORY)
    value_and_grad = optax.value_and_grad_from_state(function)

    def step(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        v, state, _ = carry
        value, gradient = value_and_grad(v, state=state)
        updates, state = method.update(gradient, state, v, value=value, grad=gradient, value_fn=function)
        return optax.apply_updates(v, updates), state, optax.tree.norm(gradient)

    def unfinished(carry: tuple[Any, Any, Any]) -> Any:
        _, state, flatness = carry
        return (optax.tree.get(state, "count") < STEPS) & (flatness > FLAT)

    zero = jnp.zeros_like(start)
    v, _, _ = jax.lax.while_loop(unfinished, step, (zero, method.init(zero), jnp.asarray(jnp.inf, zero.dtype)))
    return to_move(v), function(v), function(zero)


def best_move(
    start: np.ndarray, outputs: np.ndarray, slopes: np.ndarray, place: np.ndarray, target: Target, matrix: np.ndarray
) -> tuple[np.ndarray, float]:
    """(move [D] from ``start`` to the maximum of the linear clinic's posterior, gain in log-posterior it promises)."""
    with jax.enable_x64(True):  # losses are large and gains small
        arrays = (np.linalg.cholesky(matrix), start, outputs, slopes, place, target)
        move, after, before = _minimise(*floats_as(jnp.float64, arrays))
        return np.asarray(move, float), float(before) - float(after)


@jax.jit
def _likelihoods(outputs: Any, target: Target) -> Any:
    return jax.vmap(negative_log_likelihood, in_axes=(0, BY_PHYSICIAN))(outputs, target)


def loss(unknowns: np.ndarray, outputs: np.ndarray, target: Target) -> float:
    """Negative log-posterior (up to a constant) at ``unknowns`` [D] with expected ``outputs`` [N, O]."""
    parts = _likelihoods(jnp.asarray(outputs, jnp.float32), target)
    return float(np.asarray(parts, float).sum() + 0.5 * unknowns @ unknowns)
