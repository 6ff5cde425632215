"""Open mHealth and Fitbit-style files: which day a value belongs to, what adds up, what is left out or refused."""

import csv
import datetime as dt
import json
import os

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms
from calibration.sources import Collection, Options, SourceError, open_address
from calibration.sources.days import Calendar, Wrong
from calibration.sources.open_mhealth import read_point
from calibration.sources.points import Point, Skip
from calibration.stream_quality import drifts_since

KEY = Pseudonyms(bytes(range(32)))
ZONE = "America/New_York"
MADE = "2024-03-12T12:00:00Z"
ANN = KEY.person("ann.roe")


def point(body, user="ann.roe", made=MADE, **frame):
    header = {"uuid": "aa", "user_id": user, "creation_date_time": made, "schema_id": {"namespace": "omh"}}
    return {"header": header, "body": body | {"effective_time_frame": frame}}


def interval(start, end):
    return {"start_date_time": start, "end_date_time": end}


def minutes(value):
    return {"value": value, "unit": "min"}


def take(folder, address, **choices):
    """(the log's values by person, measure and local day; refusals; its digest) of an address."""
    options = Options(pseudonyms=KEY, timezone=ZONE, received_at=dt.datetime(2024, 4, 1, tzinfo=dt.UTC))
    opened = open_address(str(address), options)
    with EventLog(folder / f"{len(list(folder.glob('*.log')))}.log") as log:
        for source in opened.sources(log.checkpoint) if isinstance(opened, Collection) else [opened]:
            assert log.ingest(source, forget=False).stopped is None
        table = log.observations()
        day = table["measured_at"].dt.tz_convert(ZONE).dt.strftime("%m-%d %H:%M")
        values = dict(zip(zip(table["who"], table["measure"], day, strict=True), table["value"], strict=True))
        return values, [(letter.offset, letter.reason) for letter in log.dead_letters()], log.digest


NIGHT = interval("2024-03-09T23:00:00-05:00", "2024-03-10T07:00:00-04:00")  # the clocks go forward
POINTS = [
    point({"total_sleep_time": minutes(400), "is_main_sleep": True}, time_interval=NIGHT),
    point({"sleep_duration": {"value": 400, "unit": "min"}}, time_interval=NIGHT),  # the same night again
    point({"total_sleep_time": {"value": 0.5, "unit": "h"}},
          time_interval=interval("2024-03-10T14:00:00-04:00", "2024-03-10T14:40:00-04:00")),
    point({"heart_rate": {"value": 58, "unit": "beats/min"}, "temporal_relationship_to_sleep": "on waking"},
          date_time="2024-03-10T06:55:00-04:00"),
    point({"heart_rate": {"value": 150, "unit": "beats/min"},
           "temporal_relationship_to_physical_activity": "during exercise"}, date_time="2024-03-10T18:00:00-04:00"),
    point({"heart_rate_variability": {"value": 0.031, "unit": "s"}, "algorithm": "rmssd"},
          date_time="2024-03-10T06:55:00-04:00"),
    point({"step_count": 700}, time_interval=interval("2024-03-10T23:30:00-04:00", "2024-03-11T00:15:00-04:00")),
    point({"step_count": {"value": 300, "unit": "steps"}},
          time_interval={"start_date_time": "2024-03-10T09:00:00", "duration": {"value": 1, "unit": "h"}}),
    point({"step_count": 9000}, time_interval=interval("2024-03-09T00:00:00-05:00", "2024-03-10T00:00:00-05:00")),
    point({"blood_glucose": {"value": 90, "unit": "mg/dL"}}, date_time=MADE),
]  # fmt: skip
EXPECTED = {
    (ANN, "sleep_minutes", "03-10 00:00"): 430, (ANN, "resting_heart_rate", "03-10 00:00"): 58,
    (ANN, "heart_rate_variability_rmssd", "03-10 00:00"): 31, (ANN, "steps", "03-10 00:00"): 1000,
    (ANN, "steps", "03-09 00:00"): 9000,
}  # fmt: skip


def test_points_become_values_of_the_clinics_days(tmp_path):
    (tmp_path / "array.json").write_text(json.dumps(POINTS, indent=2))
    (tmp_path / "lines.ndjson").write_text("".join(json.dumps(p) + "\n" for p in reversed(POINTS)))
    folder = tmp_path / "points"
    (folder / "more").mkdir(parents=True)
    for i, p in enumerate(POINTS):
        ((folder / "more" if i % 2 else folder) / f"{i}.json").write_text(json.dumps(p, indent=1))
    os.symlink(tmp_path / "array.json", folder / "link.json")
    addresses = ["array.json", "open-mhealth:lines.ndjson", "open-mhealth:points"]
    results = [take(tmp_path, a.replace(":", f":{tmp_path}/") if ":" in a else tmp_path / a) for a in addresses]
    for values, refusals, _ in results:
        assert values == EXPECTED and not refusals
    assert len({digest for *_, digest in results}) == 1
    assert b"roe" not in (tmp_path / "0.log").read_bytes()


