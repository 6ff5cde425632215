"""Money and groups: hand-made flows with known answers, and a clinic whose groups gain by construction."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from abm.parameters import Parameters
from experiments.analysis.value import NEVER, Flows, break_even, expected_leavers, flows, leavers, turnover_costs, worth
from experiments.analysis.who_gains import THIRDS, thirds, who_gains
from experiments.effects import BASELINE
from tests.experiments.test_effects import clinic

WEEKS = np.array([4.0, 8.0, 12.0, 16.0])


def test_break_even_is_when_the_sum_stays_above_zero():
    net = np.array([
        [-3.0, 1.0, 1.0, 2.0],  # -3 -2 -1 1
        [1.0, 1.0, 1.0, 1.0],  # from the first period on
        [2.0, -3.0, 1.0, -1.0],  # above, then below to the end
        [2.0, -3.0, 2.0, 0.0],  # above, below, above
        [-1.0, 1.0, 0.0, 0.0],
    ])  # fmt: skip
    assert break_even(net, WEEKS).tolist() == [16.0, 4.0, NEVER, 12.0, 8.0]


def test_the_return_of_known_flows():
    """One leaver avoided a year, 20,000 USD of income a period, 52,000 USD of cost a period; all replicates alike."""
    each = np.array([[[0.0]], [[1.0]]]) * np.ones((2, 3, 4))
    avoided, income, cost = 0.25 * each, 20_000 * each, 52_000 * each[:, 0]
    row = worth(Flows(avoided, income, cost, WEEKS, 1.0), [BASELINE, "help"], np.full(50, 400_000.0)).iloc[0]
    assert row["scenario"] == "help"
    assert row["leavers_avoided"] == pytest.approx(1.0)
    assert row["turnover_saved"] == pytest.approx(400.0) and row["income"] == pytest.approx(80.0)
    assert row["net"] == pytest.approx(400 + 80 - 208)
    assert row["roi"] == pytest.approx((400 + 80 - 208) / 208)
    assert row["break_even_week"] == 4.0 and row["pays"] == 1.0
    low = worth(Flows(avoided, income, cost, WEEKS, 1.0), [BASELINE, "help"], np.full(50, 100_000.0)).iloc[0]
    assert low["net"] == pytest.approx(100 + 80 - 208) and low["break_even_week"] == NEVER and low["pays"] == 0.0


def test_turnover_costs_are_within_the_published_range():
    """Half are below the table's value (binomial of 4,000: a miss of 0.035 has a chance below 1e-5)."""
    costs = turnover_costs(Parameters(), 4000, seed=2)
    assert 270_000 < costs.min() < costs.max() < 960_000
    assert np.mean(costs < Parameters().turnover_cost) == pytest.approx(0.5, abs=0.035)


def test_costs_begin_with_the_change_and_leavers_follow_burnout():
    data = clinic((BASELINE, "help"), replicates=2, periods=4)
    found = flows(data, Parameters(), {"help": 10.0})
    # 100,000 USD a year from day 10 of 28 days on
    assert found.cost[1] * 365 / 1e5 == pytest.approx([0.0, 4.0, 7.0, 7.0])
    assert found.income[0] == pytest.approx(0.0)
    calm = data.assign(burned_out=0.0 * data["burned_out"], exhaustion=0.0 * data["exhaustion"] + 0.5)
    p = Parameters()
    each = expected_leavers(calm, p).values
    assert each == pytest.approx(10 * 7 * p.leaving_per_year / 365, rel=1e-3)
    burned = expected_leavers(calm.assign(burned_out=1.0 + calm["burned_out"]), p).values
    assert burned == pytest.approx(p.leaving_burnout_ratio * each, rel=1e-3)
    # where a scenario changes how people leave, they are counted
    counted = leavers(calm.assign_attrs(config="factors: {leaving_per_year: 2}"), p)
    assert counted.values == pytest.approx(7 * data["left"].sum("physician").values)


def test_groups_of_physicians_and_who_gains():
    """Risk falls by 20 points for the four part-time physicians alone."""
    data = clinic((BASELINE, "help"), replicates=5)
    base = data["burnout_risk"].sel(scenario=BASELINE)
    part_time = xr.DataArray(data["fte"].values < 1, dims="physician")
    risk = xr.concat([base, base - 0.2 * part_time], "scenario").transpose(*data["burnout_risk"].dims)
    data["burnout_risk"] = risk.assign_coords(scenario=data["scenario"])
    gains = who_gains(data).query("scenario == 'help' and measure == 'burnout_risk'").set_index(["grouping", "group"])
    assert gains.loc[("FTE", "full time"), "difference"] == pytest.approx(0.0, abs=1e-9)
    assert gains.loc[("FTE", "part time"), "difference"] == pytest.approx(-20.0)
    split = gains.loc["burnout risk before"]
    assert list(split.index) == list(THIRDS)
    equity = who_gains(data).query("grouping == 'equity group' and scenario == 'baseline'").set_index("group")
    assert equity.loc["disadvantaged patients", "level"] == pytest.approx(
        0.3 / 0.7 * equity.loc["other patients", "level"]
    )


def test_small_groups_of_real_people_are_not_shown():
    data = clinic((BASELINE, "help"), replicates=3)
    assert set(who_gains(data, smallest_cell=5)["grouping"]) == {"equity group"}
    assert "FTE" in set(who_gains(data, smallest_cell=2)["grouping"])


def test_thirds_split_by_rank():
    assert thirds(np.array([5.0, 1.0, 9.0])).tolist() == [THIRDS[1], THIRDS[0], THIRDS[2]]
    assert pd.Series(thirds(np.arange(50.0))).value_counts().max() == 17
