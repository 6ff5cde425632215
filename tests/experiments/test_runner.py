"""Sweeps run for real on a small clinic: common chances, equal engines, nothing lost or done twice."""

import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import xarray as xr

from abm.outcomes import RECORDED
from abm.parameters import Parameters
from experiments import plan
from experiments.config import Experiment
from experiments.results import LEDGER, STORE, UNFINISHED, ResultsError, SweepStore, open_results
from experiments.runner import run_sweep

SMALL = Experiment.model_validate({
    "name": "small", "description": "Does it run?", "physicians": 10, "warm_up_days": 28, "days": 56,
    "replicates": 3, "seed": 5,
    # restless on purpose: people leave, are hired and are absent within these weeks
    "parameters": {"leaving_per_year": 0.4, "hire_days": 40, "absence_per_day": 0.05},
    "scenarios": [
        {"name": "ai_scribe", "interventions": [{"kind": "ai_scribe", "doses": [0, 1]}]},
        {"name": "later", "interventions": [{"kind": "inbox_pooling", "start_day": 28},
                                            {"kind": "wellbeing", "start_day": 35, "pods": [1]}]},
    ],
})  # fmt: skip
FEWER = SMALL.model_copy(update={"replicates": 2})  # for the slower engine
PHYSICIANS_PER_GROUP = 20  # two batches of replicates, the second with one to spare


@pytest.fixture(scope="module")
def small_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "PHYSICIANS_PER_GROUP", PHYSICIANS_PER_GROUP)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_batches):
    folder = tmp_path_factory.mktemp("sweep")
    assert run_sweep(SMALL, folder, progress=False) == folder / STORE
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return open_results(folder).load()


@pytest.fixture(scope="module")
def mesa_folder(tmp_path_factory):
    """The same sweep on the Mesa engine, by the command line, interrupted once and gone on with."""
    folder = tmp_path_factory.mktemp("mesa")
    config = folder / "small.yaml"
    config.write_text(FEWER.to_yaml(), encoding="utf-8")
    command = [sys.executable, "-m", "experiments.cli", "sweep", str(config), "--engine", "mesa", "--quiet",
               "--out", str(folder)]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ledger = folder / LEDGER
    while running.poll() is None and not (ledger.is_file() and ledger.read_text().count("\n") > 1):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    said = "".join(running.communicate(timeout=120))
    assert running.returncode == 130, said
    assert "of 8 batches are safe" in said
    assert not (folder / STORE).exists()
    before = ledger.read_text()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert str(folder / STORE) in done.stdout
    return folder, before


def recorded(data, scenario):
    return {name: data[name].sel(scenario=scenario).values for name in RECORDED}


def test_the_store_holds_every_scenario_replicate_period_and_physician(data):
    assert dict(data.sizes) == {"scenario": 4, "replicate": 3, "day": 2, "physician": 10}
    assert data["scenario"].values.tolist() == ["baseline", "ai_scribe 0", "ai_scribe 1", "later"]
    assert not any(data[name].isnull().any() for name in RECORDED)
    assert float(data["kept"].mean()) > 5
    assert float(data["left"].sum()) > 0
    assert data.attrs["title"] == "small" and data.attrs["engine"] == "jax" and data.attrs["seed"] == 5
    assert data.attrs["provenance"]["git_revision"]


def test_no_dose_is_the_baseline_bit_for_bit(data):
    for name, values in recorded(data, "ai_scribe 0").items():
        np.testing.assert_array_equal(values, recorded(data, "baseline")[name], err_msg=name)


def test_scenarios_share_their_chances_until_they_differ(data):
    baseline, later, scribe = (recorded(data, name) for name in ("baseline", "later", "ai_scribe 1"))
    for name in RECORDED:
        np.testing.assert_array_equal(later[name][:, 0], baseline[name][:, 0], err_msg=name)
    assert (later["inbox_minutes"][:, 1] < baseline["inbox_minutes"][:, 1]).mean() > 0.9
    # after the go-live, too, for all that the change does not touch: what colleagues and the EHR send to filled posts
    there = (scribe["employed"] == baseline["employed"]).all(axis=1)
    assert there.mean() > 0.8
    for name in ("colleague_messages", "system_messages"):
        same = scribe[name] == baseline[name]
        assert same.transpose(0, 2, 1)[there].all()
    assert (scribe["note_minutes"] < baseline["note_minutes"]).mean() > 0.5


