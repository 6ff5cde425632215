"""The folder of a fit to a small clinic, and an advice for it."""

import pytest
from advised_clinic import KINDS, MONDAY, MONTHS, PAIRS, fit_folder

from experiments.decisions import advise


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return fit_folder(tmp_path_factory.mktemp("decisions") / "fit")


@pytest.fixture(scope="session")
def advice(folder):
    return advise(folder, pairs=PAIRS, months=MONTHS, kinds=KINDS, on=MONDAY)
