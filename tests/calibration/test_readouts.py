"""Survey answers with the own style of answering integrated out, against quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from abm.rules.burnout import personal_intercept
from abm.rules.task_load import SCALE_MAXIMUM
from calibration import readouts
from calibration.likelihoods import normal_log_prob, ordinal_log_prob
from calibration.measures import MEASURES

SCALE, LOAD_DEVIATION, SPREAD = 0.4, 0.15, 0.5
THRESHOLDS, INDEX = np.array([-0.4, 2.1, 4.0, 5.6]), np.array([1.9, 1.6, 2.2, 0.0])
LOG_ODDS = np.array([0.8, 1.6])
ANSWERS = readouts.Answers(
    np.zeros(4, int), np.array([3.0, 2.0, 3.0, 1.0]), np.array([1.0, 1.0, 0.5, 0.0]),
    np.zeros(2, int), np.array([310.0, 400.0]), np.array([1.0, 1.0]),
)  # fmt: skip
VALUES = np.concatenate([INDEX, THRESHOLDS, LOG_ODDS, [SPREAD]])
CHANCE = readouts.Chance(SCALE, LOAD_DEVIATION)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def level_probability(trait):
    each = [
        float(ordinal_log_prob(k, x + personal_intercept(trait), THRESHOLDS, SCALE))
        for k, x in zip(ANSWERS.level, INDEX, strict=True)
    ]
    return np.exp(np.dot(ANSWERS.level_weight, each))


def load_probability(trait):
    measure, result = MEASURES["task_load"], 1.0
    for value, log_odds in zip(ANSWERS.load, LOG_ODDS, strict=True):
        share = 1.0 / (1.0 + np.exp(-(log_odds + SPREAD * trait)))
        deviation = np.hypot(measure.noise, SCALE_MAXIMUM * share * (1.0 - share) * LOAD_DEVIATION)
        mean = SCALE_MAXIMUM * share
        result *= np.exp(float(normal_log_prob(value, mean, deviation, measure.step, measure.low, measure.high)))
    return result


def weighted(probability):
    return quad(lambda z: probability(z) * stats.norm.pdf(z), -6, 6, limit=200)[0]


def test_own_styles_of_answering_are_integrated_out():
    expected = np.log(weighted(level_probability)) + np.log(weighted(load_probability))
    found = float(readouts.log_prob(jnp.asarray(VALUES), ANSWERS, CHANCE))
    assert found == pytest.approx(expected, abs=1e-3)
    silent = ANSWERS._replace(level_weight=np.zeros(4), load_weight=np.zeros(2))
    assert float(readouts.log_prob(jnp.asarray(VALUES), silent, CHANCE)) == pytest.approx(0.0, abs=1e-9)


def test_answers_tell_the_styles_behind_them():
    """Posterior means of the traits, by quadrature; the ratings at the end of the scale say more than they can show."""
    both = jax.tree.map(lambda a: np.asarray(a)[None], ANSWERS)
    masses = np.asarray(readouts.masses(jnp.asarray(VALUES)[None], both, CHANCE))
    for k, probability in enumerate((load_probability, level_probability)):
        mean = weighted(lambda z, p=probability: z * p(z)) / weighted(probability)
        assert masses[k, 0] @ readouts.NODES == pytest.approx(mean, abs=2e-3)
    assert readouts.OWN == ("rating", "intercept")
