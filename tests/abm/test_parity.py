"""Two engines, one model: on the same draws they agree at every physician and staff member, on every day."""

import jax
import numpy as np
import pytest

from abm.clinic import Clinic
from abm.interventions import Intervention
from abm.layout import make_layout
from abm.outcomes import RECORDED, STAFF_OUTCOMES
from abm.parameters import Parameters
from abm.population import simulate

TOLERANCE = 1e-9
YEAR = 364

# restless on purpose: many leave, are hired and are absent within the year
RESTLESS = Parameters().replace(leaving_per_year=0.4, staff_leaving_per_year=0.6, hire_days=40.0, absence_per_day=0.05)
CHANGES = [
    Intervention("ai_scribe", 0.8, start_day=30, stagger_days=7),
    Intervention("inbox_pooling", 1.0, start_day=100, ramp_days=30, end_day=200),
]
ALL_LEVERS = [
    Intervention("scribe", 0.5, start_day=10, pods=(0,)),
    Intervention("team_documentation", 1.0, start_day=20, end_day=90),
    Intervention("extra_medical_assistant", 1.5, start_day=5),
    Intervention("template_change", 1.0, start_day=15),
    Intervention("protected_time", 1.0, start_day=25, end_day=60),
    Intervention("panel_reduction", 0.5, start_day=12),
    Intervention("part_time", 1.0, start_day=40, pods=(1,)),
    Intervention("float_physician", 1.0, start_day=2),
    Intervention("wellbeing", 1.0, start_day=8),
    Intervention("twin_advice", 1.0, start_day=6),
]


def both(parameters, changes, days, layout=None, seed=20260503):
    clinic = Clinic(parameters, rng=1, interventions=changes, draws_seed=seed, layout=layout)
    clinic.run_for(days)
    with jax.enable_x64(True):
        run = simulate(parameters, days, seed, changes, layout=layout)
        arrays = {k: np.asarray(v) for k, v in run.physicians.items()}
        staff = {k: np.asarray(v) for k, v in run.staff.items()}
    return clinic, arrays, staff


def largest_difference(mesa_records, jax_records):
    """Largest difference relative to max(1, |value|), by outcome."""
    return {
        name: np.max(np.abs(values - jax_records[name]) / np.maximum(1.0, np.abs(values)))
        for name, values in mesa_records.items()
    }


@pytest.mark.parametrize(
    ("parameters", "changes", "days", "layout"),
    [
        (RESTLESS, CHANGES, YEAR, None),
        (RESTLESS.replace(visit_requests_per_patient_year=4.0), ALL_LEVERS, 140, make_layout(20, 5, seed=3)),
    ],
    ids=["default clinic, a year, two changes", "crowded clinic, every other change"],
)
def test_engines_agree_on_shared_draws(parameters, changes, days, layout):
    clinic, arrays, staff = both(parameters, changes, days, layout)
    physicians = largest_difference(clinic.records(), arrays)
    assert set(physicians) == set(RECORDED)
    assert max(physicians.values()) < TOLERANCE, {k: v for k, v in physicians.items() if v >= TOLERANCE}
    people = largest_difference(clinic.staff_records(), staff)
    assert set(people) == set(STAFF_OUTCOMES)
    assert max(people.values()) < TOLERANCE, {k: v for k, v in people.items() if v >= TOLERANCE}
    # the run was as restless as it claims
    assert arrays["left"].sum() >= 2
    assert arrays["hired"].sum() >= 1
    assert arrays["absent"].sum() > 10
    assert arrays["adoption"][-1].mean() > 0.05