WRONG = {
    "met no data point": {"header": {}},
    "total_sleep_time.unit": point({"total_sleep_time": {"value": 7, "unit": "parsec"}}, time_interval=NIGHT),
    "total_sleep_time.value": point({"total_sleep_time": {"value": "secret", "unit": "h"}}, time_interval=NIGHT),
    "user_id": point({"step_count": 1}, user=None, time_interval=NIGHT),
    "no interval": point({"step_count": 1}, time_interval=interval(*list(NIGHT.values())[::-1])),
    "does not happen": point({"step_count": 1}, date_time="2024-03-10T02:30:00"),
    "date_time: met a text of": point({"step_count": 1}, date_time="secret"),
    "a start and an end": point({"step_count": 1}),
    "expected 0 to 1440": point({"total_sleep_time": minutes(2000)}, time_interval=NIGHT),
    "before it was measured": point({"step_count": 1}, made="2024-03-01T00:00:00Z", time_interval=NIGHT),
    "finite number": point({"step_count": 1e999}, time_interval=NIGHT),
}


def test_a_changed_unit_or_schema_shows(tmp_path):
    path = tmp_path / "points.json"
    night = json.loads(json.dumps(POINTS[0]))
    with EventLog(tmp_path / "log") as log:
        for unit, version in (("min", "1.0"), ("h", "2.0")):
            night["body"]["total_sleep_time"] = {"value": 6 if unit == "h" else 400, "unit": unit}
            night["header"]["schema_id"] = {"namespace": "ieee", "name": "sleep-episode", "version": version}
            path.write_text(json.dumps([night]))
            log.ingest(open_address(str(path), Options(pseudonyms=KEY, timezone=ZONE)))
        changes = [d.change for d in drifts_since(log.ingests(), 0)]
    assert any("unit of 'sleep_minutes' was min, is now h" in change for change in changes)
    assert any("was ieee/sleep-episode/1.0, is now ieee/sleep-episode/2.0" in change for change in changes)


def test_broken_points_cost_only_themselves(tmp_path):
    path = tmp_path / "points.json"
    path.write_text(json.dumps([*WRONG.values(), POINTS[-2]]))
    values, refusals, _ = take(tmp_path, path)
    assert values == {(ANN, "steps", "03-09 00:00"): 9000}
    assert [offset for offset, _ in sorted(refusals)] == list(range(1, len(WRONG) + 1))
    for (_, reason), expected in zip(sorted(refusals), WRONG, strict=True):
        assert expected in reason and "secret" not in reason


@pytest.mark.parametrize("tail", ["[" * 100_000, '{"header": ', ', {"a": ' + "9" * 6000 + "}", "x" * 3_000_000])
def test_a_broken_array_is_read_up_to_there(tmp_path, tail):
    path = tmp_path / "points.json"
    path.write_bytes(("[" + json.dumps(POINTS[-2]) + ", ").encode() + tail.encode("latin-1"))
    values, ((offset, reason),), _ = take(tmp_path, path)
    assert len(values) == 1 and offset == 2 and "not read" in reason


leaves = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12) | st.sampled_from(
    ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59Z", "2024-03-09T23:00:00+23:59", "min", "h", "rmssd", "at rest"]
)  # fmt: skip
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.fixed_dictionaries({"value": inner, "unit": inner})
)
frames = st.fixed_dictionaries({}, optional=dict.fromkeys(
    ("date_time", "date", "start_date_time", "end_date_time", "duration"), anything)) | anything  # fmt: skip
bodies = st.fixed_dictionaries({}, optional={
    **dict.fromkeys(("total_sleep_time", "sleep_duration", "heart_rate", "heart_rate_variability", "step_count",
                     "is_main_sleep", "descriptive_statistic", "algorithm"), anything),
    "temporal_relationship_to_sleep": st.just("on waking") | anything,
    "effective_time_frame": st.fixed_dictionaries({"time_interval": frames}) | frames,
}) | anything  # fmt: skip
headers = st.fixed_dictionaries({}, optional={"user_id": anything, "creation_date_time": anything}) | anything


