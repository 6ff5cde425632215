"""The ensemble update against exact references: Kalman's filter, Bayes' rule for an answer, and nothing to learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from calibration.twin.analysis import CLINIC_ROWS, Predicted, Values, analyse
from calibration.twin.blocks import BLOCK
from calibration.twin.gains import correlations, move, no_relations, solve, standardise
from calibration.twin.scales import COMPARED, LEVEL_ROW

NO_RELATIONS = no_relations(2, CLINIC_ROWS)
SURE = 5.0  # standard errors: false alarms below 1e-6 a comparison


def kalman(mean, covariance, loading, noise, value):
    """(mean, covariance, log-density of the value) after one linear observation."""
    total = loading @ covariance @ loading.T + np.diag(noise)
    gain = covariance @ loading.T @ np.linalg.inv(total)
    surprise = value - loading @ mean
    density = -0.5 * (surprise @ np.linalg.solve(total, surprise) + np.linalg.slogdet(2 * np.pi * total)[1])
    return mean + gain @ surprise, covariance - gain @ loading @ covariance, density


def test_twenty_days_of_a_linear_clinic_match_the_kalman_filter():
    """Means, covariances and log-likelihood, with a correlated state, process noise and days without values."""
    rng = np.random.default_rng(5)
    members, size, days = 20_000, 4, 20
    step = 0.9 * np.linalg.qr(rng.standard_normal((size, size)))[0]
    loading, noise = rng.standard_normal((3, size)), np.array([0.5, 1.0, 0.2])
    mean, covariance = np.zeros(size), np.eye(size)
    truth = rng.standard_normal(size)
    ensemble = rng.standard_normal((size, members))
    exact = estimated = 0.0
    for day in range(days):
        truth = step @ truth + 0.5 * rng.standard_normal(size)
        mean, covariance = step @ mean, step @ covariance @ step.T + 0.25 * np.eye(size)
        ensemble = step @ ensemble + 0.5 * rng.standard_normal((size, members))
        there = np.array([day % 3 != 1, day % 4 != 2, True])
        value = loading @ truth + np.sqrt(noise) * rng.standard_normal(3)
        mean, covariance, density = kalman(mean, covariance, loading[there], noise[there], value[there])
        exact += density
        predicted = standardise(jnp.asarray(loading @ ensemble))
        solved = solve(jnp.asarray(value), jnp.asarray(noise), jnp.asarray(there), predicted)
        before = standardise(jnp.asarray(ensemble))
        ensemble = np.asarray(move(jnp.asarray(ensemble), before, correlations(before, predicted), solved), float)
        estimated += float(solved.log_density)
        error = np.sqrt(np.diag(covariance) / members)
        # what the sampled gains of earlier days add is a few times a day's sampling error
        assert np.all(np.abs(ensemble.mean(axis=1) - mean) < 3 * SURE * error)
        found = np.cov(ensemble)
        scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)) * 2.0 / members)
        assert np.all(np.abs(found - covariance) < 3 * SURE * scale)
    assert estimated == pytest.approx(exact, abs=1.5)  # of about -80


def clinic(rng, physicians, members, common_spread=0.5, own_spread=0.7, chance=0.3):
    """(prediction of one measure that is parameter + own trait + chance, the parts)."""
    shared = common_spread * rng.standard_normal((2, members))
    block = rng.standard_normal((physicians, len(BLOCK), members))
    own = BLOCK.index("trait_pace")
    values = np.zeros((physicians, len(COMPARED), members))
    row = COMPARED.index("ehr_minutes")
    chances = chance * rng.standard_normal((physicians, members))
    values[:, row] = shared[0] + own_spread * block[:, own] + chances
    values[:, LEVEL_ROW] = rng.logistic(size=(physicians, members))
    thresholds = np.array([-2.0, 0.0, 2.0, 4.0])[:, None] + np.zeros((1, members))
    single = lambda a: jnp.asarray(a, jnp.float32)  # noqa: E731
    return Predicted(single(values), single(thresholds), single(block), single(shared)), row, own


def observed(physicians, **rows):
    """A day's values: name of the measure -> values [N], NaN where there is none."""
    value = np.full((physicians, len(COMPARED)), np.nan)
    for name, values in rows.items():
        value[:, COMPARED.index(name)] = values
    there = np.isfinite(value)
    return Values(jnp.asarray(np.nan_to_num(value), jnp.float32), jnp.full(value.shape, 0.1, jnp.float32),
                  jnp.asarray(there), jnp.ones(value.shape, jnp.float32))  # fmt: skip


