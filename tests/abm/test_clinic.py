"""The Mesa engine as a Mesa user meets it: run it, collect data, subclass an agent to change one rule."""

import mesa
import numpy as np
import pytest

from abm.agents import Patient, Physician
from abm.clinic import Clinic
from abm.interventions import KINDS, Intervention
from abm.layout import make_layout
from abm.outcomes import DERIVED, RECORDED
from abm.parameters import Parameters

LAYOUT = make_layout(10, 5)
DAYS = 28


def test_the_default_clinic_has_the_people_of_the_model():
    clinic = Clinic(rng=1)
    sizes = [len(physician.panel) for physician in clinic.physicians]
    assert len(sizes) == 50 and min(sizes) >= 1800 and max(sizes) <= 2400
    assert len(clinic.agents_by_type[Patient]) == sum(sizes) > 95_000
    assert isinstance(clinic, mesa.Model) and len(clinic.agents) == sum(sizes) + 50 + len(clinic.staff) + 1
    roles = {role: sum(s.role == role for s in clinic.staff) for role in {s.role for s in clinic.staff}}
    assert roles == {"medical assistant": 50, "nurse": 30, "front desk": 20, "scribe": 20}


def test_data_are_collected_every_day_and_come_out_labelled():
    clinic = Clinic(rng=1, layout=LAYOUT)
    clinic.run_for(DAYS)
    frame = clinic.datacollector.get_model_vars_dataframe()
    assert len(frame) == DAYS
    data = clinic.to_dataset(period_days=7)
    assert dict(data.sizes) == {"day": DAYS // 7, "physician": 10, "staff": len(clinic.staff)}
    assert set(RECORDED) | set(DERIVED) <= set(data)
    assert data["ehr_minutes"].attrs["units"] == "min/day"
    # the collector and the Dataset tell the same story
    daily = clinic.to_dataset()
    prevalence = (daily["burned_out"] * daily["employed"]).sum("physician") / daily["employed"].sum("physician")
    # the collector looks at the end of the day, when a newcomer may have come
    assert abs(float(prevalence[-1]) - frame["burnout prevalence"].iloc[-1]) < 0.15


class Unhurried(Physician):
    """A physician who needs two more minutes for every visit."""

    def see(self, visit, assistants_free, assistant_slowness):
        super().see(visit, assistants_free, assistant_slowness)
        self.free_at += 2.0
        self.visit_minutes += 2.0


def test_a_subclass_changes_one_rule():
    plain = Clinic(rng=1, layout=LAYOUT, draws_seed=3)
    slower = Clinic(rng=1, layout=LAYOUT, draws_seed=3, physician_class=Unhurried)
    for clinic in (plain, slower):
        clinic.run_for(7)
    first_day = [clinic.records() for clinic in (plain, slower)]
    kept = first_day[0]["kept"][0]
    np.testing.assert_allclose(first_day[1]["visit_minutes"][0] - first_day[0]["visit_minutes"][0], 2.0 * kept)
    assert first_day[1]["overrun_minutes"].sum() > first_day[0]["overrun_minutes"].sum()


def test_the_manager_approves_what_the_budget_allows():
    proposals = [Intervention("scribe"), Intervention("ai_scribe")]
    budget = KINDS["ai_scribe"].cost_per_physician_year * LAYOUT.physicians
    clinic = Clinic(rng=1, layout=LAYOUT, interventions=proposals, budget=budget)
    assert clinic.manager.open_recommendations == proposals[:1]
    clinic.run_for(14)
    assert clinic.records()["adoption"][-1].max() > 0
    assert clinic.records()["delegated_minutes"].sum() > 0


def test_patients_carry_their_own_history():
    clinic = Clinic(Parameters().replace(no_show_intercept=-1.0), rng=1, layout=LAYOUT)
    clinic.run_for(DAYS)
    patients = [patient for physician in clinic.physicians for patient in physician.panel]
    kept = sum(patient.visits for patient in patients)
    missed = sum(patient.no_shows for patient in patients)
    assert kept == clinic.records()["kept"].sum() > 500
    assert missed == clinic.records()["no_show"].sum() > 100
    # those who asked more often are the more complex ones
    seen = [patient.complexity for patient in patients if patient.visits]
    assert np.mean(seen) == pytest.approx(0.3, abs=0.1)  # exponent x spread = 0.6 x 0.5; standard error 0.02
    assert any(patient.unmet_need > 0 for patient in patients)
    assert all(0.0 <= patient.continuity <= 1.0 for patient in patients)
