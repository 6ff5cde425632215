"""Open mHealth and IEEE 1752.1 data points: sleep, resting heart rate, heart-rate variability (RMSSD) and steps.

A file holds points as a JSON array or one a line (NDJSON). Which measure a point is of is read off its body:

| body | measure | belongs to |
| --- | --- | --- |
| total_sleep_time, sleep_duration (also of a sleep-episode) | sleep_minutes | the day the sleep ends |
| heart_rate "at rest", "during sleep" or "on waking" | resting_heart_rate | the day of its time frame's end |
| heart_rate_variability with the algorithm RMSSD | heart_rate_variability_rmssd | the day of its time frame's end |
| step_count | steps | the day its time frame begins |

Points over an interval shorter than a day are parts of a day, named by the instant at which the interval begins: so
the same night reported by two schemas, or again after a second look, counts once. A point over a day, or about a date,
is that day's whole value. Received is when the platform made the point (header.creation_date_time). Of several heart
rates of a day the one made last counts. Other points are left out and counted in the source's description.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from calibration.sources.base import Refused
from calibration.sources.days import Calendar, Wrong
from calibration.sources.extracts import Options
from calibration.sources.folders import Folder
from calibration.sources.json_records import json_records
from calibration.sources.met import Met
from calibration.sources.point_files import PointFile
from calibration.sources.points import Point, Skip, in_unit_of, number

WHOLE_DAY = dt.timedelta(hours=23)  # a day is at least so long, when the clocks go forward
SLEEP = ("total_sleep_time", "sleep_duration")
QUANTITIES = (*SLEEP, "heart_rate", "heart_rate_variability", "step_count")
AT_REST = ("at rest", "during sleep", "on waking")
RELATIONS = ("temporal_relationship_to_physical_activity", "temporal_relationship_to_sleep")
LEVELS = (None, "average", "median", "minimum")  # descriptive statistics that can stand for a resting level
ENDINGS = (".json", ".ndjson", ".jsonl")


class Frame(NamedTuple):
    """A time frame: its instants, equal if it is a moment; whether it tells only of a whole day."""

    start: dt.datetime
    end: dt.datetime
    whole: bool

    @property
    def part(self) -> str:
        """The event's name within the day: when it began; empty for a whole day's value."""
        return "" if self.whole else self.start.astimezone(dt.UTC).isoformat()


def is_point(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object has the shape of a data point."""
    return isinstance(record.get("header"), dict) and isinstance(record.get("body"), dict)


def read_point(record: Mapping[str, Any], calendar: Calendar, offset: int, received_at: dt.datetime | None) -> Point:
    """The observation that a data point is. Raises Skip on one of another kind, Wrong on one that is broken.

    ``received_at`` stands for a missing creation time.
    """
    if not is_point(record):
        raise Wrong("met no data point, expected an object with header and body")
    header, body = record["header"], record["body"]
    measure, value, quality, frame = _content(body, calendar)
    who = header.get("user_id")
    if not isinstance(who, str) or not who.strip():
        raise Wrong("header.user_id: met nothing, expected whom the point is about")
    made = header.get("creation_date_time") or header.get("source_creation_date_time")
    if made is not None:
        received_at = calendar.instant(made, "header.creation_date_time")
    if received_at is None:
        raise Wrong("header.creation_date_time: met nothing, expected when the point was made")
    day = calendar.day(frame.start if measure == "steps" else frame.end)
    part = frame.part if measure in ("steps", "sleep_minutes") else ""
    return Point(who, measure, value, day, received_at, offset, part, quality)


