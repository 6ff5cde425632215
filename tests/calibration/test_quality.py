"""Which values are trusted: failed sensors are found out, unusual days of a clinic are not held against it."""

import dataclasses

import numpy as np
import pytest

from calibration.fit import FITTED, prepare_rounds
from calibration.fit_data import prepare
from calibration.measures import MEASURES
from calibration.observations import person_ids
from calibration.observing import ObservationPlan
from calibration.quality import STUCK_RUN, prior_working, stuck, working
from calibration.simulated import simulate_observations
from calibration.summaries import Plan

DAYS, PHYSICIANS = 84, 20


def test_a_run_of_equal_values_is_stuck_across_missing_days():
    values = np.array([5.0, 6, 6, 6, np.nan, 6, 6, np.nan, 6, 6, 7, 8, 8])[:, None]
    assert np.flatnonzero(stuck(values)[:, 0]).tolist() == [1, 2, 3, 5, 6, 8, 9]
    assert not stuck(np.tile([1.0, 2.0], 20)[:, None]).any()
    assert not stuck(np.full((STUCK_RUN - 1, 1), 3.0)).any()


def test_reported_quality_sets_the_prior():
    good = np.array([[400.0], [np.nan], [np.nan]])
    suspect = np.array([[np.nan], [410.0], [np.nan]])
    assert prior_working(good, suspect, MEASURES["sleep_minutes"])[:, 0].tolist() == [0.99, 0.5, 0.0]


@pytest.fixture(scope="module")
def failing():
    """A clinic in which half of the sensors fail, none of them noticed, and the trust in each value at the truth."""
    plan = dataclasses.replace(
        ObservationPlan(), wearable_share=1.0, failing_sensor_share=0.5, unnoticed_share=1.0,
    )  # fmt: skip
    clinic = simulate_observations(days=DAYS, physicians=PHYSICIANS, seed=5, warm_up_days=0, plan=plan)
    data = prepare(clinic.observations, clinic.layout)
    records = clinic.records
    plan = Plan((), data.measures, data.days)
    daily = np.stack([
        MEASURES[m].scale * sum(records[o] for o in MEASURES[m].outcomes) if MEASURES[m].personal is None
        else _of_median_person(MEASURES[m], records["fatigue"])
        for m in data.measures
    ])  # fmt: skip
    trust = working(data.values, data.prior, daily, np.full(len(data.measures), 0.02), plan)
    return clinic, data, dict(zip(data.measures, trust, strict=True))


def _of_median_person(measure, fatigue):
    own = measure.personal
    change = own.fatigue_loading * fatigue
    return own.baseline * np.exp(change) if measure.kind == "lognormal" else own.baseline + change


def test_failed_sensors_are_found_and_working_ones_kept(failing):
    clinic, data, trust = failing
    assert len(clinic.failed_sensors) >= 5
    broken = np.zeros((DAYS, PHYSICIANS), bool)
    for row in clinic.failed_sensors.itertuples():
        broken[row.day :, person_ids(PHYSICIANS).index(row.who)] = True
    for name in ("sleep_minutes", "resting_heart_rate"):
        there = data.prior[data.measures.index(name)] >= 0
        long_after = np.roll(broken, STUCK_RUN, axis=0) & broken
        long_after[:STUCK_RUN] = False
        assert trust[name][long_after & there].mean() < 0.05, name
        fine = ~broken & (trust[name] > 0)
        assert trust[name][fine].mean() > 0.95, name


def test_other_streams_are_taken_as_they_are(failing):
    _, data, trust = failing
    for m, name in enumerate(data.measures):
        if MEASURES[name].stream != "wearable":
            np.testing.assert_array_equal(trust[name], data.prior[m])


def test_rounds_begin_with_what_quality_says(small_clinic):
    data = prepare(small_clinic.observations, small_clinic.layout)
    rounds = prepare_rounds(data, small_clinic.layout, small_clinic.parameters, FITTED)
    assert (np.asarray(rounds.problem.weights) == data.prior.astype(np.float32)).all()
