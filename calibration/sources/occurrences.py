"""The occurrences of a calendar's events: recurrence rules followed within bounds, exceptions taken into account."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

from calibration.sources.days import Calendar, Wrong

MOST_OCCURRENCES = 20_000  # of an event: two a day for 27 years (assumed)
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")  # of shifts; more often is a mistake or an attack
EARLIEST_YEAR = 1990  # of a rule's first occurrence (assumed)
MOST_BARREN = 5  # rules of a calendar without any occurrence: each is followed to the year 9999, which takes seconds


class Occurrence(NamedTuple):
    """One occurrence: its event's component, start and end; ``is_date`` if it has no times of day."""

    event: Any
    start: dt.datetime
    end: dt.datetime
    is_date: bool


def all_occurrences(component: Any, calendar: Calendar,
                    until: dt.datetime) -> Iterator[tuple[int, Occurrence | str]]:  # fmt: skip
    """(event's number from 1, an occurrence that has begun by ``until`` or why the event is refused)."""
    masters: list[tuple[int, Any]] = []
    changed: dict[str, dict[dt.datetime, tuple[int, Any]]] = defaultdict(dict)
    for number, event in enumerate(component.walk("VEVENT"), 1):
        try:
            if "RECURRENCE-ID" not in event:
                masters.append((number, event))
                continue
            instead = event["RECURRENCE-ID"]
            if "RANGE" in instead.params:
                raise Wrong("recurrence-id: met a change of all later occurrences, expected one of a single occurrence")
            uid, (start, _) = str(event.get("UID", "")), _instant(instead.dt, calendar)
            known = changed[uid].get(start)
            if known is None or _sequence(event) >= _sequence(known[1]):
                changed[uid][start] = (number, event)
        except _FAULTS as error:
            yield number, _why(error)
    barren: list[int] = []
    for number, event in masters:
        replaced = changed.get(str(event.get("UID", "")), {})
        try:
            if not _is_cancelled(event):
                yield from ((number, o) for o in _expand(event, calendar, until, barren) if o.start not in replaced)
        except _FAULTS as error:
            yield number, _why(error)
    for number, event in (item for by_start in changed.values() for item in by_start.values()):
        try:
            if not _is_cancelled(event):
                yield from ((number, o) for o in _expand(event, calendar, until))
        except _FAULTS as error:
            yield number, _why(error)


_FAULTS = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)  # icalendar's own among them


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, Wrong) else "met an event whose times or rules are not readable"


def _is_cancelled(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _sequence(event: Any) -> int:
    return int(event.get("SEQUENCE", 0))


def _instant(time: dt.date, calendar: Calendar) -> tuple[dt.datetime, bool]:
    """(instant in UTC, whether it was a date); a time without a zone is the clinic's."""
    if not isinstance(time, dt.datetime):
        return calendar.start(time), True
    aware = time if time.tzinfo is not None else calendar.local(time)
    return aware.astimezone(dt.UTC), False


def _expand(event: Any, calendar: Calendar, until: dt.datetime,
            barren: list[int] | None = None) -> Iterator[Occurrence]:  # fmt: skip
    """An event's occurrences that have begun by ``until``. Rules run on the wall clock of the event's own zone.

    ``barren`` notes the rules without any occurrence; without it, rules are left aside.
    """
    first, last = event.start, event.end
    is_date = not isinstance(first, dt.datetime)
    zone = None if is_date else first.tzinfo
    wall, length = _wall(first, zone), _wall(last, zone) - _wall(first, zone)
    left_out = {_wall(time, zone) for time in event.exdates}
    starts = {wall}
    if barren is not None:
        starts |= {*_recurrences(event, wall, zone, _naive(until), barren)}
        starts |= {_wall(time[0], zone) for time in event.rdates}
    for start in sorted(starts - left_out):
        begin, end = (
            _instant(time.date() if is_date else time.replace(tzinfo=zone), calendar)[0]
            for time in (start, start + length)
        )
        if begin <= until:
            yield Occurrence(event, begin, end, is_date)


def _recurrences(event: Any, wall: dt.datetime, zone: dt.tzinfo | None, latest: dt.datetime,
                 barren: list[int]) -> Iterator[dt.datetime]:  # fmt: skip
    for rule in event.rrules:
        frequency = [str(f).upper() for f in rule.get("FREQ", [])]
        if len(frequency) != 1 or frequency[0] not in FREQUENCIES or {"BYHOUR", "BYMINUTE", "BYSECOND"} & set(rule):
            raise Wrong(f"rrule: met one by hours or less, expected one of {', '.join(FREQUENCIES)}")
        if wall.year < EARLIEST_YEAR:
            raise Wrong(f"rrule: met one from {wall.year} on, expected one from {EARLIEST_YEAR} or later")
        plain = {name: value for name, value in rule.items() if name.upper() != "UNTIL"}
        ends = [_wall(time, zone) for time in rule.get("UNTIL", [])]
        if ends and not isinstance(rule["UNTIL"][0], dt.datetime):
            ends = [ends[0] + dt.timedelta(days=1, microseconds=-1)]  # a date counts to its end
        if len(barren) >= MOST_BARREN:
            raise Wrong(f"rrule: met more than {MOST_BARREN} rules without any occurrence, expected none")
        found = rrulestr(type(rule)(plain).to_ical().decode(), dtstart=wall)
        last = min([*ends, latest])
        count = -1
        for count, start in enumerate(islice(found, MOST_OCCURRENCES + 1)):
            if start > last:
                break
            if count == MOST_OCCURRENCES:
                raise Wrong(f"rrule: met more than {MOST_OCCURRENCES:,} occurrences, expected fewer")
            yield start
        if count < 0:
            barren.append(1)
            raise Wrong("rrule: met one without any occurrence, such as every 30 February")


def _wall(time: dt.date, zone: dt.tzinfo | None) -> dt.datetime:
    """A time on the wall clock of a zone."""
    if not isinstance(time, dt.datetime):
        return dt.datetime.combine(time, dt.time())
    return (time.astimezone(zone) if time.tzinfo is not None and zone is not None else time).replace(tzinfo=None)


def _naive(instant: dt.datetime) -> dt.datetime:
    """The latest that an instant can be on any wall clock."""
    return instant.astimezone(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=14)
