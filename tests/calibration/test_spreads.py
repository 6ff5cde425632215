"""How far people differ, from uncertain traits: the posterior against brute force, and that it covers."""

import numpy as np
import pytest

from abm.parameters import ENTRIES, Parameters, from_unbounded
from calibration.spreads import prior_centre, spread_posterior

NAME = "efficiency_spread"


def shrunken(values, current, noise):
    """Posterior means and deviations, in units of ``current``, of people measured with ``noise``."""
    variance = noise**2 / (current**2 + noise**2)
    return (1.0 - variance) * values / current, np.full(len(values), np.sqrt(variance))


def test_the_posterior_is_that_of_the_measurements_whatever_spread_they_were_shrunk_by():
    rng = np.random.default_rng(1)
    noise, centre = 0.1, prior_centre(NAME, 0.25)
    measured = 0.4 * rng.standard_normal(50) + noise * rng.standard_normal(50)
    grid = np.linspace(-4, 4, 4001)
    spread = np.array([from_unbounded(centre + ENTRIES[NAME].prior_spread * g, ENTRIES[NAME]) for g in grid])
    total = spread[:, None] ** 2 + noise**2
    log_mass = -0.5 * (np.log(total) + measured**2 / total).sum(axis=1) - 0.5 * grid**2
    mass = np.exp(log_mass - log_mass.max())
    expected = [np.interp(q, mass.cumsum() / mass.sum(), spread) for q in (0.5, 0.05, 0.95)]
    for current in (0.15, 0.25, 0.6):
        found = spread_posterior(NAME, current, centre, *shrunken(measured, current, noise))
        np.testing.assert_allclose(found[:3], expected, rtol=5e-3)


def test_people_who_were_hardly_measured_leave_the_prior():
    traits, errors = np.zeros(50), np.full(50, 0.999)
    found = spread_posterior(NAME, 0.25, prior_centre(NAME, 0.25), traits, errors)
    assert found.median == pytest.approx(0.25, rel=1e-2) and found.deviation == pytest.approx(1.0, abs=0.02)


def test_intervals_cover_what_the_prior_draws():
    """200 draws at 90 %: fewer than 160 inside has a chance of 1e-5."""
    rng = np.random.default_rng(7)
    entry, centre = ENTRIES[NAME], prior_centre(NAME, Parameters().efficiency_spread)
    inside = 0
    for _ in range(200):
        truth = from_unbounded(float(centre + entry.prior_spread * rng.standard_normal()), entry)
        measured = truth * rng.standard_normal(20) + 0.1 * rng.standard_normal(20)
        found = spread_posterior(NAME, 0.25, centre, *shrunken(measured, 0.25, 0.1))
        inside += found.low <= truth <= found.high
    assert 160 <= inside <= 198
