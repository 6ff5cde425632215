"""`clinictwin quality`: a report of any log, on the terminal and as one page that needs nothing else."""

import re

import pandas as pd
import pytest

from calibration.event_log import EventLog
from calibration.exports import write_csv
from calibration.observations import COLUMNS

HEADER = ",".join(COLUMNS)


def rows(who, days, value=5000, measure="steps", unit="1", stream="wearable"):
    """Observations of successive days, each received an hour later."""
    return [f"{who},{stream},{measure},{day:%Y-%m-%d}T06:30:00Z,{day:%Y-%m-%d}T07:30:00Z,{value + 10 * i},{unit},good"
            for i, day in enumerate(pd.date_range("2024-03-01", periods=days))]  # fmt: skip


@pytest.fixture
def log(run, tmp_path):
    def log(*lines, name="nightly.csv"):
        (tmp_path / name).write_text("\n".join([HEADER, *lines, ""]))
        run("ingest", name, "--log", "clinic.log", "--quiet")
        return "clinic.log"

    return log


def page_of(folder):
    page = (folder / "quality.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|<iframe|url\(|@import|\son\w+=", page)
    assert all(source.startswith("data:image/") for source in re.findall(r'src="([^"]*)', page))
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)', page))
    assert not re.search(r">\s*(nan|NaN|None|NaT|&lt;NA&gt;)\s*<", page)
    return page


def test_what_is_wrong_is_said_with_who_and_since_when(run, log, tmp_path):
    people = [line for i in range(6) for line in rows(f"physician-{i:03d}", 40)]
    dead = rows("physician-006", 12)
    stuck = [line.replace(line.split(",")[5], "4321") for line in rows("physician-007", 40)]
    wrong = rows("physician-008", 1, value=900_000)
    output = run("quality", log(*people, *dead, *stuck, *wrong), "--out", "report")
    assert "1 refused records wait" in output
    assert re.search(r"wearable [░▒▓█]{40}\n", output)
    assert re.search(r"physician-006 .* dead .* 2024-03-13", output)
    assert re.search(r"physician-007 .* stuck .* 2024-03-01", output)
    assert "value: met … of steps, expected … to …" in output
    page = page_of(tmp_path / "report")
    assert page.count("<figure") == 3 and "physician-007" in page and "value: met 900000 of steps" in page
    assert "nightly.csv" in page


def test_without_people_nobody_is_named_and_few_are_not_counted(run, log, tmp_path):
    many = [line for i in range(6) for line in rows(f"physician-{i:03d}", 40)]
    few = [line for i in range(2) for line in rows(f"physician-{i:03d}", 40, 60, "resting_heart_rate", "1/min")]
    dead = rows("physician-006", 12)
    output = run("quality", log(*many, *few, *dead), "--out", "report", "--no-people")
    everything = output + page_of(tmp_path / "report")
    everything += "".join(file.read_text() for file in (tmp_path / "report" / "tables").iterdir())
    assert "physician-" not in everything and "fewer than 5" in output
    assert "wearable ████" in output
    assert not (tmp_path / "report" / "tables" / "failures.csv").exists()
    assert "fewer than" not in run("quality", "clinic.log", "--no-people", "--min-cell", "1").split("It holds")[0]
    faults = pd.read_csv(tmp_path / "report" / "tables" / "faults.csv")
    assert faults["people"].isna().all() and len(faults) == 1


@pytest.mark.parametrize("lines", [[], rows("physician-001", 1), rows("physician-001", 30)])
def test_little_or_nothing_makes_a_report_too(run, log, tmp_path, lines):
    output = run("quality", log(*lines), "--out", "report", "--timezone", "Europe/Paris")
    assert "calendar of Europe/Paris" in page_of(tmp_path / "report")
    assert ("no observations" in output) == (not lines)
    if lines:
        assert f"{len(lines):,} observations of fewer than 5 people" in output


def test_an_untouched_log_and_what_is_none(run, tmp_path):
    EventLog(tmp_path / "new.log").close()
    assert "Nothing was ever ingested." in run("quality", "new.log")
    run("quality", "none.log", status=2)
    (tmp_path / "notes").write_text("no log\n" * 100)
    assert "not an event log" in run("quality", "notes", status=2)
    assert "timezone: met 'Mars/Base'" in run("quality", "new.log", "--timezone", "Mars/Base", status=2)


def test_no_csv_file_holds_a_formula(tmp_path):
    table = pd.DataFrame({"who": ["=1+1", "@x", "ann"], "-change": [-1.5, 2.0, 3.0], "why": ["+x", None, "\tx"]})
    write_csv(table, tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines == ["who,'-change,why", "'=1+1,-1.5,'+x", "'@x,2.0,", "ann,3.0,'\tx"]