def test_replicates_differ(data):
    kept = data["kept"].sel(scenario="baseline").values
    assert (kept[0] != kept[1]).mean() > 0.9 and (kept[1] != kept[2]).mean() > 0.9


def test_equal_sweeps_are_bit_equal_also_after_a_kill(folder, data, tmp_path, small_batches):
    run_sweep(SMALL, tmp_path, progress=False)
    xr.testing.assert_equal(open_results(tmp_path).load(), data)
    # as a kill leaves it: three batches in the ledger, the others not there, one of them half written
    (tmp_path / STORE).rename(tmp_path / UNFINISHED)
    (tmp_path / LEDGER).write_text("# batches\n0 0\n2 0\n3 1\n1", encoding="utf-8")
    for chunk in (tmp_path / UNFINISHED).glob("*/c/[01]/1/0/0"):
        if chunk.parts[-6] != "kept":
            chunk.unlink()
    run_sweep(SMALL, tmp_path, progress=False)
    xr.testing.assert_equal(open_results(tmp_path).load(), data)
    assert not (tmp_path / LEDGER).exists() and not (tmp_path / UNFINISHED).exists()


def test_a_finished_sweep_is_left_as_it_is_and_said_so(folder, capsys):
    before = {p: os.stat(p).st_mtime_ns for p in folder.rglob("*")}
    assert run_sweep(SMALL, folder) == folder / STORE
    assert {p: os.stat(p).st_mtime_ns for p in folder.rglob("*")} == before
    assert "nothing to do" in capsys.readouterr().err


def test_a_failure_says_what_is_safe_and_leaves_it(tmp_path, small_batches, capsys, monkeypatch):
    written = []
    write = SweepStore.write

    def full_disk(store, scenario, block, values, plan):
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append((scenario, block))
        write(store, scenario, block, values, plan)

    monkeypatch.setattr(SweepStore, "write", full_disk)
    with pytest.raises(OSError, match="No space left"):
        run_sweep(SMALL, tmp_path, progress=False)
    assert "3 of 8 batches are safe" in capsys.readouterr().err
    assert SweepStore(tmp_path).begun() == set(written)


def test_results_of_another_sweep_are_refused_and_kept(folder):
    with pytest.raises(ResultsError, match="differs in seed"):
        run_sweep(SMALL.model_copy(update={"seed": 6}), folder, progress=False)
    with pytest.raises(ResultsError, match="differs in visit_minutes"):
        run_sweep(SMALL, folder, progress=False, base_parameters=Parameters().replace(visit_minutes=18.0))
    assert open_results(folder).attrs["seed"] == 5


def test_the_stored_config_is_the_experiment_with_every_changed_parameter(data):
    import yaml

    stored = Experiment.model_validate(yaml.safe_load(data.attrs["config"]))
    assert stored == SMALL


def test_engines_agree(mesa_folder, tmp_path, small_batches):
    """In float64, where both take the same discrete steps; the stores keep float32."""
    with jax.enable_x64(True):
        run_sweep(FEWER, tmp_path, progress=False)
    exact, mesa = open_results(tmp_path), open_results(mesa_folder[0])
    assert mesa.attrs["engine"] == "mesa"
    assert mesa["scenario"].values.tolist() == exact["scenario"].values.tolist()
    for name in RECORDED:
        np.testing.assert_allclose(mesa[name], exact[name], rtol=1e-6, atol=1e-6, err_msg=name)


def test_an_interrupt_says_what_is_safe_and_the_same_command_goes_on(mesa_folder):
    folder, before = mesa_folder
    assert 1 + 1 <= len(before.splitlines()) < 1 + 8
    assert not open_results(folder)["kept"].isnull().any()
