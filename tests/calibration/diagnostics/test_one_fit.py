"""Identifiability, the value of streams, and a study, on the smallest clinics that have them."""

import numpy as np
import pytest

from calibration.diagnostics.identifiability import identifiability, profile
from calibration.diagnostics.revisit import revisit
from calibration.diagnostics.stream_value import Design, stream_value
from calibration.diagnostics.study import StudyPlan, read_study, run_study
from calibration.fit import FitError, fit
from calibration.simulated import simulate_observations

NAMES = ("visit_minutes", "sleep_hours_base", "burnout_threshold_3", "no_show_intercept")


@pytest.fixture(scope="module")
def at():
    clinic = simulate_observations(days=28, physicians=10, warm_up_days=0, seed=4)
    found = fit(clinic.observations, clinic.layout, names=NAMES, warm_up_days=0, progress=False, starts=1, rounds=4)
    with pytest.raises(FitError, match="physicians: met observations of 5, expected the fit's 10"):
        other = simulate_observations(days=28, physicians=5, warm_up_days=0)
        revisit(found, other.observations, other.layout)
    return revisit(found, clinic.observations, clinic.layout)


def test_directions_and_parameters_tell_the_same_covariance(at):
    found = identifiability(at)
    rebuilt = found.vectors.T @ np.diag(found.directions["deviation"] ** 2) @ found.vectors
    np.testing.assert_allclose(rebuilt, found.covariance, atol=1e-9)
    np.testing.assert_allclose(np.linalg.inv(found.information + np.eye(len(NAMES))), found.covariance, atol=1e-9)
    assert (found.parameters["alone"] >= found.parameters["contraction"] - 1e-9).all()
    known = found.parameters.set_index("name")["contraction"]
    assert known["no_show_intercept"] > 0.5 > known["burnout_threshold_3"]  # daily counts against one survey


def test_a_profile_rises_as_the_covariance_says(at):
    """Near the best point the profile is half the squared distance in posterior deviations."""
    found = identifiability(at)
    for k in (0, len(NAMES) - 1):
        deviation = found.directions["deviation"].iloc[k]
        table = profile(at, found.vectors[k], np.array([-0.3, 0.3]) * deviation, exact=False).set_index("step")
        curved = (table["linear"].iloc[0] + table["linear"].iloc[-1]) / 2
        assert curved == pytest.approx(0.5 * 0.3**2, rel=0.15)


def test_fewer_observations_leave_more_unknown(at):
    designs = [Design("all"), Design("no wearable", without=("wearable",)),
               Design("one day", every=(("wearable", 7), ("ehr", 7))),
               Design("nothing", without=("ehr", "schedule", "wearable", "survey"))]  # fmt: skip
    table = stream_value(at, designs, progress=False).set_index("design")
    assert table.loc["all", "values"] > table.loc["no wearable", "values"] > table.loc["nothing", "values"]
    assert np.isfinite(table[["risk_deviation", "burned_out_deviation"]]).all().all()
    assert table.loc["all", "informed"] > table.loc["nothing", "informed"]
    assert table.loc["nothing", "burned_out_deviation"] > 1.2 * table.loc["all", "burned_out_deviation"]
    with pytest.raises(ValueError, match="met the stream 'scale'"):
        stream_value(at, [Design("odd", without=("scale",))], progress=False)


def test_a_study_goes_on_where_it_stopped_and_refuses_other_clinics(tmp_path):
    plan = StudyPlan(physicians=5, days=28, engine="mesa", names=("visit_minutes", "sleep_hours_base"))
    run_study(tmp_path, 1, plan, workers=1, progress=False)
    first = (tmp_path / "clinic-00000.csv").stat().st_mtime_ns
    table = run_study(tmp_path, 2, plan, workers=1, progress=False)
    assert (tmp_path / "clinic-00000.csv").stat().st_mtime_ns == first
    assert table["clinic"].unique().tolist() == [0, 1] and table.equals(read_study(tmp_path))
    named = table[table["kind"] == "parameter"]
    assert named["rank"].between(0, 1).all() and set(named["name"]) == set(plan.names)
    assert (table["covers"] == table["truth"].between(table["low"], table["high"])).all()
    with pytest.raises(FitError, match="a study of other clinics"):
        run_study(tmp_path, 1, StudyPlan(physicians=10), progress=False)