def test_a_clinic_of_people_alike_matches_the_joint_kalman_filter():
    """A shared parameter and everybody's trait at once, though each physician's values move only the own block."""
    rng = np.random.default_rng(7)
    physicians, members = 12, 8192
    predicted, _, own = clinic(rng, physicians, members)
    value = 0.6 + 0.7 * rng.standard_normal(physicians)
    found = analyse(predicted, observed(physicians, ehr_minutes=value), NO_RELATIONS)
    loading = np.concatenate([np.ones((physicians, 1)), 0.7 * np.eye(physicians)], axis=1)
    mean, covariance, _ = kalman(np.zeros(physicians + 1), np.diag([0.25] + physicians * [1.0]), loading,
                                 np.full(physicians, 0.1 + 0.09), value)  # fmt: skip
    traits = np.asarray(found.block[:, own], float)
    error = 4 * SURE / np.sqrt(members)  # the sampled gain's error adds to that of the mean
    assert found.shared[0].mean() == pytest.approx(mean[0], abs=error * 0.5)
    np.testing.assert_allclose(traits.mean(axis=1), mean[1:], atol=error)
    assert found.shared[0].var() == pytest.approx(covariance[0, 0], rel=3 * error)
    np.testing.assert_allclose(traits.var(axis=1), np.diag(covariance)[1:], rtol=3 * error)


def test_an_answer_weighs_members_by_bayes_rule():
    """Latent logistic between the thresholds 0 and 2 if the level is 3; the intercept stands for the latent value."""
    rng = np.random.default_rng(11)
    members = 4096
    predicted, _, _ = clinic(rng, 1, members)
    own = BLOCK.index("trait_intercept")
    latent = np.asarray(predicted.values[0, LEVEL_ROW])
    block = predicted.block.at[0, own].set(latent)
    found = analyse(predicted._replace(block=block), observed(1, burnout_level=[3.0]), NO_RELATIONS)
    moved = np.asarray(found.block[0, own], float)
    grid = np.linspace(-12, 14, 20_001)
    inside = 1 / (1 + np.exp(-grid / 0.15)) - 1 / (1 + np.exp(-(grid - 2.0) / 0.15))
    density = np.exp(-grid) / (1 + np.exp(-grid)) ** 2 * (0.99 * inside + 0.01 / 5)
    density /= density.sum()
    mean = (density * grid).sum()
    deviation = np.sqrt((density * (grid - mean) ** 2).sum())
    assert moved.mean() == pytest.approx(mean, abs=SURE * deviation / np.sqrt(members) * 2)
    # a tail of a hundredth makes the variance's sampling error; its middle is what matters
    quantiles = np.interp([0.1, 0.5, 0.9], density.cumsum(), grid)
    np.testing.assert_allclose(np.quantile(moved, [0.1, 0.5, 0.9]), quantiles, atol=0.1)
    assert 0.1 * members < float(found.effective_members[0]) < 0.7 * members


def test_nothing_is_learnt_of_what_no_value_tells():
    """Of a trait no stream speaks of, a year of values leaves the variance and the mean as they were."""
    rng = np.random.default_rng(13)
    physicians, members, days = 10, 256, 60
    predicted, row, _ = clinic(rng, physicians, members)
    blind = BLOCK.index("trait_rating")
    block, shared, relations = predicted.block, predicted.shared, NO_RELATIONS
    for _ in range(days):
        values = predicted.values.at[:, row].set(jnp.asarray(rng.standard_normal((physicians, members)), jnp.float32))
        day = observed(physicians, ehr_minutes=rng.standard_normal(physicians))
        found = analyse(predicted._replace(values=values, block=block, shared=shared), day, relations)
        block, shared, relations = found.block, found.shared, found.relations
    before, after = (np.asarray(b[:, blind], float) for b in (predicted.block, block))
    unshrunk = (1 - 1 / members) ** days  # what 60 values a person would leave if chance were followed: 79 %
    assert after.var(axis=1).mean() / before.var(axis=1).mean() > 1 - 0.25 * (1 - unshrunk)
    assert np.all(shared.var(axis=1) / predicted.shared.var(axis=1) > 1 - 0.5 * (1 - unshrunk))
    assert np.abs(after.mean(axis=1)).max() < 0.35
    assert norm.sf(5.5) < 1e-4  # the largest of ten means, of standard error 1/16, is within 5.5 of them


def test_a_day_without_values_changes_nothing():
    rng = np.random.default_rng(17)
    predicted, _, _ = clinic(rng, 3, 64)
    found = analyse(predicted, observed(3), NO_RELATIONS)
    np.testing.assert_array_equal(found.block, predicted.block)
    np.testing.assert_array_equal(found.shared, predicted.shared)
    assert float(found.log_density) == 0.0 and not np.asarray(found.innovation).any()
