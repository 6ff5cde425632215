"""Which sources the twin believes, when it says that the clinic has changed, and how alerts begin and end."""

import numpy as np
from scipy.stats import norm

from calibration.measures import MEASURES
from calibration.twin.drift import LIMIT, NONE, follow_drift, no_drift
from calibration.twin.scales import COMPARED, observation_variance, on_scale
from calibration.twin.sensors import ALERT, WATCHED, chance_of_working, first_sources, watch
from calibration.twin.tables import excursions

WEARABLE = WATCHED.index("wearable")
WORN = [COMPARED.index(n) for n in ("sleep_minutes", "resting_heart_rate", "heart_rate_variability_rmssd", "steps")]
USUAL = np.array([430.0, 62.0, 32.0, 7000.0])


def days_of_sensors(days, people, seed, fail=None):
    """Chance of failing [days, N] where values scatter as expected; ``fail`` (day, values) changes them."""
    rng = np.random.default_rng(seed)
    sources, chances = first_sources(people), []
    shape = (len(COMPARED), people)
    for day in range(days):
        value, mean, deviation = np.full(shape, np.nan), np.zeros(shape), np.ones(shape)
        for row, usual in zip(WORN, USUAL, strict=True):
            measure = MEASURES[COMPARED[row]]
            usual = np.full(people, usual)
            z, spread = rng.standard_normal(people), np.sqrt(observation_variance(measure, usual))
            mean[row], deviation[row] = on_scale(measure, usual, np), spread
            raw = usual + spread * z if measure.kind == "normal" else usual * np.exp(spread * z)
            value[row] = np.round(raw / measure.step) * measure.step
        if fail is not None:
            value = fail(day, value, sources.last)
        scaled = np.array([on_scale(MEASURES[n], np.nan_to_num(v), np) for n, v in zip(COMPARED, value, strict=True)])
        sources = watch(sources, value, np.zeros(shape, bool), scaled, mean, deviation)
        chances.append(1.0 / (1.0 + np.exp(-sources.log_odds[WEARABLE])))
    return np.array(chances), sources


def test_sensors_that_work_are_believed():
    """Three hundred sensor-years of days within no alert: at a rate of one in ten years this would be impossible."""
    chances, sources = days_of_sensors(365, 300, 1)
    assert (chances > ALERT).any(axis=0).sum() <= 1
    assert np.median(chances) < 0.002
    assert chance_of_working(sources)[COMPARED.index("ehr_minutes")].min() > 0.95  # of which nothing was heard


def test_a_stuck_and_a_dead_sensor_are_found_within_days_and_forgiven_when_mended():
    def fail(day, value, last):
        if 20 <= day < 60:
            value[WORN, 0] = last[WORN, 0]  # stuck
            value[WORN, 1] = [0.0, np.nan, np.nan, 0.0]  # dead
        return value

    chances, _ = days_of_sensors(120, 50, 2, fail)
    for person in (0, 1):
        found = np.flatnonzero(chances[:, person] > ALERT)
        assert 20 <= found[0] <= 23 and found[-1] <= 66
        assert (chances[25:60, person] > ALERT).all()
    assert (chances[:, 2:] < ALERT).all()


def test_a_change_of_everybody_is_no_sensors_fault():
    def fail(day, value, last):
        if day >= 20:
            value[WORN[1]] += 15.0  # of resting heart rate in all
        return value

    chances, _ = days_of_sensors(40, 50, 3, fail)
    assert (chances > ALERT).any(axis=0).mean() < 0.05


def run_drift(surprises):
    state, states = no_drift(), []
    there = np.zeros(len(COMPARED), bool)
    there[0] = True
    for day, z in enumerate(surprises):
        innovation = np.zeros(len(COMPARED))
        innovation[0] = z
        state = follow_drift(state, innovation, there, day)
        states.append(state)
    return states


def test_drift_is_found_in_days_and_dated_and_ends():
    rng = np.random.default_rng(4)
    surprises = rng.standard_normal(400)
    surprises[200:260] += 2.0
    states = run_drift(surprises)
    alarm = np.array([s.alarm[0, 0] for s in states])
    first = int(np.argmax(alarm))
    assert 200 < first <= 215  # a shift of two gains 1.5 a day towards a limit of ten
    assert abs(states[first].since[0, 0] - 200) <= 10
    assert not alarm[:200].any() and not alarm[320:].any()
    assert states[-1].since[1, 1] == NONE and not np.array([s.alarm[1] for s in states]).any()


def test_without_a_change_alarms_are_as_rare_as_said():
    """2,000 years of a measure on 260 days each: one alarm in 70,000 days is 7.4 expected on both sides."""
    rng = np.random.default_rng(5)
    total, alarms = np.zeros((2, 2000)), 0
    for _ in range(260):
        z = rng.standard_normal(2000)
        total = np.maximum(total + np.stack([z, -z]) - 0.5, 0.0)
        over = total > LIMIT
        alarms += int(over.sum())
        total[over] = 0.0
    assert 0 < alarms < 22  # of Poisson 7.4: none is 6e-4, 22 or more 1e-5; the seed is fixed
    assert norm.sf(LIMIT / np.sqrt(260)) > 0.2  # the sum alone would wander as far: it is the reference that holds it


def test_an_alert_lasts_until_the_chance_is_below_one_half():
    series = np.array([0.1, 0.6, 0.95, 0.7, 0.92, 0.4, 0.8, 0.2, 0.7, 0.99])
    assert excursions(series, 0.9, 0.5) == [(1, 2, 5), (8, 9, None)]
