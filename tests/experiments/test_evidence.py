"""The defaults against published figures, and the statistics by which they are held."""

import numpy as np
import pytest
import xarray as xr

from experiments import evidence
from experiments.evidence import check, odds_ratio_per_unit

# Two bins of one curve through 69 and 34 real appointments (standard errors of 5 and 8 points): see README.
KNOWN_MISSES = {"no-show share, booked 4-7 days ahead", "no-show share, booked over 60 days ahead"}
ERRORS = 5.0  # Monte-Carlo standard errors allowed beyond a band: a false alarm in fewer than 1 of 10,000 runs


def test_the_defaults_reproduce_the_rows_marked_hold():
    rows = check(replicates=8, seed=3).set_index("fact")
    assert len(rows) == 28
    slack = ERRORS * rows["monte_carlo_error"]
    misses = rows[(rows["model"] < rows["low"] - slack) | (rows["model"] > rows["high"] + slack)]
    assert set(misses.index) == KNOWN_MISSES
    assert (rows["verdict"].isin(["holds", "MISSED"])).all()


def test_an_odds_ratio_is_that_of_the_table_of_counts():
    x = np.repeat([0.0, 1.0], [50, 40])
    burned = np.concatenate([np.repeat([1.0, 0.0], [10, 40]), np.repeat([1.0, 0.0], [20, 20])])
    assert odds_ratio_per_unit(x, burned) == pytest.approx((20 / 20) / (10 / 40))
    assert odds_ratio_per_unit(2 * x, burned) == pytest.approx(2.0)


def test_leavers_are_counted_among_those_who_were_there_at_the_start():
    data = xr.Dataset({
        "burned_out": (("replicate", "day", "physician"), [[[1, 1, 0, 0, 1], [0, 0, 1, 1, 0]]]),
        "employed": (("replicate", "day", "physician"), [[[1, 1, 1, 1, 0.5], [1, 0, 1, 1, 1]]]),
        "left": (("replicate", "day", "physician"), [[[0, 0, 0, 0, 0.1], [0, 0.1, 0.1, 0, 0.1]]]),
    })  # fmt: skip
    assert float(evidence._leavers(data, True)[0]) == 50.0
    assert float(evidence._leavers(data, False)[0]) == 50.0
