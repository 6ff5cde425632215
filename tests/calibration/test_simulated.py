"""Simulated clinics: what is said to be the truth is what the observations were made of."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from abm.layout import TRAITS, make_layout
from abm.parameters import ENTRIES, ParameterError, Parameters, to_unbounded
from calibration.fit import FITTED
from calibration.observations import to_array, validate
from calibration.observing import ObservationPlan
from calibration.readouts import THRESHOLDS
from calibration.simulated import draw_truth, simulate_observations


def test_observations_show_the_records_of_the_observed_days(small_clinic):
    clinic = small_clinic
    table, _ = validate(clinic.observations)
    seen = to_array(table, clinic.layout, clinic.days, clinic.first_day)
    there = np.isfinite(seen["kept_count"])
    assert there.sum() > 0.9 * (clinic.records["on_duty"] > 0).sum()
    np.testing.assert_array_equal(seen["kept_count"][there], clinic.records["kept"][there])
    np.testing.assert_allclose(clinic.risk, clinic.records["burnout_risk"][-28:].mean(axis=0))
    np.testing.assert_array_equal(clinic.traits, np.asarray(clinic.layout.traits)[: clinic.layout.physicians, 0])


def test_the_warm_up_is_not_observed_and_successors_have_their_own_traits():
    restless = Parameters().replace(leaving_per_year=0.5, hire_days=10.0)
    layout = make_layout(10, seed=1)
    clinic = simulate_observations(restless, days=28, seed=1, layout=layout, warm_up_days=168)
    assert clinic.records["kept"].shape == (28, 10)
    assert clinic.observations["measured_at"].min().date() == clinic.first_day == dt.date(2024, 1, 1)
    own = np.asarray(layout.traits)[:10]
    generations = [int(np.flatnonzero((own[i] == clinic.traits[i]).all(axis=1))[0]) for i in range(10)]
    assert max(generations) > 0  # at half a year's hazard above 0.25: all ten stay with a chance below 0.1, seed fixed
    assert clinic.records["waiting_requests"][0].mean() > 20  # lists are not empty on the first observed day


def test_equal_seeds_give_equal_clinics_of_a_sample_of_physicians():
    first, again = (simulate_observations(days=28, physicians=10, seed=4, warm_up_days=0) for _ in range(2))
    assert first.observations.equals(again.observations)
    # the mean of ten independent traits has a deviation of 0.32, of evenly spread ones 0: that seven such means lie
    # within 0.05 of one another has a chance below one in a million
    assert first.traits.mean(axis=0).std() > 0.05


def test_truths_are_drawn_from_the_priors():
    """Means of 300 draws in prior standard deviations: five standard errors, a chance below 1e-5 for all together."""
    names = [name for name in FITTED if name not in THRESHOLDS]
    drawn = np.array([
        [
            (to_unbounded(getattr(truth, n), ENTRIES[n]) - to_unbounded(ENTRIES[n].default, ENTRIES[n]))
            / ENTRIES[n].prior_spread
            for n in names
        ]
        for truth in (draw_truth(seed, names) for seed in range(300))
    ])  # fmt: skip
    assert np.abs(drawn.mean(axis=0)).max() < 5 / np.sqrt(300)
    assert np.abs(drawn.std(axis=0) - 1).max() < 5 / np.sqrt(600)
    for seed in range(50):
        assert (np.diff([getattr(draw_truth(seed, FITTED), name) for name in THRESHOLDS]) > 0).all()
    kept = draw_truth(1, ["visit_minutes"])
    assert kept.replace(visit_minutes=Parameters().visit_minutes) == Parameters()


def test_faults_are_told_with_the_truth():
    plan = dataclasses.replace(ObservationPlan(), failing_sensor_share=1.0, wearable_share=1.0)
    clinic = simulate_observations(days=28, physicians=10, seed=4, warm_up_days=0, plan=plan)
    assert len(clinic.failed_sensors) == 10
    assert set(clinic.baselines) >= {"resting_heart_rate", "steps"}
    assert clinic.traits.shape == (10, len(TRAITS))


def test_refusals():
    with pytest.raises(ValueError, match="warm_up_days: met 5, expected whole weeks"):
        simulate_observations(warm_up_days=5)
    with pytest.raises(ValueError, match="days: met 0"):
        simulate_observations(days=0)
    with pytest.raises(ValueError, match="multiple of pod_size"):
        simulate_observations(physicians=7)
    with pytest.raises(ParameterError, match="did you mean 'visit_minutes'"):
        draw_truth(0, ["visit_minute"])
