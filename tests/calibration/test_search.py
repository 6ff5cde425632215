"""The search and its spread on a linear clinic, whose posterior is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from abm.layout import make_layout
from calibration import readouts, search
from calibration.forward import Target
from calibration.readouts import THRESHOLDS
from calibration.slopes import curvature, places, shrunk, standard_errors
from calibration.summaries import SEARCHED

PARAMETERS, SUMMARIES, ANSWERS, LOADS = 4, 12, 3, 2


def linear_clinic(weight):
    """(start, outputs, slopes, place, target) of ten physicians with random slopes and covariances."""
    rng = np.random.default_rng(5)
    layout = make_layout(10)
    place = places(PARAMETERS, layout)
    outputs = SUMMARIES + ANSWERS + len(THRESHOLDS) + LOADS + 1
    slopes = rng.standard_normal((10, outputs, place.shape[1]))
    root = rng.standard_normal((10, SUMMARIES, SUMMARIES))
    precision = root @ root.transpose(0, 2, 1) / SUMMARIES + np.eye(SUMMARIES)
    here = rng.standard_normal((10, outputs))
    here[:, SUMMARIES + ANSWERS :] = [-1.0, 0.5, 1.5, 3.0, 0.3, 0.6, 0.5]
    slopes[:, SUMMARIES:] *= 0.05
    answers = readouts.Answers(
        np.zeros((10, ANSWERS), int), rng.integers(1, 6, (10, ANSWERS)).astype(float), np.full((10, ANSWERS), weight),
        np.zeros((10, LOADS), int), 5.0 * rng.integers(30, 70, (10, LOADS)), np.full((10, LOADS), weight),
    )  # fmt: skip
    chance = readouts.Chance(np.float64(0.5), np.float64(0.1))
    target = Target(rng.standard_normal((10, SUMMARIES)), precision, answers, chance)
    return 0.3 * rng.standard_normal(place.max() + 1), here, slopes, place, target


def test_the_search_ends_at_the_posterior_mean_of_a_normal_linear_clinic():
    start, outputs, slopes, place, target = linear_clinic(weight=0.0)
    dense = np.zeros((10, SUMMARIES, len(start)))
    for i, here in enumerate(place):
        dense[i][:, here] = slopes[i, :SUMMARIES]
    information = np.eye(len(start)) + np.einsum("nsd,nst,nte->de", dense, target.precision, dense)
    at_zero = outputs[:, :SUMMARIES] - dense @ start
    mean = np.linalg.solve(information, np.einsum("nsd,nst,nt->d", dense, target.precision, target.values - at_zero))
    matrix = curvature(outputs, slopes, target, place)
    np.testing.assert_allclose(matrix, information, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(standard_errors(information), np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-9)
    move, gain = search.best_move(start, outputs, slopes, place, target, matrix)
    np.testing.assert_allclose(start + move, mean, atol=1e-4)
    there = outputs + np.einsum("nl,nol->no", move[place], slopes)
    promised = search.loss(start, outputs, target) - search.loss(start + move, there, target)
    assert gain == pytest.approx(promised, rel=1e-3)


def test_answers_pull_as_their_own_likelihood_says():
    """At the end of the search the loss, written down anew, has no slope left."""
    start, outputs, slopes, place, target = linear_clinic(weight=1.0)
    matrix = curvature(outputs, slopes, target, place)
    move, _ = search.best_move(start, outputs, slopes, place, target, matrix)

    def loss(unknowns):
        there = outputs + np.einsum("nl,nol->no", (unknowns - start)[place], slopes)
        total = 0.5 * unknowns @ unknowns
        for i in range(10):
            residual = target.values[i] - there[i, :SUMMARIES]
            said = readouts.log_prob(
                jnp.asarray(there[i, SUMMARIES:]), jax.tree.map(lambda a, i=i: a[i], target.answers), target.chance
            )
            total += 0.5 * residual @ target.precision[i] @ residual - float(said)
        return total

    rng = np.random.default_rng(1)
    least = loss(start + move)
    for _ in range(20):
        step = rng.standard_normal(len(start)) / np.sqrt(np.diag(matrix))
        assert loss(start + move + 0.3 * step) > least


def test_slopes_lose_their_noise_and_keep_their_differences():
    rng = np.random.default_rng(3)
    truth = np.zeros((2, 40, 1))
    truth[0, :, 0] = 2.0 + rng.standard_normal(40)  # physicians differ
    each = truth[:, None] + 0.5 * rng.standard_normal((2, 4, 40, 1))
    found = shrunk(each)
    noise = 0.5 / np.sqrt(4)
    assert np.sqrt(((found[0] - truth[0]) ** 2).mean()) < 1.2 * noise
    # where nothing answers, the square (the information) is far below the noise's: expected 1/40 of it or less
    assert (found[1] ** 2).mean() < 0.3 * noise**2


def test_places_name_the_pod_of_a_physician():
    place = places(PARAMETERS, make_layout(10))
    traits = len(SEARCHED)
    assert place.shape == (10, PARAMETERS + 5 * traits)
    assert place[7, :PARAMETERS].tolist() == [0, 1, 2, 3]
    assert place[7, PARAMETERS] == PARAMETERS + 5 * traits  # the second pod begins with physician 5
    assert place[9, -1] == PARAMETERS + 10 * traits - 1