@settings(max_examples=5000 if os.environ.get("CLINICTWIN_FULL") else 300, deadline=None)
@given(headers, bodies, st.sampled_from([None, "Pacific/Kiritimati", "America/Adak"]))
def test_whatever_a_point_says_it_is_read_or_refused(header, body, zone):
    try:
        met = read_point({"header": header, "body": body}, Calendar(zone), 1, dt.datetime(2024, 4, 1, tzinfo=dt.UTC))
    except (Skip, Wrong):
        return
    assert isinstance(met, Point) and met.day.tzinfo is not None


def test_a_wrong_byte_costs_its_point(tmp_path):
    path = tmp_path / "points.json"
    path.write_bytes(json.dumps([POINTS[0], POINTS[-2]]).encode().replace(b"ann", b"an\xff", 1))
    values, refusals, _ = take(tmp_path, path)
    assert len(values) == 1 and refusals == [(1, "met a byte that is not utf-8 in the element")]


def test_what_days_are_is_the_clinics_affair(tmp_path):
    (tmp_path / "points.json").write_text("[]")
    (tmp_path / "export").mkdir()
    with EventLog(tmp_path / "log") as log:
        receipt = log.ingest(open_address(str(tmp_path / "points.json"), Options(pseudonyms=KEY)))
        assert "met no time zone" in receipt.stopped
    with pytest.raises(SourceError, match="met no time zone"):
        open_address(f"fitbit:{tmp_path / 'export'}", Options(pseudonyms=KEY))


def fitbit_export(folder):
    inner = folder / "ann.roe" / "Fitbit" / "Global Export Data"
    inner.mkdir(parents=True)
    nights = [{"logId": 1, "dateOfSleep": "2024-03-10", "startTime": "2024-03-09T23:00:00.000",
               "endTime": "2024-03-10T07:00:00.000", "minutesAsleep": 400},
              {"logId": 2, "startTime": "2024-03-10T14:00:00.000", "endTime": "2024-03-10T14:40:00.000",
               "minutesAsleep": 30}]  # fmt: skip
    (inner / "sleep-2024-03-10.json").write_text(json.dumps(nights))
    # in UTC: up to the last hour of 9 March in New York, and from midnight on
    steps = [{"dateTime": f"03/10/24 {h:02d}:{m:02d}:00", "value": "2"} for h in (4, 5) for m in range(60)]
    (inner / "steps-2024-03-10.json").write_text(json.dumps([*steps, {"dateTime": "soon", "value": "2"}]))
    rates = [{"dateTime": "03/10/24 00:00:00", "value": {"date": "03/10/24", "value": 58.4, "error": 6.8}},
             {"dateTime": "03/11/24 00:00:00", "value": {"date": None, "value": 0.0, "error": 0.0}}]  # fmt: skip
    (inner / "resting_heart_rate-2024-01-01.json").write_text(json.dumps(rates))
    (inner / "badge.json").write_text("[]")
    with (inner.parent / "Daily Heart Rate Variability Summary - 2024-03-(1).csv").open("w", newline="") as file:
        csv.writer(file).writerows([["timestamp", "rmssd", "nremhr", "entropy"],
                                    ["2024-03-10T00:00:00", "31.5", "55", "2"]])  # fmt: skip
    return folder


def test_a_fitbit_export(tmp_path):
    values, refusals, digest = take(tmp_path, f"fitbit:{fitbit_export(tmp_path / 'export')}")
    assert values == {
        (ANN, "sleep_minutes", "03-10 00:00"): 430, (ANN, "resting_heart_rate", "03-10 00:00"): 58.4,
        (ANN, "heart_rate_variability_rmssd", "03-10 00:00"): 31.5,
        (ANN, "steps", "03-09 00:00"): 120, (ANN, "steps", "03-10 00:00"): 120,
    }  # fmt: skip
    assert refusals == [
        (121, "dateTime: met a text of 4 characters, expected a time of the format '%m/%d/%y %H:%M:%S'")
    ]
    assert take(tmp_path, f"fitbit:{tmp_path / 'export'}")[2] == digest
    with EventLog(tmp_path / "0.log") as log:
        assert set(log.history(ANN, "sleep_minutes")["source"]) == {f"{ANN}/sleep-2024-03-10.json"}
        both = open_address(f"fitbit:{tmp_path / 'export'}", Options(pseudonyms=KEY, timezone=ZONE))
        assert sum(1 for _ in both.sources(log.checkpoint)) == 4
    # the same nights by both ways count once
    (tmp_path / "points.json").write_text(json.dumps(POINTS[:3]))
    with EventLog(tmp_path / "0.log") as log:
        log.ingest(open_address(str(tmp_path / "points.json"), Options(pseudonyms=KEY, timezone=ZONE)))
        table = log.observations()
        assert table[table["measure"] == "sleep_minutes"]["value"].tolist() == [430]
        assert pd.Timestamp(MADE) in set(log.history(ANN, "sleep_minutes")["received_at"])
