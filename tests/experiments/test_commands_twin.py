"""`clinictwin twin` and `forecast` on a small log: begin, go on, follow and stop, look ahead, refuse."""

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from calibration.event_log import EventLog
from calibration.observations import COLUMNS
from calibration.simulated import simulate_observations
from calibration.sources.base import OFFSET, Batch
from calibration.twin import open_twin
from experiments.cli import app

DAYS, LATER = 8, 10


def append(log, table):
    with EventLog(log) as opened:
        opened.append(Batch(table[list(COLUMNS)].assign(**{OFFSET: range(len(table))})), "by hand")


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments), "--quiet"])


@pytest.fixture(scope="module")
def table():
    observed = simulate_observations(days=LATER, physicians=5, seed=6, warm_up_days=0).observations
    return observed.assign(day=(observed["measured_at"] - pd.Timestamp("2024-01-01T00:00Z")).dt.days)


@pytest.fixture(scope="module")
def begun(table, tmp_path_factory):
    """A log of eight days and a twin of it."""
    folder = tmp_path_factory.mktemp("commands")
    append(folder / "log", table[table["day"] < DAYS])
    return folder, run("twin", folder / "log", "--out", folder / "twin", "--members", 16)


def test_begin_go_on_follow_stop_and_look_ahead(begun, table):
    folder, result = begun
    assert result.exit_code == 0, result.output
    assert "5 physicians, 16 members from the priors" in result.output
    assert "2024-01-08: 8 days run" in result.output and "observations:" in result.output
    again = run("twin", folder / "log", "--out", folder / "twin")
    assert again.exit_code == 0 and "0 days run" in again.output

    command = [sys.executable, "-m", "experiments.cli", "twin", str(folder / "log"), "--out", str(folder / "twin")]
    child = subprocess.Popen([*command, "--follow", "--quiet"], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    for line in child.stdout:
        if "following" in line:
            break
    append(folder / "log", table[table["day"] >= DAYS])
    for line in child.stdout:
        if "days run" in line:
            break
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 0 and "stopped" in child.stdout.read()
    report = open_twin(folder / "twin")
    assert report.day == LATER - 1 and not report.risk.drop(columns=["largest_surprise"]).isna().any(axis=None)

    ahead = run("forecast", folder / "twin", "--months", "1,2")
    assert ahead.exit_code == 0, ahead.output
    report = open_twin(folder / "twin")
    assert sorted(report.forecast["months"].unique()) == [1, 2]
    assert report.forecast[["risk", "low", "median", "high", "stays"]].stack().between(0, 1).all()
    assert np.isfinite(report.drivers[["value", "typical", "deviation", "effect"]]).all(axis=None)
    assert {"exhaustion", "fatigue_build_rate"} <= set(report.drivers["driver"])


def test_refusals_say_what_to_do(begun, tmp_path):
    folder, _ = begun
    missing = run("twin", tmp_path / "none", "--out", tmp_path / "twin")
    assert missing.exit_code == 2 and "clinictwin ingest" in missing.output
    EventLog(tmp_path / "empty").close()
    empty = run("twin", tmp_path / "empty", "--out", tmp_path / "twin")
    assert empty.exit_code == 2 and "no observations" in empty.output
    fitted = run("twin", folder / "log", "--out", folder / "twin", "--from", "2024-01-01")
    assert fitted.exit_code == 2 and "give another --out" in fitted.output.replace("\n", " ")
    other = run("twin", tmp_path / "empty", "--out", folder / "twin")
    assert other.exit_code == 2 and "expected log" in other.output
    tuesday = run("twin", folder / "log", "--out", tmp_path / "twin", "--from", "2024-01-02")
    assert tuesday.exit_code == 2 and "expected a Monday" in tuesday.output
    nowhere = run("forecast", tmp_path)
    assert nowhere.exit_code == 2 and "twin.yaml" in nowhere.output
    assert run("forecast", folder / "twin", "--months", "0").exit_code == 2
