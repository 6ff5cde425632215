"""The command line: tables print, files round-trip, refusals are one sentence and exit status 2."""

import pytest
import xarray as xr
from typer.testing import CliRunner

from abm.interventions import KIND_NAMES
from abm.parameters import NAMES, Parameters, load
from experiments.cli import app


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    """All that a command printed, on one line: the width of the terminal does not matter."""
    return " ".join(result.output.split())


def test_help_names_every_command():
    shown = run("--help")
    assert shown.exit_code == 0
    for command in ("demo", "parameters", "interventions", "simulate", "observe", "fit", "sweep", "report",
                    "check-evidence", "fit-no-show", "relaxation-bias", "ingest", "map", "dead-letters"):  # fmt: skip
        assert command in shown.output


def test_the_parameter_table_is_printed_found_saved_and_checked(tmp_path):
    table = run("parameters")
    assert table.exit_code == 0
    assert all(name in table.output for name in NAMES)
    found = run("parameters", "--find", "sleep")
    assert "sleep_hours_base" in found.output and "visit_minutes" not in found.output
    path = tmp_path / "clinic.yaml"
    assert run("parameters", "--save", path).exit_code == 0
    assert load(path) == Parameters()
    path.write_text("visit_minute: 20\n")
    refused = run("parameters", path)
    assert refused.exit_code == 2
    assert f"{path}: unknown parameter 'visit_minute'; did you mean 'visit_minutes'?" in said(refused)


def test_interventions_and_shipped_experiments_are_listed():
    listed = run("interventions")
    assert listed.exit_code == 0
    assert all(kind in listed.output for kind in KIND_NAMES)
    assert "staged-go-live" in run("configs").output


@pytest.mark.parametrize("engine", ["jax", "mesa"])
def test_simulate_writes_a_store_that_xarray_opens(tmp_path, engine):
    path = tmp_path / "run.zarr"
    done = run("simulate", "--out", path, "--days", 14, "--physicians", 10, "--engine", engine, "--seed", 3)
    assert done.exit_code == 0, done.output
    data = xr.open_zarr(path)
    assert dict(data.sizes)["day"] == 14 and dict(data.sizes)["physician"] == 10
    assert data["fatigue"].attrs["long_name"] == "morning fatigue, 0-1"
    again = run("simulate", "--out", path, "--days", 14)
    assert again.exit_code == 2 and "exists already" in said(again)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("simulate", "--out", "x.zarr", "--engine", "mess"), "met 'mess', expected 'jax' or 'mesa'"),
        (("simulate", "--out", "x.zarr", "--physicians", "7"), "met 7, expected a multiple of pod_size (5)"),
        (("sweep", "demos", "--out", "x"), "demo"),
        (("report", "nowhere"), "nowhere"),
        (("fit", "nowhere.csv", "--out", "x"), "nowhere.csv"),
        (("fit-no-show", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_refusals_say_what_was_met_and_leave_nothing_behind(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = run(*arguments)
    assert refused.exit_code == 2, refused.output
    assert says in said(refused) and "Traceback" not in refused.output
    assert not list(tmp_path.iterdir())


def test_observations_are_written_as_they_would_arrive(tmp_path):
    path = tmp_path / "observations.csv"
    done = run("observe", "--out", path, "--days", 28, "--physicians", 10)
    assert done.exit_code == 0, done.output
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    assert header == "who,stream,measure,measured_at,received_at,value,unit,quality"
    assert len(rows) > 2000
