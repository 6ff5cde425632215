"""Paths: only regular files are read, and none outside the folder asked for."""

import os

import pytest

from calibration.event_log import EventLog
from calibration.sources import SourceError, open_source
from calibration.sources.files import open_regular


@pytest.fixture
def places(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    (tmp_path / "outside.csv").write_text("secret\n")
    (folder / "folder.csv").mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.csv")
    return folder


@pytest.mark.parametrize(("name", "reason"), [
    ("folder.csv", "met a folder"), ("link.csv", "met a symbolic link"), ("pipe.csv", "met a device or pipe"),
    ("none.csv", "No such file"), ("x" * 300 + ".csv", "not readable"), ("nul\0.csv", "not readable"),
])  # fmt: skip
def test_what_is_no_file_is_refused_and_counted(places, tmp_path, name, reason):
    with EventLog(tmp_path / "log") as log:
        receipt = log.ingest(open_source(str(places / name)))
        assert reason in receipt.stopped and receipt.total.refused == 1
        assert [letter.reason for letter in log.dead_letters()] == [receipt.stopped]
        assert str(tmp_path) not in receipt.stopped


@pytest.mark.parametrize("path", ["../outside.csv", "away/outside.csv"])
def test_a_path_out_of_the_folder_is_refused(places, path):
    with pytest.raises(SourceError, match="out of the folder"):
        open_regular(places / path, inside=places)
    (places / "inside.csv").write_text("fine\n")
    with open_regular(places / "inside.csv", inside=places) as file:
        assert file.read() == b"fine\n"


def test_an_unknown_kind_is_refused():
    with pytest.raises(SourceError, match=r"met the ending '.xyz', expected one of .csv"):
        open_source("data.xyz")
    assert open_source("csv:data.xyz").kind == "csv"