def _content(body: Mapping[str, Any], calendar: Calendar) -> tuple[str, float, str, Frame]:
    """(measure, value, quality, time frame)."""
    statistic = body.get("descriptive_statistic")
    if any(name in body for name in SLEEP):
        if statistic is not None:
            raise Skip("a statistic of several nights")
        name = next(name for name in SLEEP if name in body)
        return "sleep_minutes", _quantity(body[name], "sleep_minutes", name), "good", _frame(body, calendar)
    if "heart_rate" in body:
        if not any(body.get(relation) in AT_REST for relation in RELATIONS) or statistic not in LEVELS:
            raise Skip("a heart rate that is none of a person at rest")
        value = _quantity(body["heart_rate"], "resting_heart_rate", "heart_rate")
        return "resting_heart_rate", value, "good", _frame(body, calendar)
    if "heart_rate_variability" in body:
        algorithm = body.get("algorithm") or body.get("heart_rate_variability_algorithm")
        if str(algorithm).lower() != "rmssd" or statistic not in LEVELS:
            raise Skip("a heart-rate variability other than RMSSD")
        value = _quantity(body["heart_rate_variability"], "heart_rate_variability_rmssd", "heart_rate_variability")
        return "heart_rate_variability_rmssd", value, "good", _frame(body, calendar)
    if "step_count" in body:
        if statistic not in (None, "sum", "count"):
            raise Skip("a statistic of steps that is no sum")
        steps = body["step_count"]
        value = number(steps.get("value") if isinstance(steps, dict) else steps, "step_count")
        return "steps", value, "good", _frame(body, calendar)
    if "is_main_sleep" in body or "number_of_awakenings" in body:
        frame = _frame(body, calendar)  # without the time asleep: the time in bed, which is longer
        return "sleep_minutes", (frame.end - frame.start) / dt.timedelta(minutes=1), "suspect", frame
    raise Skip("another schema")


def _quantity(quantity: Any, measure: str, what: str) -> float:
    if not isinstance(quantity, dict):
        raise Wrong(f"{what}: met no object, expected a value with its unit")
    return in_unit_of(measure, number(quantity.get("value"), f"{what}.value"), quantity.get("unit"), f"{what}.unit")


def _frame(body: Mapping[str, Any], calendar: Calendar) -> Frame:
    where = "effective_time_frame"
    frame = body.get(where)
    if not isinstance(frame, dict):
        raise Wrong(f"{where}: met nothing, expected date_time or time_interval")
    if "date_time" in frame:
        moment = calendar.instant(frame["date_time"], f"{where}.date_time")
        return Frame(moment, moment, whole=True)
    interval = frame.get("time_interval", frame)
    if not isinstance(interval, dict):
        raise Wrong(f"{where}.time_interval: met no object, expected start_date_time and end_date_time")
    if "date" in interval:
        try:
            day = calendar.start(dt.date.fromisoformat(str(interval["date"])))
        except ValueError as error:
            raise error if isinstance(error, Wrong) else Wrong(f"{where}: met no date such as 2024-01-31") from None
        return Frame(day, day, whole=True)
    start, end = (calendar.instant(interval[name], f"{where}.{name}") if name in interval else None
                  for name in ("start_date_time", "end_date_time"))  # fmt: skip
    if "duration" in interval and (start is None or end is None):
        minutes = _quantity(interval["duration"], "sleep_minutes", f"{where}.duration")
        if not 0 <= minutes <= 7 * 1440:
            raise Wrong(f"{where}.duration: met {minutes:g} minutes, expected a week or less")
        length = dt.timedelta(minutes=minutes)
        start = start or (end - length if end else None)
        end = end or (start + length if start else None)
    if start is None or end is None or end < start:
        raise Wrong(f"{where}: met no interval, expected a start and an end or duration after it")
    return Frame(start, end, whole=end - start >= WHOLE_DAY)


def note_look(record: Mapping[str, Any], measure: str, met: Met) -> None:
    """Note the unit and the schema of a point that was read, so that a change of them shows."""
    header, body = record["header"], record["body"]
    quantity: Mapping[str, Any] = next((body[name] for name in QUANTITIES if isinstance(body.get(name), dict)), {})
    schema = header.get("schema_id")
    if isinstance(schema, dict):
        schema = "/".join(str(schema.get(key, "")) for key in ("namespace", "name", "version"))
    for note, text in ((met.units, quantity.get("unit")), (met.codes, schema)):
        if isinstance(text, str):
            note([(measure, text)])


class OpenMHealthSource(PointFile):
    """A file of data points; the offset of a point is its line, or its number in the array from 1."""

    kind = "open-mhealth"

    def _points(self, file: BinaryIO, calendar: Calendar, received_at: dt.datetime) -> Iterator[Point | Refused]:
        for offset, record in json_records(file):
            if isinstance(record, str):
                yield Refused(offset, record)
                continue
            try:
                point = read_point(record, calendar, offset, received_at)
                note_look(record, point.measure, self.met)
                yield point
            except Skip as reason:
                self.left_out[str(reason)] += 1
            except Wrong as error:
                yield Refused(offset, str(error), stream="wearable")


def open_source(address: str, options: Options) -> OpenMHealthSource | Folder:
    """The source of a file of data points, or of a folder of such files."""
    if Path(address).is_dir():
        return Folder(address, options, OpenMHealthSource, ENDINGS)
    return OpenMHealthSource(address, options)
