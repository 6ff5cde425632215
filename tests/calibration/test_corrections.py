"""The corrections at the end of a fit, on a model whose integrals can be written down."""

from types import SimpleNamespace

import numpy as np
from scipy.optimize import minimize_scalar

from abm.layout import make_layout
from calibration.corrections import traits_integrated_out, widening
from calibration.forward import Target
from calibration.readouts import Answers, Chance
from calibration.rounds import Look, Point
from calibration.slopes import curvature, places, slopes_of
from calibration.summaries import SEARCHED

PEOPLE, SPREAD, NOISE = 40, 0.5, 1.0  # value = exp(parameter + SPREAD * trait) + NOISE * z


def model(point):
    """Expected values [PEOPLE, 1 + 5]: one summary, then what nobody is asked: thresholds, spread of rating styles."""
    traits = point.unknowns[1:].reshape(-1, len(SEARCHED))[:, 0]
    asked = np.tile([-1.0, 0.0, 1.0, 2.0, 0.5], (PEOPLE, 1))
    return np.column_stack([np.exp(point.unknowns[0] + SPREAD * traits), asked])


NOTHING = np.zeros((PEOPLE, 0))
NOBODY_ASKED = Answers(NOTHING.astype(int), NOTHING, NOTHING, NOTHING.astype(int), NOTHING, NOTHING)


class Clinic:
    """As much of `calibration.rounds.Rounds` as the corrections look at, of the model above."""

    plan = SimpleNamespace(names=("parameter",), size=1)
    problem = SimpleNamespace(layout=make_layout(PEOPLE))
    place = places(1, problem.layout)

    def differences(self, point, block):
        value = model(point)[:, :1]
        each = np.zeros((1 + 2 * len(SEARCHED), 2, PEOPLE, 6))
        sign = np.where(np.arange(PEOPLE) % 2 == 0, 1.0, -1.0)[:, None]
        each[0, :, :, :1], each[1, :, :, :1], each[2, :, :, :1] = value, SPREAD * value * sign, SPREAD * value
        return each + 1e-12 * np.arange(2)[None, :, None, None]

    def look(self, point, values):
        outputs = model(point)
        precision = np.full((PEOPLE, 1, 1), NOISE**-2)
        target = Target(values[:, None], precision, NOBODY_ASKED, Chance(1.0, 1.0))
        slopes = slopes_of(self.differences(point, 0), 1, self.problem.layout)
        return Look(SimpleNamespace(outputs=outputs), target, slopes, curvature(outputs, slopes, target, self.place))


def joint_maximum(values):
    """(parameter, traits) of the joint maximum, by alternating Newton steps."""
    parameter, traits = np.log(values.mean()), np.zeros(PEOPLE)
    for _ in range(500):
        level = np.exp(parameter + SPREAD * traits)
        residual = (values - level) / NOISE**2
        traits += 0.5 * (SPREAD * level * residual - traits) / (SPREAD**2 * level**2 / NOISE**2 + 1)
        level = np.exp(parameter + SPREAD * traits)
        residual = (values - level) / NOISE**2
        parameter += 0.5 * ((level * residual).sum() - parameter) / ((level**2).sum() / NOISE**2 + 1)
    return parameter, traits


def marginal_maximum(values):
    """The parameter's maximum with the traits integrated out by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)

    def loss(parameter):
        residual = values[:, None] - np.exp(parameter + SPREAD * nodes)
        likelihood = (weights * np.exp(-0.5 * (residual / NOISE) ** 2)).sum(axis=1)
        return -np.log(likelihood).sum() + 0.5 * parameter**2

    return minimize_scalar(loss, bounds=(-2, 3), method="bounded", options={"xatol": 1e-10}).x


def test_the_bias_of_the_joint_maximum_is_taken_out():
    clinic, rng = Clinic(), np.random.default_rng(2)
    before, after = [], []
    for _ in range(20):
        values = np.exp(0.5 + SPREAD * rng.standard_normal(PEOPLE)) + NOISE * rng.standard_normal(PEOPLE)
        parameter, traits = joint_maximum(values)
        unknowns = np.zeros((PEOPLE, len(SEARCHED)))
        unknowns[:, 0] = traits
        point = Point(np.concatenate([[parameter], unknowns.ravel()]), np.zeros(PEOPLE))
        found = traits_integrated_out(clinic, point, clinic.look(point, values), 0).unknowns[0]
        best = marginal_maximum(values)
        before.append(parameter - best)
        after.append(found - best)
    assert np.mean(before) > 0.05  # the bias to take out
    assert abs(np.mean(after)) < 0.35 * np.mean(before)


def test_deviations_widen_where_chance_is_more_than_pooled_and_never_narrow():
    clinic, rng = Clinic(), np.random.default_rng(4)
    point = Point(np.zeros(clinic.place.max() + 1), np.zeros(PEOPLE))
    look = clinic.look(point, np.ones(PEOPLE))
    nothing = np.zeros((PEOPLE, 1))
    clinic.observed = SimpleNamespace(counts=np.ones((PEOPLE, 1)), noise=nothing, baseline=np.zeros(1),
                                      measure=np.zeros(1, int))  # fmt: skip
    for factor, expected in ((0.5, 1.0), (1.0, 1.0), (2.0, 2.0)):
        outputs = np.ones((400, PEOPLE, 6)) + factor * NOISE * rng.standard_normal((400, PEOPLE, 6))
        assert (
            widening(clinic, outputs, look)[0] == expected or abs(widening(clinic, outputs, look)[0] - expected) < 0.05
        )
