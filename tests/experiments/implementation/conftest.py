import pytest

from abm.layout import make_layout
from experiments.implementation.impact_runs import Clinics


@pytest.fixture(scope="session")
def small_layout():
    return make_layout(physicians=10)


@pytest.fixture(scope="session")
def small_clinics(small_layout):
    """Two replicates of a clinic of ten; what was simulated once is kept for all tests."""
    return Clinics(layout=small_layout, replicates=2, rows_at_once=16)
