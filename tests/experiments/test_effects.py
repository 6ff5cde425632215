"""Paired differences and their intervals: against other computations, known effects and hand-made clinics."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from experiments import effects
from experiments.effects import BASELINE, HIGHER, LOWER, NO_INTERVAL, NOISE, NOT_MEASURED, SAME, ReportError
from experiments.outcome_groups import MEASURES, NEEDED, clinic_values, window_periods

PHYSICIANS = 10


def clinic(scenarios=(BASELINE, "help"), replicates=4, periods=8, period_days=7, seed=1, **attributes):
    """Results with every outcome drawn at random; ``employed`` is 1."""
    rng = np.random.default_rng(seed)
    shape = (len(scenarios), replicates, periods, PHYSICIANS)
    data = xr.Dataset(
        {name: (effects.DIMENSIONS, rng.uniform(0.2, 1.0, shape)) for name in NEEDED},
        {
            "scenario": list(scenarios), "replicate": range(replicates), "day": period_days * np.arange(periods),
            "physician": range(PHYSICIANS), "pod": ("physician", np.repeat([0, 1], 5)),
            "fte": ("physician", [1.0] * 6 + [0.8] * 4), "yearly_cost": ("scenario", 1e5 * np.arange(len(scenarios))),
        },
        {"period_days": period_days, "warm_up_days": 364, **attributes},
    )  # fmt: skip
    data["employed"] = xr.ones_like(data["employed"])
    for name in ("booked", "kept"):
        data[f"{name}_disadvantaged"] = 0.3 * data[name]
    return data


def test_intervals_are_students_t():
    values = np.random.default_rng(0).normal(3.0, 2.0, (5, 7))
    got = effects.estimate(values)
    for row, low, high, error in zip(values, got.low, got.high, got.standard_error, strict=True):
        expected = stats.ttest_1samp(row, 0.0).confidence_interval(effects.LEVEL)
        assert (low, high) == pytest.approx((expected.low, expected.high))
        assert error == pytest.approx(stats.sem(row))


def test_intervals_hold_the_known_effect_as_often_as_they_say():
    """4,000 experiments of six pairs with a known effect. The count inside is binomial: a miss of the band by chance
    (4.2 standard deviations) happens in fewer than 3e-5 of seeds."""
    rng = np.random.default_rng(20260101)
    experiments, replicates, effect = 4000, 6, -4.0
    chance = rng.normal(50, 10, (experiments, replicates))  # met by both scenarios of a pair
    baseline = chance + rng.normal(0, 1, chance.shape)
    changed = chance + effect + rng.normal(0, 1, chance.shape)
    paired = effects.estimate(changed - baseline)
    inside = ((paired.low <= effect) & (effect <= paired.high)).mean()
    assert abs(inside - effects.LEVEL) < 4.2 * np.sqrt(0.9 * 0.1 / experiments)
    # pairing is worth it: the same runs compared as if they had met different chance
    assert np.median(paired.standard_error) < 0.3 * np.median(effects.estimate(changed).standard_error)


def test_known_effects_are_found_by_scenario():
    """The interval of a 90 % level misses by chance; one of four standard errors does in 6e-5 of seeds (normal)."""
    data = clinic((BASELINE, "help", "harm", "nothing"), replicates=40)
    common = data["burned_out"].sel(scenario=BASELINE)
    noise = xr.DataArray(np.random.default_rng(3).normal(0, 0.02, data["burned_out"].shape), dims=effects.DIMENSIONS)
    noise = noise.assign_coords(scenario=data["scenario"])
    shift = xr.DataArray([0.0, -0.1, 0.05, 0.0], dims="scenario", coords={"scenario": data["scenario"]})
    data["burned_out"] = (common + shift + noise).transpose(*effects.DIMENSIONS)
    rows = effects.outcome_table(data).query("measure == 'burned_out'").set_index("scenario")
    for scenario, truth, said in (("help", -10.0, LOWER), ("harm", 5.0, HIGHER), ("nothing", 0.0, None)):
        assert abs(rows.loc[scenario, "difference"] - truth) < 4 * rows.loc[scenario, "standard_error"] < 1.0
        assert said is None or rows.loc[scenario, "verdict"] == said
    assert list(rows.loc[["help", "harm"], "reading"]) == ["better", "worse"]
    assert rows.loc["help", "pairs_lower"] == 40
    assert rows.loc[BASELINE, "verdict"] == SAME


def test_one_replicate_gives_no_interval():
    rows = effects.outcome_table(clinic(replicates=1))
    changed = rows[(rows["scenario"] == "help") & (rows["measure"] != "intervention_cost")]
    assert set(changed["verdict"]) == {NO_INTERVAL}
    assert changed["difference"].notna().all()
    assert changed[["low", "high", "standard_error"]].isna().all(axis=None)
    assert set(changed["reading"]) == {""}


def test_missing_values_are_left_out_and_counted():
    some = effects.estimate(np.array([[1.0, np.nan, 3.0], [np.nan] * 3, [2.0, np.nan, np.nan]]))
    assert list(some.replicates) == [2, 0, 1]
    assert some.mean[0] == 2.0 and np.isnan(some.mean[1]) and some.mean[2] == 2.0
    assert np.isfinite(some.low[0]) and np.isnan(some.low[1]) and np.isnan(some.low[2])
    data = clinic()
    data["wait_minutes_sum"] = xr.full_like(data["wait_minutes_sum"], np.nan)
    rows = effects.outcome_table(data).query("measure == 'wait'")
    assert set(rows["verdict"]) == {NOT_MEASURED}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-2.0, -0.1, LOWER), (0.1, 2.0, HIGHER), (-0.1, 0.1, NOISE), (-1e-5, -1e-6, SAME), (0.0, 0.0, SAME)],
)
def test_verdicts(low, high, expected):
    assert effects.verdict((low + high) / 2, low, high, 5, scale=50.0) == expected


def test_means_weigh_posts_by_the_time_they_were_filled():
    data = clinic(replicates=2)
    filled = np.ones((2, 2, 8, PHYSICIANS))
    filled[:, :, :, 0] = 0.0  # vacant throughout
    filled[:, :, 4:, 1] = 0.25
    data["employed"] = (effects.DIMENSIONS, filled)
    end = data.isel(day=slice(-window_periods(data), None))
    frame = end[["exhaustion", "employed"]].to_dataframe().reset_index()
    groups = frame.groupby(["scenario", "replicate"], sort=False)
    expected = groups.apply(lambda g: 100 * np.average(g["exhaustion"], weights=g["employed"]), include_groups=False)
    got = clinic_values(data)["exhaustion"].to_series()
    pd.testing.assert_series_equal(got, expected.reindex(got.index), check_names=False)
    of_posts = effects.by_physician(data).set_index(["scenario", "physician"])
    assert np.isnan(of_posts.loc[(BASELINE, 0), "risk"]) and of_posts.loc[(BASELINE, 0), "replicates"] == 0
    assert np.isfinite(of_posts.loc[(BASELINE, 1), "risk"])


@pytest.mark.parametrize(("period_days", "warm_up_days"), [(7, 364), (28, 0), (1, 3), (5, 10)])
def test_third_next_available_is_not_diluted_by_weekends(period_days, warm_up_days):
    """A wait of nine days, recorded on weekdays only as the engines do, comes out as nine days."""
    periods = 8
    data = clinic(periods=periods, period_days=period_days, warm_up_days=warm_up_days)
    weekday = np.isin((warm_up_days + np.arange(periods * period_days)) % 7, range(5))
    recorded = 9.0 * weekday.reshape(periods, period_days).mean(axis=1)
    data["third_next_available_days"] = data["employed"] * xr.DataArray(recorded, dims="day")
    assert clinic_values(data)["third_next_available"].values == pytest.approx(9.0)


def test_groups_and_their_gap():
    data = clinic(replicates=3)
    data["task_load"] = 300 - 40 * (data["fte"] < 1) + 0 * data["task_load"]
    data["on_duty"] = xr.ones_like(data["on_duty"])
    rows = effects.by_group(data).query("measure == 'task_load' and scenario == 'help'").set_index("group")
    assert rows["level"].to_dict() == pytest.approx({"full time": 300.0, "part time": 260.0, "gap": -40.0})
    assert effects.by_group(data.assign_coords(fte=("physician", np.ones(PHYSICIANS)))).empty


def test_number_needed_inverts_the_difference():
    rows = pd.DataFrame({
        "scenario": ["a", "b"], "yearly_cost": [200_000.0, 0.0], "difference": [-10.0, -1.0], "low": [-12.5, -3.0],
        "high": [-8.0, 1.0], "verdict": [LOWER, NOISE], "kind": ["inbox_pooling", "part_time"], "dose": [0.8, 1.0],
    })  # fmt: skip
    only = effects.number_needed(rows, physicians=50).to_dict("records")
    assert [row["scenario"] for row in only] == ["a"]
    people = [only[0][f"physicians_per_case{end}"] for end in ("", "_low", "_high")]
    assert people == pytest.approx([10.0, 8.0, 12.5])
    assert only[0]["usd_per_case"] == pytest.approx(200_000 / (0.10 * 50))
    # 200,000 USD pay for 20 physicians at dose 1 of 10,000 a year: 25 of the 50 are reached at 0.8
    assert only[0]["dose_per_case"] == pytest.approx(20 / (0.10 * 50))


def test_the_best_and_those_not_told_apart_from_it():
    rng = np.random.default_rng(5)
    common = rng.normal(50, 5, 30)
    levels = [common, common - 9.9, common - 10 + rng.normal(0, 1, 30) * 3, common - 2]
    names = [BASELINE, "near", "best", "far"]
    values = xr.DataArray(levels, dims=("scenario", "replicate"), coords={"scenario": names})
    rows = effects.levels_and_differences(values)
    best = effects.best_scenario(rows)
    assert best in ("near", "best")
    assert effects.not_told_apart(values, best) == [{"near": "best", "best": "near"}[best]]
    assert effects.best_scenario(rows[rows["scenario"] == BASELINE]) is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.isel(scenario=[1]), "'baseline'"),
        (lambda d: d.assign_coords(scenario=[BASELINE, BASELINE]), "two scenarios of one name"),
        (lambda d: d.isel(replicate=0), "met dimensions"),
        (lambda d: d.drop_vars("burned_out"), "met no burned_out"),
        (lambda d: d.isel(day=[]), "met no day"),
        (lambda d: d.drop_attrs(), "period_days"),
    ],
)
def test_results_that_no_report_can_be_made_of_are_refused(spoil, words):
    with pytest.raises(ReportError, match=words):
        effects.check_results(spoil(clinic()))


def test_dimensions_may_come_in_any_order():
    data = clinic()
    turned = effects.check_results(data.transpose("physician", "day", "scenario", "replicate"))
    pd.testing.assert_frame_equal(effects.outcome_table(turned), effects.outcome_table(data))
    assert set(effects.outcome_table(data)["measure"]) == set(MEASURES)
