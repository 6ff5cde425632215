"""A small simulated clinic that several test files look at."""

import pytest

from calibration.fit import FITTED
from calibration.simulated import draw_truth, simulate_observations

DAYS, PHYSICIANS, SEED = 84, 20, 3


@pytest.fixture(scope="session")
def small_clinic():
    """Twelve weeks of twenty physicians whose parameters are not the defaults."""
    return simulate_observations(
        draw_truth(SEED, FITTED), days=DAYS, physicians=PHYSICIANS, seed=SEED, warm_up_days=0
    )  # fmt: skip
