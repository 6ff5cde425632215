"""Shifts, absences and vacancies as intervals, and what they say of each of the clinic's days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from calibration.sources.days import Calendar, Wrong

Interval = tuple[dt.datetime, dt.datetime]
LONGEST_SHIFT = dt.timedelta(hours=48)  # assumed: what is longer is no shift but several, or a mistake
LONGEST_SPAN = dt.timedelta(days=3660)  # of an absence or a vacancy, and of a calendar's past (assumed)
# what each kind of entry says of a day, other than a shift: (measure, value)
STATES = {"absence": ("absent", 1.0), "present": ("absent", 0.0), "vacancy": ("employed", 0.0),
          "employed": ("employed", 1.0)}  # fmt: skip


def check_span(start: dt.datetime, end: dt.datetime, longest: dt.timedelta) -> None:
    """Raises Wrong on an interval that ends before it begins, or is too long."""
    if not dt.timedelta(0) <= end - start <= longest:
        hours, most = (length / dt.timedelta(hours=1) for length in (end - start, longest))
        raise Wrong(f"end: met one {hours:g} hours after the start, expected 0 to {most:g}")


def minutes_by_day(intervals: Iterable[Interval], calendar: Calendar) -> dict[dt.datetime, float]:
    """Minutes within the intervals by day, each minute once; a shift over midnight belongs to both days."""
    minutes: dict[dt.datetime, float] = {}
    until: dt.datetime | None = None
    for start, end in sorted(intervals):
        begin = start if until is None else max(start, until)
        until = end if until is None else max(end, until)
        for day in days_within(begin, end, calendar) if begin < end else ():
            next_day = calendar.start(calendar.date(day) + dt.timedelta(days=1))
            length = min(end, next_day) - max(begin, day)
            minutes[day] = minutes.get(day, 0.0) + length / dt.timedelta(minutes=1)
    return minutes


def days_within(start: dt.datetime, end: dt.datetime, calendar: Calendar) -> Iterator[dt.datetime]:
    """The stamps of the days of which an interval has some part; its end does not count."""
    date = calendar.date(start)
    yield calendar.start(date)
    while calendar.start(date := date + dt.timedelta(days=1)) < end:
        yield calendar.start(date)
