"""A small observed clinic, and twins of it that share their compiled programs."""

import pytest

from calibration.clinic import Clinic
from calibration.observation_checks import validate
from calibration.observations import person_ids
from calibration.simulated import simulate_observations
from calibration.twin.plan import TwinPlan

NAMES = ("visit_minutes", "system_messages_per_day", "fatigue_build_rate", "exhaustion_midpoint", "burnout_threshold_3")


@pytest.fixture(scope="session")
def five():
    """Four weeks of five physicians."""
    return simulate_observations(days=28, physicians=5, seed=4, warm_up_days=0)


@pytest.fixture(scope="session")
def five_table(five):
    """Its observations, late and doubled and corrected ones included, as they arrived; then only the present ones."""
    return validate(five.observations)[0]


@pytest.fixture(scope="session")
def five_plan(five):
    return TwinPlan(Clinic(five.layout, tuple(person_ids(5))), five.first_day, NAMES, members=32, warm_up_days=14)
