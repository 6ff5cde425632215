"""Killed at random moments and started again, an ingest loses nothing and takes nothing twice."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
import time

import numpy as np
import pytest

from calibration.event_log import EventLog
from calibration.observations import write_observations
from calibration.sources import files, open_source
from tests.calibration.streams import deliveries

KILLS = 200 if os.environ.get("CLINICTWIN_FULL") else 50
BLOCK_BYTES = 8_000  # so that an ingest has many transactions


def ingest(path, log, begun):
    """What the child does; it says when it begins to work."""
    files.BLOCK_BYTES = BLOCK_BYTES
    begun.set()
    with EventLog(log) as opened:
        opened.ingest(open_source(str(path)))


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A table with broken lines in it."""
    path = tmp_path_factory.mktemp("material") / "table.csv"
    write_observations(deliveries(11, people=12, days=60), path)
    lines = path.read_text().splitlines()
    for i in range(40, len(lines), 97):
        lines.insert(i, f'physician-001,wearable,"cut {i}')
    path.write_text("\n".join([*lines, ""]))
    return path


def contents(log):
    """What must be the same: the facts, how many were stored, and what was refused."""
    with EventLog(log) as opened:
        letters = [(letter.source, letter.offset, letter.reason) for letter in opened.dead_letters()]
        return opened.digest, opened.sequence, sorted(letters)


def test_kill_at_random_moments(material, tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["calibration.sources.csv", "calibration.event_log", __name__])

    def start(log):
        begun = context.Event()
        child = context.Process(target=ingest, args=(material, log, begun))
        child.start()
        assert begun.wait(60)
        return child

    child, began = start(tmp_path / "undisturbed.log"), time.monotonic()
    child.join()
    duration = time.monotonic() - began
    expected = contents(tmp_path / "undisturbed.log")
    assert expected[1] > 3000 and len(expected[2]) > 30

    rng = np.random.default_rng(20240503)
    log = tmp_path / "killed.log"
    kills = amid = finished = 0
    while amid < KILLS:
        assert kills < 20 * KILLS, f"only {amid} of {kills} kills came amid the material"
        child = start(log)
        time.sleep(rng.uniform(0, duration / 3))
        child.kill()  # SIGKILL
        child.join()
        if child.exitcode == -signal.SIGKILL:
            kills += 1
            amid += 0 < facts_left(log, tmp_path / "inspected") < expected[1]
        else:  # it was done before: begin another log
            finished += 1
            assert contents(log) == expected
            for leftover in tmp_path.glob("killed.log*"):
                leftover.unlink()
    start(log).join()
    assert contents(log) == expected
    print(f"{kills} kills, {amid} of them amid the material; {finished + 1} ingests completed")


def test_two_processes_may_ingest_at_once(material, tmp_path):
    context = multiprocessing.get_context("forkserver")
    begun = context.Event()
    text = material.read_text().splitlines(keepends=True)
    halves = [tmp_path / "a.csv", tmp_path / "b.csv"]
    halves[0].write_text("".join(text[:1200]))
    halves[1].write_text("".join([text[0], *text[1000:]]))  # some lines in both
    work = [(half, tmp_path / "both") for half in halves] + [(material, tmp_path / "alone")]
    children = [context.Process(target=ingest, args=(*paths, begun)) for paths in work]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert contents(tmp_path / "both")[:2] == contents(tmp_path / "alone")[:2]


def facts_left(log, folder):
    """How many facts a killed ingest left, read from a copy: the log itself stays as the kill left it."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for part in log.parent.glob(f"{log.name}*"):
        shutil.copy(part, folder / part.name)
    if not (folder / log.name).exists():
        return 0
    with sqlite3.connect(folder / log.name) as copy:
        (check,) = copy.execute("PRAGMA integrity_check").fetchone()
        assert check == "ok"
        made = copy.execute("SELECT count(*) FROM sqlite_master WHERE name = 'fact'").fetchone()[0]
        facts = copy.execute("SELECT count(*) FROM fact").fetchone()[0] if made else 0
    copy.close()
    return facts
