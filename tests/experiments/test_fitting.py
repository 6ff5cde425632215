"""`clinictwin fit`: a file in, a folder out, and an account of every row."""

import pandas as pd
import pytest
from rich.console import Console

from calibration.fit import load_fit
from calibration.observations import person_ids, write_observations
from calibration.simulated import simulate_observations
from experiments.fitting import fit_file

FILES = ("parameters.yaml", "fit.yaml", "table.csv", "effects.csv", "risk.csv", "draws.csv", "traits.csv", "clinic.csv")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A clinic of seven, named as it likes, fitted from a file."""
    folder = tmp_path_factory.mktemp("fitting")
    clinic = simulate_observations(days=28, physicians=10, seed=4, warm_up_days=0)
    names = {who: f"dr-{letter}" for who, letter in zip(person_ids(10), "hgfedcbaij", strict=True)}
    table = clinic.observations.assign(who=clinic.observations["who"].map(names))
    table = table[table["who"] <= "dr-g"]
    write_observations(table, folder / "observations.ndjson")
    console = Console(record=True, width=200, file=(folder / "log.txt").open("w"))
    found = fit_file(folder / "observations.ndjson", folder / "fit", starts=1, progress=False, console=console)
    return folder, table, found, console.export_text()


def test_the_folder_holds_what_others_read(fitted):
    folder, _, found, _ = fitted
    for name in FILES:
        assert (folder / "fit" / name).is_file(), name
    assert (folder / "fit" / "figures" / "parameters.png").stat().st_size > 10_000
    back = load_fit(folder / "fit")
    assert back.info == found.info
    own = [f"dr-{letter}" for letter in "abcdefg"]
    assert list(back.risk["who"]) == own and list(back.effects["who"].unique()) == own
    assert list(back.inference["posterior"]["physician"].to_numpy()) == own
    columns = ["who", "risk", "low", "high", "burned_out", "settled"]
    assert list(pd.read_csv(folder / "fit" / "risk.csv").columns) == columns


def test_every_row_is_told_of(fitted):
    _, table, found, told = fitted
    distinct = len(table.drop_duplicates(["who", "measure", "measured_at"]))
    assert f"{len(table):,} read, {distinct:,} kept" in told
    assert found.counts["received"].sum() == distinct
    assert "assumed: session days: the roster" in told and "population parameters informed" in told


def test_a_second_fit_into_the_folder_is_refused(fitted):
    folder, *_ = fitted
    with pytest.raises(ValueError, match="met a folder with a fit in it"):
        fit_file(folder / "observations.ndjson", folder / "fit")
