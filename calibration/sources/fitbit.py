"""A Fitbit-style export: one folder a person, named by the person's identifier, with files at any depth in it.

| file | measure | times |
| --- | --- | --- |
| sleep-*.json | sleep_minutes: a part each, on the day the sleep ends | local, without an offset |
| steps-*.json | steps: the minutes of an hour added up to a part | UTC, in the full export |
| resting_heart_rate-*.json | resting_heart_rate of a date; 0 means that there is none | dates |
| Daily Heart Rate Variability Summary*.csv | heart_rate_variability_rmssd of a date | dates |

Local times need the clinic's zone. Received is when the file was written, since it does not say. Other files are left
alone. A source is one file of one person and is called by the person's pseudonym and the file's name.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from calibration.pseudonyms import at_the_door
from calibration.sources.base import Refused, Source, SourceError
from calibration.sources.csv_rows import csv_rows
from calibration.sources.days import Calendar, Wrong
from calibration.sources.extracts import Options
from calibration.sources.folders import files_within
from calibration.sources.json_records import Record, json_records
from calibration.sources.point_files import PointFile
from calibration.sources.points import Point, number
from calibration.sources.times import TimeReading, read_times, shown

Value = tuple[str, float, dt.datetime, str]  # measure, value, the day's stamp, part
STAMP = "%m/%d/%y %H:%M:%S"  # as the export writes times and dates, except of sleep
HRV_COLUMNS = ("timestamp", "rmssd")


def _sleep(record: Record, calendar: Calendar) -> Value | None:
    start, end = (calendar.instant(record.get(name), name) for name in ("startTime", "endTime"))
    if end < start:
        raise Wrong("endTime: met a time before startTime")
    minutes = number(record.get("minutesAsleep"), "minutesAsleep")
    return "sleep_minutes", minutes, calendar.day(end), start.astimezone(dt.UTC).isoformat()


def _steps(record: Record, calendar: Calendar) -> Value | None:
    instant = _stamp(record.get("dateTime"), "dateTime")
    hour = instant.replace(minute=0, second=0)
    return "steps", number(record.get("value"), "value"), calendar.day(instant), hour.isoformat()


def _resting_heart_rate(record: Record, calendar: Calendar) -> Value | None:
    day = calendar.start(_stamp(record.get("dateTime"), "dateTime").date())
    value = record.get("value")
    rate = number(value.get("value") if isinstance(value, dict) else value, "value")
    return None if rate == 0 else ("resting_heart_rate", rate, day, "")


def _variability(record: Record, calendar: Calendar) -> Value | None:
    if not record["rmssd"].strip():
        return None
    day = calendar.start(_date(record["timestamp"]))
    return "heart_rate_variability_rmssd", number(record["rmssd"], "rmssd"), day, ""


def _stamp(text: object, what: str) -> dt.datetime:
    """A time of the export, taken as UTC."""
    instants, reasons = read_times([str(text)], TimeReading(format=STAMP, zone="UTC"))
    if reasons[0] is not None:
        raise Wrong(f"{what}: {reasons[0]}")
    instant: dt.datetime = instants[0].to_pydatetime()
    return instant


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise Wrong(f"timestamp: met {shown(text)}, expected a date such as 2024-01-31") from None


_READERS: tuple[tuple[re.Pattern[str], Callable[[Record, Calendar], Value | None]], ...] = (
    (re.compile(r"sleep-.*\.json", re.I), _sleep),
    (re.compile(r"steps-.*\.json", re.I), _steps),
    (re.compile(r"resting_heart_rate-.*\.json", re.I), _resting_heart_rate),
    (re.compile(r"Daily Heart Rate Variability Summary.*\.csv", re.I), _variability),
)


class FitbitFile(PointFile):
    """One file of one person's export; the offset of a record is its number in the file from 1."""

    kind = "fitbit"

    def __init__(self, path: Path, person: str, options: Options) -> None:
        renamed = at_the_door([person], options.pseudonyms, keep=options.pseudonyms is None)[person]
        super().__init__(path, options, f"{renamed or 'somebody'}/{path.name}")
        self.person = person
        self._read = next((read for pattern, read in _READERS if pattern.fullmatch(path.name)), None)

    def _points(self, file: BinaryIO, calendar: Calendar, received_at: dt.datetime) -> Iterator[Point | Refused]:
        totals: dict[tuple[str, dt.datetime, str], tuple[float, int]] = {}
        for offset, value in self._values(file, calendar):
            if isinstance(value, Refused):
                yield value
            elif value[0] != "steps":
                measure, amount, day, part = value
                yield Point(self.person, measure, amount, day, received_at, offset, part)
            else:
                measure, amount, day, part = value
                before, first = totals.get((measure, day, part), (0.0, offset))
                totals[measure, day, part] = (before + amount, first)
        for (measure, day, part), (amount, first) in totals.items():
            yield Point(self.person, measure, amount, day, received_at, first, part)

    def _values(self, file: BinaryIO, calendar: Calendar) -> Iterator[tuple[int, Value | Refused]]:
        assert self._read is not None
        records = csv_rows(file, self.name, HRV_COLUMNS) if self._read is _variability else json_records(file)
        for offset, record in records:
            try:
                value = record if isinstance(record, str) else self._read(record, calendar)
            except Wrong as error:
                value = str(error)
            if isinstance(value, str):
                yield offset, Refused(offset, value, stream="wearable")
            elif value is not None:
                yield offset, value


class FitbitFolder:
    """The folders of several people's exports. Raises SourceError if it is none."""

    def __init__(self, address: str, options: Options) -> None:
        self.path, self.options = Path(address), dataclasses.replace(options, inside=Path(address))
        self.name = self.path.name or self.path.resolve().name
        if not self.path.is_dir():
            raise SourceError(f"{self.name}: met no folder, expected one of folders named by the people's identifiers")
        if options.timezone is None:
            raise SourceError(f"{self.name}: met no time zone, expected the clinic's (--timezone): the export's times "
                              "of sleep are local and do not say where")  # fmt: skip

    def sources(self, checkpoint_of: Callable[[Source], str | None]) -> Iterator[Source]:
        """The files that are read, person by person; see `calibration.sources.live.Collection`."""
        for person in sorted(path for path in self.path.iterdir() if path.is_dir() and not path.is_symlink()):
            for path in files_within(person):
                if any(pattern.fullmatch(path.name) for pattern, _ in _READERS):
                    yield FitbitFile(path, person.name, self.options)


def open_source(address: str, options: Options) -> FitbitFolder:
    """The exports' folder."""
    return FitbitFolder(address, options)
