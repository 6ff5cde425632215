"""Who works in the clinic: read off the observations, and the same after a round trip through a folder."""

import dataclasses

import numpy as np
import pytest

from abm.layout import make_layout
from calibration.clinic import Clinic, infer_clinic, load_clinic, save_clinic
from calibration.fit_result import FitError
from calibration.observations import person_ids
from calibration.simulated import simulate_observations


@pytest.fixture(scope="module")
def simulated():
    return simulate_observations(days=42, physicians=10, seed=4)


@pytest.mark.parametrize("known", ["roster", "reports"])
def test_session_days_are_read_off_the_roster_or_the_reports(simulated, known):
    table = simulated.observations
    if known == "reports":
        table = table[table["stream"].isin(["ehr", "schedule"])]
    clinic = infer_clinic(table)
    assert clinic.who == tuple(person_ids(10)) and clinic.layout.pod_size == 5
    np.testing.assert_array_equal(clinic.layout.session_days, simulated.layout.session_days)
    assert known[:-1] in clinic.assumptions[0] and "panels of 2100" in clinic.assumptions[2]


def test_other_names_and_sizes_are_taken_as_they_are(simulated):
    names = {who: f"dr-{who[-1]}" for who in person_ids(7)}
    table = simulated.observations[simulated.observations["who"].isin(names)]
    table = table.assign(who=table["who"].map(names))
    clinic = infer_clinic(table)
    assert clinic.layout.physicians == 7 and clinic.layout.pods == 1
    assert set(clinic.rename(table)["who"]) == set(person_ids(7))


def test_a_clinic_is_the_same_after_a_round_trip(tmp_path):
    layout = make_layout(8, 4, staff_per_pod=(4, 2, 1, 0), seed=3)
    clinic = Clinic(layout, tuple(f"p{i}" for i in range(8)), ("assumed",))
    save_clinic(clinic, tmp_path)
    back = load_clinic(tmp_path)
    assert back.who == clinic.who and back.assumptions == clinic.assumptions
    for field in dataclasses.fields(layout):
        np.testing.assert_array_equal(getattr(back.layout, field.name), getattr(layout, field.name), err_msg=field.name)


def test_a_folder_without_a_clinic_is_refused(tmp_path):
    with pytest.raises(FitError, match=r"met no file clinic\.yaml"):
        load_clinic(tmp_path)
    save_clinic(Clinic(make_layout(10, 5), tuple(person_ids(10))), tmp_path)
    (tmp_path / "clinic.yaml").write_text("pod_size: many\n")
    with pytest.raises(FitError, match="is not as `clinictwin fit` writes them"):
        load_clinic(tmp_path)
