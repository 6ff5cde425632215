"""A roster as CSV, an interval a row: `who,start,end,kind`, as `1234567893,2024-03-04T08:00,2024-03-04T17:00,shift`.

| kind | becomes |
| --- | --- |
| shift | scheduled_minutes of each day, a part named by when the shift starts; over midnight: of both days |
| cancelled | the same parts with 0 minutes: a shift that was reported before is taken back |
| absence, present | absent 1, or 0, on each day |
| vacancy, employed | employed 0, or 1, on each day |

Times without an offset are the clinic's; a date without a time is the whole day, as an end too. An empty end lasts
until the roster was received. A day counts once it has begun when the roster is received: what is planned for later
is left out, and comes with a later roster. Rosters with a row a person and day, such as hours by date, are extracts
like any other: `clinictwin map` proposes a mapping.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from calibration.sources.base import Refused
from calibration.sources.csv_rows import csv_rows
from calibration.sources.days import Calendar, Wrong
from calibration.sources.extracts import Options
from calibration.sources.point_files import PointFile
from calibration.sources.points import Point
from calibration.sources.shifts import LONGEST_SHIFT, LONGEST_SPAN, STATES, check_span, days_within, minutes_by_day

COLUMNS = ("who", "start", "end", "kind")
KINDS = ("shift", "cancelled", *STATES)
DATE_CHARACTERS = 10  # of a date without a time


class RosterSource(PointFile):
    """A roster file; the offset of an entry is its number from 1."""

    kind = "roster"

    def _points(self, file: BinaryIO, calendar: Calendar, received_at: dt.datetime) -> Iterator[Point | Refused]:
        for offset, record in csv_rows(file, self.name, COLUMNS):
            try:
                if isinstance(record, str):
                    raise Wrong(record)
                points = list(_entry(record, calendar, received_at, offset))
            except Wrong as error:
                yield Refused(offset, str(error), stream="roster")
                continue
            begun = [point for point in points if point.day <= received_at]
            self.left_out["days to come"] += len(points) - len(begun)
            yield from begun


def _entry(record: Mapping[str, str], calendar: Calendar, received_at: dt.datetime, offset: int) -> Iterator[Point]:
    who, kind = record["who"], record["kind"].strip().lower()
    if kind not in KINDS:
        raise Wrong(f"kind: met a text of {len(kind)} characters, expected one of {', '.join(KINDS)}")
    if not who.strip():
        raise Wrong("who: met nothing, expected an identifier")
    start = _instant(record["start"], calendar, "start", is_end=False)
    end = _instant(record["end"], calendar, "end", is_end=True) if record["end"].strip() else max(received_at, start)
    if kind in STATES:
        check_span(start, end, LONGEST_SPAN)
        measure, value = STATES[kind]
        for day in days_within(start, end, calendar):
            yield Point(who, measure, value, day, received_at, offset)
        return
    check_span(start, end, LONGEST_SHIFT)
    part = start.astimezone(dt.UTC).isoformat()
    for day, minutes in minutes_by_day([(start, end)], calendar).items():
        counted = minutes if kind == "shift" else 0.0
        yield Point(who, "scheduled_minutes", counted, day, received_at, offset, part)


def _instant(text: str, calendar: Calendar, what: str, *, is_end: bool) -> dt.datetime:
    if len(text.strip()) != DATE_CHARACTERS:
        return calendar.instant(text, what)
    try:
        date = dt.date.fromisoformat(text.strip())
        return calendar.start(date + dt.timedelta(days=is_end))
    except (ValueError, OverflowError):
        raise Wrong(
            f"{what}: met no date, expected one such as 2024-01-31, or a time such as 2024-01-31T08:00"
        ) from None


def open_source(address: str, options: Options) -> RosterSource:
    """The source of a roster file."""
    return RosterSource(address, options)
