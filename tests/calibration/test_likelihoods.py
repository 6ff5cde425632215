"""Observation models against exact references from SciPy."""

import jax
import numpy as np
import pytest
from scipy import stats

from calibration.likelihoods import (
    SMALLEST_LOG_PROBABILITY,
    clean_probability,
    lognormal_log_prob,
    negative_binomial_log_prob,
    normal_log_prob,
    ordinal_log_prob,
)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def test_lognormal_minutes_are_the_probability_of_what_rounds_to_them():
    values, median, spread = np.array([0.0, 1.0, 7.0, 60.0, 61.0, 400.0]), 55.0, 0.4
    law = stats.lognorm(spread, scale=median)
    expected = np.log(law.cdf(values + 0.5) - law.cdf(np.maximum(values - 0.5, 0.0)))
    found = np.asarray(lognormal_log_prob(values, median, spread))
    possible = expected > SMALLEST_LOG_PROBABILITY
    np.testing.assert_allclose(found[possible], expected[possible], rtol=1e-6)
    assert (found[~possible] == SMALLEST_LOG_PROBABILITY).all()
    every = np.asarray(lognormal_log_prob(np.arange(0.0, 2000.0), median, spread))
    assert np.exp(every).sum() == pytest.approx(1.0, abs=1e-9)


def test_scores_collect_what_lies_beyond_the_ends_of_their_scale():
    values, mean, spread = np.arange(0.0, 11.0), 9.3, 1.4
    law = stats.norm(mean, spread)
    expected = law.cdf(values + 0.5) - law.cdf(values - 0.5)
    expected[0], expected[-1] = law.cdf(0.5), law.sf(9.5)
    found = np.exp(np.asarray(normal_log_prob(values, mean, spread, 1.0, 0.0, 10.0)))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("mean", "size"), [(0.3, 0.8), (12.0, 5.0), (40.0, 300.0)])
def test_counts_are_negative_binomial(mean, size):
    counts = np.arange(0.0, 80.0)
    expected = stats.nbinom.logpmf(counts, size, size / (size + mean))
    np.testing.assert_allclose(negative_binomial_log_prob(counts, mean, size), expected, rtol=1e-8)


def test_answers_follow_an_ordered_logit():
    thresholds, latent, scale = np.array([-0.4, 2.1, 4.0, 5.6]), 2.5, 0.7
    above = stats.logistic.sf((thresholds - latent) / scale)
    expected = -np.diff(np.concatenate([[1.0], above, [0.0]]))
    found = [float(np.exp(ordinal_log_prob(level, latent, thresholds, scale))) for level in range(1, 6)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_value_is_trusted_by_bayes_rule():
    share, working, broken = 0.9, np.log(0.02), np.log(0.001)
    expected = share * 0.02 / (share * 0.02 + (1 - share) * 0.001)
    assert float(clean_probability(working, broken, share)) == pytest.approx(expected)
