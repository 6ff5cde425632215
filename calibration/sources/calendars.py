"""iCalendar files of shifts: a calendar is all that is known of its people, so each file gives whole days.

An event is a shift unless a category says absence (ABSENCE, SICK, LEAVE, VACATION) or VACANCY; nothing else of its
text is read. It is of its attendees (the address without `mailto:`, the last piece of a `urn:`), or of whom the
calendar is named after (NAME, X-WR-CALNAME) if it has none. Recurrence (RRULE, RDATE, EXDATE), changed and cancelled
occurrences are followed; occurrences last as long as the first one by the clock on the wall.

For each person and each day from the first event to when the file was received it says `scheduled_minutes`, 0 if there
is no shift, each minute once however shifts overlap; a shift over midnight belongs to both days. `absent` is 1 on days
of absence and 0 on other days with shifts, for people with any absence; `employed` likewise with vacancies. What is
still to come when the file was received comes with a later file.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from calibration.sources.base import Refused, SourceError
from calibration.sources.days import Calendar, Wrong
from calibration.sources.extracts import Options
from calibration.sources.occurrences import all_occurrences
from calibration.sources.point_files import PointFile
from calibration.sources.points import Point
from calibration.sources.shifts import (
    LONGEST_SHIFT,
    LONGEST_SPAN,
    STATES,
    Interval,
    check_span,
    days_within,
    minutes_by_day,
)

LARGEST_FILE = 16 << 20  # bytes (assumed: some ten thousand events)
CATEGORIES = {"absence": "absence", "absent": "absence", "sick": "absence", "leave": "absence", "vacation": "absence",
              "vacancy": "vacancy", "vacant": "vacancy"}  # fmt: skip
BACK = {"absence": "present", "vacancy": "employed"}  # what is so on the other days


class CalendarSource(PointFile):
    """An iCalendar file; the offset of a refused event is its number in the file from 1."""

    kind = "icalendar"

    def _points(self, file: BinaryIO, calendar: Calendar, received_at: dt.datetime) -> Iterator[Point | Refused]:
        text = file.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise SourceError(f"{self.name}: met more than {LARGEST_FILE:,} bytes, expected a calendar of shifts")
        entries: dict[str, dict[str, list[Interval]]] = defaultdict(lambda: defaultdict(list))
        for component in _parse(text, self.name):
            owner = component.get("NAME") or component.get("X-WR-CALNAME")
            for number, found in all_occurrences(component, calendar, received_at):
                if isinstance(found, str):
                    yield Refused(number, found, stream="roster")
                    continue
                try:
                    kind = _kind(found.event)
                    check_span(found.start, found.end, LONGEST_SHIFT if kind == "shift" else LONGEST_SPAN)
                    if kind == "shift" and found.is_date:
                        raise Wrong("dtstart: met a date for a shift, expected a time of day, or a category of absence")
                    for who in _people(found.event, owner):
                        entries[who][kind].append((found.start, found.end))
                except Wrong as error:
                    yield Refused(number, str(error), stream="roster")
        for who, by_kind in entries.items():
            for measure, value, day in _days(by_kind, calendar, received_at):
                yield Point(who, measure, value, day, received_at, 0)


def _parse(text: bytes, name: str) -> list[Any]:
    try:
        import icalendar
    except ImportError:
        raise SourceError(f"{name}: met no icalendar, expected it to be installed: pip install 'clinictwin[streams]'"
                          ) from None  # fmt: skip
    try:
        return list(icalendar.Calendar.from_ical(text, multiple=True))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise SourceError(f"{name}: not readable as iCalendar") from None


def _kind(event: Any) -> str:
    named = [CATEGORIES[c.strip().lower()] for c in map(str, event.categories) if c.strip().lower() in CATEGORIES]
    return named[0] if named else "shift"


def _people(event: Any, owner: Any) -> list[str]:
    """Whom an event is of, by identifier."""
    found = event.get("ATTENDEE", [])
    attendees = [str(a).strip() for a in (found if isinstance(found, list) else [found])]
    if not attendees and owner is not None and str(owner).strip():
        return [str(owner).strip()]
    names = [a.rpartition(":")[2].strip().lower() if a.lower().startswith(("mailto:", "urn:")) else a
             for a in attendees]  # fmt: skip
    if not names or not all(names):
        raise Wrong("attendee: met nothing, and no name of the calendar, expected whose shift it is")
    return sorted(set(names))


def _days(by_kind: Mapping[str, list[Interval]], calendar: Calendar,
          received_at: dt.datetime) -> Iterator[tuple[str, float, dt.datetime]]:  # fmt: skip
    """(measure, value, day) of one person, for every day until the file was received."""
    minutes = minutes_by_day(by_kind.get("shift", ()), calendar)
    states = {kind: {day for start, end in by_kind[kind] for day in days_within(start, end, calendar)}
              for kind in BACK if kind in by_kind}  # fmt: skip
    first = min((*minutes, *(day for days in states.values() for day in days), received_at))
    for day in days_within(max(first, received_at - LONGEST_SPAN), received_at, calendar):
        yield "scheduled_minutes", minutes.get(day, 0.0), day
        for kind, days in states.items():
            if day in days:
                yield *STATES[kind], day
            elif kind == "vacancy" or day in minutes:
                yield *STATES[BACK[kind]], day


def open_source(address: str, options: Options) -> CalendarSource:
    """The source of an iCalendar file."""
    return CalendarSource(address, options)
