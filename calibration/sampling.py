"""The full posterior about a fit's best point: NUTS (BlackJAX) on the clinic whose outputs follow their slopes.

The likelihood of a whole clinic has no closed form: its chance (bad weeks, absences, waiting lists) is integrated out
by exact runs, which give the summaries' expectation and covariance (`calibration.target`), and over survey answers on a
grid (`calibration.readouts`). About the best point the expectation follows its slopes, so one evaluation costs a matrix
product and no run of the clinic, and a sampler can afford thousands. What it adds to the Laplace approximation are the
skewed and bounded directions that answers make; what both leave out is the bend of the expectation beyond its slopes.
BlackJAX rather than NumPyro: the density exists already as a JAX function, and needs no second model language.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from calibration.rounds import Look, Point
from calibration.search import posterior_loss
from calibration.slopes import floats_as

CHAINS, DRAWS, WARM_UP = 4, 250, 200
DIVERGED_SHARE = 0.01  # of draws, above which the chains are not to be trusted (assumed)
LARGEST_R_HAT = 1.01  # Vehtari et al. 2021 (Bayesian Anal 16:667)


class Samples(NamedTuple):
    """C chains of K draws each of D unknowns; the statistics are named as ArviZ names them."""

    moves: np.ndarray  # [C, K, D]: from the best point
    statistics: dict[str, np.ndarray]  # [C, K] each


class Diagnosis(NamedTuple):
    """Whether chains agree: the largest split R-hat and the least effective sample size over D unknowns."""

    r_hat: float
    effective_sample_size: float
    diverged_share: float

    @property
    def sound(self) -> bool:
        return self.r_hat < LARGEST_R_HAT and self.diverged_share < DIVERGED_SHARE


def sample_posterior(point: Point, look: Look, place: np.ndarray, *, chains: int = CHAINS, draws: int = DRAWS,
                     warm_up: int = WARM_UP, seed: int = 0) -> Samples:  # fmt: skip
    """Sample the posterior of the unknowns about ``point``; ``place`` is `Rounds.place`.

    The coordinates are scaled by the curvature, in which the posterior is nearly round.
    """
    root = np.linalg.cholesky(look.matrix)
    arrays = (root, point.unknowns, look.expected.outputs, look.slopes, place, look.target)
    keys = jax.random.split(jax.random.key(seed), chains)
    moves, statistics = _chains(keys, *floats_as(jnp.float32, arrays), draws, warm_up)
    return Samples(np.asarray(moves, float), {k: np.asarray(v) for k, v in statistics.items()})


@functools.partial(jax.jit, static_argnums=(7, 8))
def _chains(keys: Any, root: Any, start: Any, outputs: Any, slopes: Any, place: Any, target: Any, draws: int,
            warm_up: int) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    to_move = lambda v: jax.scipy.linalg.solve_triangular(root, v, trans=1, lower=True)  # noqa: E731
    log_density = lambda v: -posterior_loss(to_move(v), start, outputs, slopes, place, target)  # noqa: E731
    chain = lambda key: run_chain(key, log_density, len(start), draws, warm_up)  # noqa: E731
    values, statistics = jax.lax.map(chain, keys)
    return jax.vmap(jax.vmap(to_move))(values), statistics


def run_chain(key: Any, log_density: Callable[[Any], Any], size: int, draws: int,
              warm_up: int) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """(draws [K, size], statistics [K] by name) of one chain of NUTS that begins at a standard normal draw."""
    import blackjax

    begin, tune, go = jax.random.split(key, 3)
    adaptation = blackjax.window_adaptation(blackjax.nuts, log_density)
    (state, found), _ = adaptation.run(tune, jax.random.normal(begin, (size,)), num_steps=warm_up)
    kernel = blackjax.nuts(log_density, **found)

    def step(state: Any, key: Any) -> tuple[Any, Any]:
        state, info = kernel.step(key, state)
        statistics = {
            "lp": state.logdensity, "acceptance_rate": info.acceptance_rate, "diverging": info.is_divergent,
            "n_steps": info.num_integration_steps, "energy": info.energy,
        }  # fmt: skip
        return state, (state.position, statistics)

    _, (values, statistics) = jax.lax.scan(step, state, jax.random.split(go, draws))
    return values, statistics


def diagnose(samples: Samples) -> Diagnosis:
    """Do the chains agree, and how many independent draws are they worth?"""
    from blackjax.diagnostics import effective_sample_size, potential_scale_reduction

    with jax.enable_x64(True):
        moves = jnp.asarray(samples.moves)
        half = moves.shape[1] // 2
        split = jnp.concatenate([moves[:, :half], moves[:, half : 2 * half]])
        r_hat = float(jnp.max(potential_scale_reduction(split)))
        size = float(jnp.min(effective_sample_size(moves)))
    return Diagnosis(r_hat, size, float(samples.statistics["diverging"].mean()))
