"""What a fit compares: both sides of the comparison say the same of the same clinic, and every row is accounted for."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from calibration.fit_data import prepare
from calibration.measures import MEASURES, Kind, expected_value
from calibration.observations import person_ids
from calibration.summaries import BLOCKS_MAX, Plan, day_sets, mean_reported, summarise_observations, summarise_records


def test_a_clinic_seen_by_perfect_instruments_has_the_summaries_of_its_records(small_clinic):
    """Values without noise, in the place of the observed ones and with their gaps."""
    data = prepare(small_clinic.observations, small_clinic.layout)
    plan = Plan((), data.measures, data.days)
    records = {name: jnp.asarray(values) for name, values in small_clinic.records.items()}
    perfect = np.stack(
        [np.asarray(mean_reported(MEASURES[m], expected_value(MEASURES[m], records, np))) for m in data.measures]
    )
    weights = np.where(perfect > 0, data.prior, 0.0)  # zero minutes are no logarithm
    seen = summarise_observations(perfect, weights, plan)
    simulated = np.asarray(summarise_records(records, jnp.asarray(weights), plan, jnp))
    # observed minutes are corrected for the mean of their noise, which there is none of here
    log_noise = np.array([m.noise if m.kind is Kind.LOGNORMAL and m.personal is None else 0.0
                          for m in (MEASURES[name] for name in data.measures)])  # fmt: skip
    expected = np.where(seen.counts > 0, simulated - 0.5 * log_noise[seen.measure] ** 2, 0.0)
    np.testing.assert_allclose(seen.values, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("days", [7, 84, 182, 364])
def test_every_day_counts_once_for_each_measure(days):
    for name in ("ehr_minutes", "sleep_minutes", "resting_heart_rate"):
        sets = day_sets(MEASURES[name], days)
        assert (sets.sum(axis=0) == 1).all()
        assert len(sets) <= 2 * BLOCKS_MAX
    rest = day_sets(MEASURES["sleep_minutes"], days)[-1]
    assert set(np.flatnonzero(rest) % 7) == {5, 6}  # nights after days without work


def test_every_row_is_accounted_for(small_clinic):
    table = small_clinic.observations
    data = prepare(table, small_clinic.layout)
    rows = data.rows
    parts = ["used", "suspect", "failed", "outside_period", "after_vacancy", "not_compared"]
    np.testing.assert_array_equal(rows["received"], rows[parts].sum(axis=1))
    assert rows["received"].sum() == len(table.drop_duplicates(["who", "measure", "measured_at"]))
    assert data.streams == ("ehr", "roster", "schedule", "survey", "wearable")


def test_a_pod_is_left_out_from_its_first_vacancy_on(small_clinic):
    layout = small_clinic.layout
    table = small_clinic.observations
    before = prepare(table, layout)
    vacant = table.loc[[table.index[(table["who"] == person_ids(20)[7]) & (table["measure"] == "employed")][20]]]
    at = vacant["measured_at"].iloc[0]
    table = table[~((table["who"] == person_ids(20)[7]) & (table["measured_at"].dt.date == at.date()))]
    after = prepare(pd.concat([table, vacant.assign(value=0.0)]), layout)
    day = (at.date() - small_clinic.first_day).days
    there = after.prior.sum(axis=0) > 0
    assert not there[day:, 5:10].any() and there[:day, 5:10].any()
    np.testing.assert_array_equal(after.prior[:, :, :5], before.prior[:, :, :5])
    assert after.rows["after_vacancy"].sum() > before.rows["after_vacancy"].sum()


def test_booked_visits_are_not_counted_twice(small_clinic):
    assert "booked_count" not in prepare(small_clinic.observations, small_clinic.layout).measures
    table = small_clinic.observations
    alone = prepare(table[table["measure"] == "booked_count"], small_clinic.layout)
    assert alone.measures == ("booked_count",)
    assert not alone.answers.level_weight.any() and not alone.answers.load_weight.any()
