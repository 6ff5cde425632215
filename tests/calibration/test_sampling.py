"""The sampler against posteriors that are known in closed form."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

pytest.importorskip("blackjax")

from test_search import linear_clinic

from calibration.rounds import Look, Point
from calibration.sampling import Samples, diagnose, run_chain, sample_posterior
from calibration.slopes import curvature


def test_a_normal_linear_clinic_has_the_posterior_of_the_textbook():
    """False alarm: 4 * 250 draws of effective size above 500; each mean and deviation is held to 6 standard errors.

    With 2 * 44 comparisons of normal statistics the chance is below 1e-6.
    """
    start, outputs, slopes, place, target = linear_clinic(weight=0.0)
    matrix = curvature(outputs, slopes, target, place)
    look = Look(SimpleNamespace(outputs=outputs), target, slopes, matrix)
    samples = sample_posterior(Point(start, np.zeros(10)), look, place, seed=3)
    found = diagnose(samples)
    assert found.sound and found.effective_sample_size > 500
    count = target.values.shape[1]
    gradient = start - sum(
        _scatter(slopes[i, :count].T @ target.precision[i] @ (target.values[i] - outputs[i, :count]), place[i], start)
        for i in range(10)
    )
    covariance = np.linalg.inv(matrix)
    mean, deviation = -covariance @ gradient, np.sqrt(np.diag(covariance))
    draws = samples.moves.reshape(-1, len(start))
    error = deviation / np.sqrt(found.effective_sample_size)
    assert (np.abs(draws.mean(axis=0) - mean) < 6 * error).all()
    assert (np.abs(draws.std(axis=0) / deviation - 1) < 6 / np.sqrt(2 * found.effective_sample_size)).all()


def _scatter(values, place, like):
    result = np.zeros_like(like)
    np.add.at(result, place, values)
    return result


def test_a_conjugate_case_that_is_not_normal():
    """The logarithm of a Poisson rate with a gamma prior; Kolmogorov-Smirnov on thinned draws, false alarm 1e-5."""
    shape, rate, counts = 2.0, 1.0, np.array([0.0, 1.0, 0.0])

    def log_density(v):
        return (shape + counts.sum()) * v[0] - (rate + len(counts)) * jnp.exp(v[0])

    with jax.enable_x64(True):
        values, _ = jax.jit(lambda key: run_chain(key, log_density, 1, 3000, 300))(jax.random.key(5))
    thinned = np.exp(np.asarray(values)[::6, 0])
    exact = stats.gamma(shape + counts.sum(), scale=1 / (rate + len(counts)))
    assert stats.kstest(thinned, exact.cdf).pvalue > 1e-5


def test_chains_that_disagree_are_called_out():
    moves = np.random.default_rng(1).standard_normal((4, 250, 3))
    statistics = {"diverging": np.zeros((4, 250), bool)}
    assert diagnose(Samples(moves, statistics)).sound
    assert not diagnose(Samples(moves + np.arange(4)[:, None, None], statistics)).sound
    assert not diagnose(Samples(moves, {"diverging": np.arange(1000).reshape(4, 250) % 50 == 0})).sound
