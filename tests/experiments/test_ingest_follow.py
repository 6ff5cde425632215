"""One command, one log: extract, FHIR, roster, wearables, a broker and a drop folder tell of one physician's day."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms
from tests.calibration.brokers import BINARY, Broker
from tests.calibration.sources.fhir_export import PEOPLE, encounter

NPI, ZONE = "1111111111", "America/New_York"
KEY = bytes(range(32))
MAPPING = """layout: wide
who: npi
time: {column: day, at: "00:00"}
received: exported
measures:
  ehr_minutes: {column: ehr_hours, unit: h}
  inbox_minutes: inbox
"""
LATE_CSV = "npi,day,exported,ehr_hours,inbox\n1111111111,2024-03-04,2024-03-06T02:00:00Z,4.5,71\n"
CSV = "npi,day,exported,ehr_hours,inbox\n1111111111,2024-03-05,2024-03-06T02:00:00Z,5.5,80\n"
ROSTER = "who,start,end,kind\n1111111111,2024-03-05T08:00,2024-03-05T17:00,shift\n"


def point(body, start, end):
    frame = {"time_interval": {"start_date_time": start, "end_date_time": end}}
    header = {"user_id": NPI, "creation_date_time": "2024-03-05T20:00:00Z"}
    return {"header": header, "body": body | {"effective_time_frame": frame}}


SLEEP = point({"total_sleep_time": {"value": 6, "unit": "h"}}, "2024-03-04T23:00:00-05:00", "2024-03-05T05:30:00-05:00")
STEPS = [point({"step_count": 100 + h}, f"2024-03-05T{h:02d}:00:00-05:00", f"2024-03-05T{h + 1:02d}:00:00-05:00")
         for h in range(9, 15)]  # fmt: skip
WHO = Pseudonyms(KEY).person(NPI)
SURVEY = {"who": WHO, "stream": "survey", "measure": "burnout_level", "measured_at": "2024-03-05T15:00:00Z",
          "received_at": "2024-03-05T15:00:05Z", "value": 2, "unit": "level", "quality": "good"}  # fmt: skip
EXPECTED = {
    "ehr_minutes": {"03-04": 270, "03-05": 330}, "inbox_minutes": {"03-04": 71, "03-05": 80},
    "kept_count": {"03-05": 2}, "visit_minutes": {"03-05": 50}, "scheduled_minutes": {"03-05": 540},
    "sleep_minutes": {"03-05": 360}, "steps": {"03-05": 669}, "burnout_level": {"03-05": 2},
}  # fmt: skip


@pytest.fixture
def material(tmp_path):
    """The files of a day, and a folder for what comes later."""
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "ehr.csv").write_text(CSV)
    (tmp_path / "roster.csv").write_text(ROSTER)
    (tmp_path / "sleep.json").write_text(json.dumps([SLEEP]))
    (tmp_path / "incoming").mkdir()
    (tmp_path / "export").mkdir()
    visits = [encounter(), encounter(name="e2", start="2024-03-05T10:00:00-05:00", end="2024-03-05T10:30:00-05:00")]
    for kind, resources in (("Practitioner", PEOPLE), ("Encounter", visits)):
        (tmp_path / "export" / f"{kind}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in resources))
    return tmp_path


class Command:
    """`clinictwin ingest` as a process of its own."""

    def __init__(self, folder, *arguments):
        environment = os.environ | {"CLINICTWIN_PSEUDONYM_KEY": KEY.hex(), "COLUMNS": "200"}
        options = ("--log", "clinic.log", "--timezone", ZONE)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "experiments.cli", "ingest", *arguments, *options], cwd=folder,
            env=environment | {"PYTHONPATH": os.getcwd()}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def end(self, number=None, status=0):
        """Its output, after a signal if one is given."""
        if number is not None:
            self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == status, output + errors
        assert "Traceback" not in errors
        return output


def met(path):
    """Values by measure and local day, all of one person."""
    if not path.exists():
        return {}
    with EventLog(path) as log:
        table = log.observations()
        assert log.people() in ([], [WHO])
    table["day"] = table["measured_at"].dt.tz_convert(ZONE).dt.strftime("%m-%d")
    return {m: dict(sorted(zip(t["day"], t["value"], strict=True))) for m, t in table.groupby("measure")}


def until(path, expected):
    for _ in range(600):
        if met(path) == expected:
            return
        time.sleep(0.1)
    raise AssertionError(met(path))


@pytest.mark.skipif(BINARY is None, reason="needs the mosquitto broker (Debian: apt install mosquitto)")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_day_by_all_ways_in_one_command(material, number):
    broker = Broker(material / "broker").start()
    try:
        log, topic = material / "clinic.log", broker.address("clinic/#")
        # first what waits: this also tells the broker to keep what comes from now on
        Command(material, topic).end()
        broker.publish("clinic/steps", STEPS[:3])
        sources = ("ehr.csv", "fhir:export", "roster:roster.csv", "sleep.json", topic, "watch:incoming")
        command = Command(material, *sources, "--mapping", "mapping.yaml", "--follow")
        broker.publish("clinic/steps", STEPS[3:])
        broker.publish("clinic/survey", [SURVEY, SURVEY, b"no observation"])
        (material / "late.part").write_text(LATE_CSV)
        (material / "late.part").rename(material / "incoming" / "late.csv")
        until(log, EXPECTED)
        output = command.end(number)
        assert "stopped; the same command goes on from here" in output and "1 refused records wait" in output
        rows = {
            cells[0].strip(): cells for line in output.splitlines() if len(cells := line.strip("│ ").split("│")) > 7
        }
        assert set(rows) >= {"ehr.csv", "export", "roster.csv", "sleep.json", "incoming", "all"}
        # everything again: nothing is new
        broker.publish("clinic/steps", STEPS)
        output = Command(material, *sources, "--mapping", "mapping.yaml", "--strict").end()
        total = next(line for line in output.splitlines() if line.strip("│ ").startswith("all"))
        read, new, duplicate = (int(cell) for cell in total.strip("│ ").split("│")[2:5])
        assert (new, duplicate) == (0, read) and read >= len(STEPS) + 5
        assert met(log) == EXPECTED
    finally:
        broker.stop()
    for name in (NPI.encode(), KEY.hex().encode()):
        assert name not in log.read_bytes()


def test_what_fails_is_said_and_does_not_stop_the_rest(material):
    sources = ("ehr.csv", "mqtt://127.0.0.1:1/t", "watch:nowhere", "roster:none.csv")
    command = Command(material, *sources, "--mapping", "mapping.yaml", "--strict")
    output, errors = command.process.communicate(timeout=60)
    assert command.process.returncode == 1 and set(met(material / "clinic.log")) == {"ehr_minutes", "inbox_minutes"}
    for reason in ("no broker answers", "nowhere: met no folder", "none.csv: not readable"):
        assert reason in errors, errors
    assert "ehr.csv" in output
