"""A drop folder: complete files are taken, exactly once whatever is killed, and nothing from outside comes in."""

import json
import logging
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from calibration.event_log import EventLog
from calibration.observations import write_observations
from calibration.sources import Options, SourceError, drop_folder, files, open_address
from tests.calibration.streams import deliveries

KILLS = 60 if os.environ.get("CLINICTWIN_FULL") else 6
SETTLE_SECONDS = 0.2


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(drop_folder, "SETTLE_SECONDS", SETTLE_SECONDS)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def table(path, seed=1, **size):
    write_observations(deliveries(seed, **size), path)
    return path


def take(folder, log_path):
    """What was offered of a folder by one process: receipts by the sources' names."""
    with EventLog(log_path) as log:
        opened = open_address(f"watch:{folder}", Options())
        return {s.name: log.ingest(s, forget=False) for s in opened.sources(log.checkpoint)}


def test_files_are_taken_once_and_again_when_they_change(folder, tmp_path):
    log = tmp_path / "log"
    table(folder / "a.csv", people=2)
    (folder / "2024").mkdir()
    table(folder / "2024" / "b.ndjson", people=2)
    first = take(folder, log)
    assert list(first) == ["in/2024/b.ndjson", "in/a.csv"] and first["in/a.csv"].total.new == 0
    assert take(folder, log) == {}
    with (folder / "a.csv").open("a") as file:
        file.write("physician-000,wearable,steps,2024-03-01T06:00:00Z,2024-03-01T07:00:00Z,100,1,good\n")
    again = take(folder, log)
    assert list(again) == ["in/a.csv"] and again["in/a.csv"].total.new == again["in/a.csv"].total.read == 1
    text = (folder / "a.csv").read_text().replace(",100,1,good", ",101,1,good")
    (folder / "a.csv").write_text(text)
    assert take(folder, log)["in/a.csv"].total.new == 0 and take(folder, log) == {}
    with EventLog(log) as opened:
        assert 101.0 in set(opened.observations()["value"])


def test_only_what_lies_in_the_folder_and_is_complete(folder, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    outside = tmp_path / "outside"
    outside.mkdir()
    table(outside / "secret.csv")
    (folder / "link.csv").symlink_to(outside / "secret.csv")
    (folder / "more").symlink_to(outside)
    for name in (".hidden.csv", "x.csv.part", "x.csv.tmp"):
        table(tmp_path / "x.csv").rename(folder / name)
    table(tmp_path / "x.csv").rename(folder / "mqtt:x.csv")
    (folder / "note.txt").write_text("hello")
    os.mkfifo(folder / "pipe.csv")
    met = take(folder, tmp_path / "log")
    assert list(met) == ["in/mqtt:x.csv", "in/pipe.csv"] and met["in/mqtt:x.csv"].total.new > 0
    assert "met a device or pipe" in met["in/pipe.csv"].stopped and "note.txt: left alone" in caplog.text
    # a folder that becomes a way out after it was looked at
    (folder / "deep").mkdir()
    table(folder / "deep" / "y.csv")
    with EventLog(tmp_path / "log") as log:
        for source in open_address(f"watch:{folder}", Options()).sources(log.checkpoint):
            if source.name.endswith("y.csv"):
                (folder / "deep").rename(tmp_path / "moved")
                (folder / "deep").symlink_to(tmp_path / "moved")
                assert "met a path out of the folder" in log.ingest(source).stopped
    with pytest.raises(SourceError, match="met no folder"):
        open_address(f"watch:{folder}/note.txt", Options())


def test_one_kind_for_all_files_of_a_folder(folder, tmp_path):
    frame = {"date_time": "2024-03-01T12:00:00Z"}
    point = {"header": {"user_id": "physician-001", "creation_date_time": "2024-03-02T00:00:00Z"},
             "body": {"step_count": 70, "effective_time_frame": frame}}  # fmt: skip
    (folder / "points.ndjson").write_text(json.dumps(point) + "\n")
    with EventLog(tmp_path / "log") as log:
        opened = open_address(f"watch:open-mhealth:{folder}", Options(timezone="UTC"))
        (receipt,) = [log.ingest(s, forget=False) for s in opened.sources(log.checkpoint)]
        assert receipt.total.new == 1
        assert not list(open_address(f"watch:open-mhealth:{folder}", Options(timezone="UTC")).sources(log.checkpoint))


def test_it_waits_until_a_file_is_complete(folder, tmp_path):
    stop, offered = threading.Event(), []
    opened = open_address(f"watch:{folder}", Options())
    opened.follow(stop)

    def follow():
        with EventLog(tmp_path / "log") as log:
            for source in opened.sources(log.checkpoint):
                offered.append((source.name, log.ingest(source, forget=False).total))

    def until(number):
        for _ in range(400):
            if len(offered) >= number:
                return
            time.sleep(0.05)
        raise AssertionError(offered)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    lines = table(tmp_path / "a.csv", people=2).read_text().splitlines(keepends=True)
    with (folder / "slow.csv").open("w") as file:
        for line in lines[:40]:  # longer in all than a file must stand still
            file.write(line)
            file.flush()
            time.sleep(SETTLE_SECONDS / 20)
    until(1)
    assert offered[0][0] == "in/slow.csv" and offered[0][1].read == 39
    (tmp_path / "a.csv").rename(folder / "whole.csv")
    until(2)
    stop.set()
    thread.join(20)
    assert not thread.is_alive() and [name for name, _ in offered] == ["in/slow.csv", "in/whole.csv"]


def follow(folder, log_path, begun):
    """What the child does until it is killed or nothing is left."""
    drop_folder.SETTLE_SECONDS, files.BLOCK_BYTES = 0.0, 8_000  # so that a file has many transactions
    begun.set()
    take(folder, log_path)


def test_kill_at_random_moments(folder, tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["calibration.sources.csv", "calibration.event_log", __name__])
    for i in range(4):
        path = table(folder / f"{i}.csv", i, people=5, days=20)
        path.write_text(path.read_text() + f'physician-001,wearable,"cut {i}\n')

    def start(log):
        begun = context.Event()
        child = context.Process(target=follow, args=(folder, log, begun))
        child.start()
        assert begun.wait(60)
        return child

    def contents(log):
        with EventLog(log) as opened:
            letters = [(letter.source, letter.offset, letter.reason) for letter in opened.dead_letters()]
            return opened.digest, opened.sequence, sorted(letters)

    child, began = start(tmp_path / "undisturbed"), time.monotonic()
    child.join()
    duration = time.monotonic() - began
    expected = contents(tmp_path / "undisturbed")
    assert expected[1] > 1500 and len(expected[2]) == 4
    rng, log, kills, finished = np.random.default_rng(20240503), tmp_path / "killed", 0, 0
    for _ in range(100 * KILLS):
        child = start(log)
        time.sleep(rng.uniform(0, duration / 3))
        child.kill()
        child.join()
        kills += child.exitcode == -signal.SIGKILL
        if child.exitcode == 0:  # done: begin another log
            assert contents(log) == expected
            finished += 1
            for leftover in tmp_path.glob("killed*"):
                leftover.unlink()
        if kills >= KILLS:
            break
    start(log).join()
    assert kills == KILLS and contents(log) == expected
    # a second delivery of what was committed before a kill would be a duplicate beyond those in the material
    counts = []
    for path in (log, tmp_path / "undisturbed"):
        with EventLog(path) as opened:
            counts.append(opened.stream_counts()[["read", "duplicate"]].sum().tolist())
    assert counts[0] == counts[1]
    print(f"{kills} kills of an ingest of {duration:.1f} s, {finished} of others came to their end")
