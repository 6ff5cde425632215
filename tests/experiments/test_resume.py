"""Sweeps killed at any moment: nothing in the ledger is computed again, the finished store is the undisturbed one."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from experiments.config import Experiment
from experiments.results import LEDGER, STORE, UNFINISHED, open_results

FULL = os.environ.get("CLINICTWIN_FULL") == "1"
KILLS = 50 if FULL else 4
DOSES = [round(0.05 * i, 2) for i in range(1, 16)]
EXPERIMENT = Experiment.model_validate({
    "name": "killed", "physicians": 5, "warm_up_days": 28, "days": 56, "replicates": 320, "seed": 2,
    "outcomes": ["kept", "exhaustion", "note_minutes"],
    "scenarios": [{"name": "ai", "interventions": [{"kind": "ai_scribe", "doses": DOSES}]}],
})  # fmt: skip
BATCHES = 2 * (1 + len(DOSES))


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A function that starts the sweep's command in a process of its own."""
    folder = tmp_path_factory.mktemp("start")
    config = folder / "killed.yaml"
    config.write_text(EXPERIMENT.to_yaml(), encoding="utf-8")
    # no revision: a commit made while the test runs would be other software, which a sweep is not resumed with
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache"), "GIT_DIR": str(folder / "none")}

    def start(out, **options):
        command = [sys.executable, "-m", "experiments.cli", "sweep", str(config), "--quiet", "--out", str(out)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                **options)  # fmt: skip

    return start


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    running = start(folder)
    said = running.communicate(timeout=300)[0]
    assert running.returncode == 0, said
    return folder


def content(store):
    """Bytes of every file of a store, the time of its making left out."""
    found = {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}
    root = json.loads(found.pop("zarr.json"))
    del root["attributes"]["provenance"]["created_utc"]
    return found | {"zarr.json": json.dumps(root, sort_keys=True).encode()}


def ledger_of(folder):
    path = folder / LEDGER
    return path.read_text().split("\n")[1:-1] if path.is_file() else []


def written(folder, batches):
    """When each file of some batches was written."""
    times = {}
    for batch in batches:
        scenario, block = batch.split()
        for name in EXPERIMENT.recorded:
            path = folder / UNFINISHED / name / "c" / scenario / block / "0" / "0"
            times[path.relative_to(folder / UNFINISHED)] = path.stat().st_mtime_ns
    return times


def kill_at(running, folder, moment):
    """Kill it at a random moment from the making of the store to its end; whether it was still alive."""
    begun, made = len(ledger_of(folder)), (folder / UNFINISHED).is_dir()
    aim = moment.choice([0, *range(1, BATCHES // 2), BATCHES]) if made else moment.choice([0, 1, 2, 5])
    aim = min(begun + aim, BATCHES)  # batches in the ledger
    delay = moment.choice([0, 0.02, 0.1]) * moment.random()
    while running.poll() is None:
        if (folder / UNFINISHED).is_dir() and len(ledger_of(folder)) >= aim:
            time.sleep(delay)
            break
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    return running.returncode == -signal.SIGKILL


def test_random_kills_lose_the_batch_in_flight_only(start, undisturbed, tmp_path):
    moment, expected = random.Random(3), content(undisturbed / STORE)
    kills, sweeps, unfinished_kills, counts = 0, 0, 0, []
    while kills < KILLS:
        folder, times = tmp_path / str(sweeps), {}
        sweeps += 1
        while len(ledger_of(folder)) < BATCHES and not (folder / STORE).is_dir() and kills < KILLS:
            kills += kill_at(start(folder), folder, moment)
            if (folder / STORE).is_dir():  # killed after its last step
                break
            done = ledger_of(folder)
            unfinished_kills += 0 < len(done) < BATCHES
            counts.append(len(done))
            assert len(done) == len(set(done)), "a batch was computed twice"
            now = written(folder, done)
            assert {path: now[path] for path in times} == times, "a batch in the ledger was written again"
            times = now
        if (folder / UNFINISHED).is_dir():  # as a kill amid a chunk leaves it, which only many kills would meet
            (folder / UNFINISHED / "kept" / "c" / "0.partial").touch()
        last = start(folder)
        said = last.communicate(timeout=300)[0]
        assert last.returncode == 0, said
        assert {path: (folder / STORE / path).stat().st_mtime_ns for path in times} == times
        assert content(folder / STORE) == expected
        assert sorted(p.name for p in folder.iterdir() if p.name != "results.lock") == [STORE]
    print(f"{kills} kills ({unfinished_kills} between the first and the last batch) of {sweeps} sweeps; after {counts}")
    assert unfinished_kills >= KILLS // 4


def test_two_sweeps_do_not_run_in_one_folder(start, tmp_path):
    first = start(tmp_path)
    while not (tmp_path / UNFINISHED).is_dir():
        assert first.poll() is None
        time.sleep(0.005)
    second = start(tmp_path)
    first.send_signal(signal.SIGSTOP)  # it does not end before the other has looked
    said = second.communicate(timeout=120)[0]
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 2 and "another sweep is running there" in said
    assert first.wait(timeout=300) == 0 and open_results(tmp_path).sizes["replicate"] == 320


def test_a_full_disk_says_what_is_safe_and_is_gone_on_from(start, undisturbed, tmp_path):
    """A limit on the size of files stands for the disk: the ledger outgrows it in the middle of the sweep."""
    probe = tmp_path / "out"
    running = start(probe)
    while len(ledger_of(probe)) < 3 and running.poll() is None:
        time.sleep(0.002)
    running.send_signal(signal.SIGSTOP)
    limit = (probe / LEDGER).stat().st_size + 8
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (limit, limit))
    running.send_signal(signal.SIGCONT)
    said = " ".join(running.communicate(timeout=300)[0].split())
    assert running.returncode == 2, said
    assert "cannot be written: File too large" in said and "batches are safe in it" in said
    safe = ledger_of(probe)
    assert 3 <= len(safe) < BATCHES and f"{len(safe)} batches are safe" in said
    last = start(probe)
    assert last.wait(timeout=300) == 0
    assert content(probe / STORE) == content(undisturbed / STORE)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_folder_that_is_read_only_is_refused_with_what_is_safe():
    """In a process without root's rights, which permissions do not hold back, in a folder that it can reach."""
    reached = Path(tempfile.mkdtemp())
    reached.chmod(0o755)
    folder = reached / "read-only"
    folder.mkdir(mode=0o555)
    code = (
        "import filelock, os, sys; from pathlib import Path; from experiments.results import SweepStore, StorageError\n"
        "if os.geteuid() == 0: os.setresuid(65534, 65534, 65534)\n"
        "try:\n with SweepStore(Path(sys.argv[1])).locked(): pass\n"
        "except StorageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=120)
    assert "cannot be written: Permission denied. Nothing was in it yet." in done.stdout, done.stderr
    assert not list(folder.iterdir())
    folder.rmdir()
    reached.rmdir()
