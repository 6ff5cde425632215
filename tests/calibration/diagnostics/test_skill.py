"""Forecast scores on made blocks where the best forecaster is known."""

import datetime as dt

import numpy as np
import pytest

from calibration.diagnostics.skill import (
    SAMPLES,
    Blocks,
    block_means,
    clinic_average,
    gradient_boosting,
    in_blocks,
    persistence,
    scores,
)

pytest.importorskip("scoringrules")
pytest.importorskip("sklearn")


def blocks(own_spread, drift, seed=0, people=40, count=7, seen=4):
    """Means [2, count, people] of people who differ by ``own_spread`` and whose means walk by ``drift``."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(drift * rng.standard_normal((2, count, people)), axis=1)
    means = 100 + own_spread * rng.standard_normal((2, 1, people)) + walk
    return Blocks(("ehr_minutes", "inbox_minutes"), means, np.ones((2, 28 * count, people), bool), seen)


def test_persistence_is_best_where_people_stay_as_they_are_and_its_spread_is_right():
    some = blocks(own_spread=20, drift=2)
    every = {"persistence": persistence, "clinic average": clinic_average, "gradient boosting": gradient_boosting}
    table = scores(some, every).groupby("forecaster")[["crps", "log_score", "skill"]].mean()
    assert table["crps"].idxmin() == "persistence" == table["log_score"].idxmin()
    assert table.loc["persistence", "skill"] == 0 and table.loc["clinic average", "skill"] < 0
    samples = persistence(some, np.random.default_rng(0))[:, :, 0]
    assert samples.std() > 15 and samples.std(axis=0).mean() == pytest.approx(2.0, rel=0.25)


def test_a_forecaster_who_knows_beats_them_all():
    some = blocks(own_spread=20, drift=10)

    def oracle(seen, rng):
        return seen.future + rng.standard_normal((SAMPLES, *seen.future.shape))

    table = scores(some, {"persistence": persistence, "oracle": oracle}).groupby("forecaster")["skill"].mean()
    assert table["oracle"] > 0.7


def test_means_count_observed_days_alone():
    daily = np.full((56, 2), np.nan)
    daily[:10, 0], daily[30:33, 0], daily[:, 1] = 4.0, 9.0, np.arange(56)
    means = block_means(daily)
    assert means[0].tolist() == [4.0, 13.5] and np.isnan(means[1, 0]) and means[1, 1] == 41.5


def test_a_split_that_leaves_nothing_to_forecast_is_refused(small_clinic):
    with pytest.raises(ValueError, match="met 84 of 84 seen"):
        in_blocks(small_clinic.observations, small_clinic.layout, 84, 84, dt.date(2024, 1, 1))
