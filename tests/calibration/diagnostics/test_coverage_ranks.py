"""Coverage and ranks on made studies whose intervals are right, too narrow, or biased."""

import numpy as np
import pandas as pd
import pytest

from calibration.diagnostics.coverage import coverage
from calibration.diagnostics.ranks import rank_check
from calibration.diagnostics.recovery import rank_of_truth


def study(width, bias=0.0, clinics=200, each=5, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((clinics, each)) + bias
    table = pd.DataFrame({
        "clinic": np.repeat(np.arange(clinics), each), "kind": "parameter", "name": "a", "who": "", "truth": 0.0,
        "estimate": z.ravel(), "told": True,
    })  # fmt: skip
    half = 1.6449 * width
    table = table.assign(low=table["estimate"] - half, high=table["estimate"] + half)
    return table.assign(covers=table["truth"].between(table["low"], table["high"]))


@pytest.mark.parametrize(("width", "expected"), [(1.0, 0.9), (0.7, 0.750), (1.5, 0.986)])
def test_coverage_is_the_share_of_intervals_that_hold_the_truth(width, expected):
    """1,000 independent intervals: five standard errors, false alarm below 1e-5."""
    line = coverage(study(width)).set_index("name").loc["all"]
    assert line["share"] == pytest.approx(expected, abs=5 * line["standard_error"])
    assert line["standard_error"] == pytest.approx(np.sqrt(expected * (1 - expected) / 1000), rel=0.25)
    assert line["root_mean_square_z"] == pytest.approx(1 / width, rel=0.12)


def test_the_error_of_coverage_counts_clinics_and_not_rows():
    """Every clinic's rows alike: as many clinics, five times the variance."""
    table = study(1.0, each=1)
    repeated = pd.concat([table] * 5)
    assert coverage(repeated)["standard_error"].iloc[0] == pytest.approx(coverage(table)["standard_error"].iloc[0])


def test_a_risk_that_the_fit_does_not_claim_to_know_is_left_out():
    table = study(1.0, clinics=4).assign(kind="risk", told=lambda t: t["clinic"] < 2)
    assert coverage(table)["intervals"].tolist() == [10]


def test_ranks_of_right_posteriors_stay_in_their_band_and_others_leave_it():
    """Band of 99.99 %: false alarm 1e-4. Too narrow by a half and biased by a half are found among 200."""
    pytest.importorskip("arviz_stats")
    rng = np.random.default_rng(3)

    def ranks(width, bias):
        truths = rng.standard_normal(200)
        means = truths + rng.standard_normal(200) + bias
        draws = means[:, None] + width * rng.standard_normal((200, 99))
        return np.array([rank_of_truth(d, t, rng) for d, t in zip(draws, truths, strict=True)])

    assert rank_check(ranks(1.0, 0.0), band=0.9999).inside
    assert not rank_check(ranks(0.5, 0.0)).inside
    assert not rank_check(ranks(1.0, 0.6)).inside


def test_ranks_are_uniform_among_equal_draws_too():
    rng = np.random.default_rng(5)
    found = [rank_of_truth(np.zeros(9), 0.0, rng) for _ in range(500)]
    assert abs(np.mean(found) - 0.5) < 6 * np.sqrt(1 / 12 / 500)
    assert 0 <= min(found) and max(found) <= 1
