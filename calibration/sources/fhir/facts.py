"""What the rules for resources give and need: facts, why there are none, and the times and people of an export."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from typing import NamedTuple
from zoneinfo import ZoneInfo

from calibration.sources.times import _YEARS, ISO, TimeReading, read_times

MICROSECONDS = 1_000_000
DAY_START = dt.time(0)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Skip(Exception):
    """A resource that says nothing of a practitioner's day: counted under the reason, not refused."""


class Wrong(ValueError):
    """A resource that should say something and cannot be read; the reason holds no identifier and no free text."""


class Fact(NamedTuple):
    """A value of a person (by identifier, not yet a pseudonym) and a day.

    ``part`` names the event of which it is a share, empty for a whole value. A ``planned`` one was true of its day
    only when that had begun, whenever it was written down.
    """

    person: str
    measure: str
    value: float
    day: int  # its first instant, microseconds since 1970 in UTC
    part: str = ""
    planned: bool = False
    quality: str = "good"


class Moment(NamedTuple):
    """An instant, and the first instant of its day in the clinic; microseconds since 1970 in UTC."""

    instant: int
    day: int
    is_date: bool = False  # only the date was given


@dataclasses.dataclass(frozen=True)
class Clock:
    """The clinic's calendar."""

    zone: str

    def moment(self, text: str | None, what: str) -> Moment:
        """A FHIR dateTime or instant; a date without a time of day is its first instant. Raises Wrong."""
        if text is None:
            raise Wrong(f"{what}: met nothing, expected an instant such as 2024-01-01T23:30:00Z")
        parts = ISO.fullmatch(text)
        if parts is not None and parts[1]:
            try:
                read = dt.datetime.fromisoformat(text)
                if _YEARS[0] <= read.year < _YEARS[1]:
                    return Moment(microseconds(read), self.day(read.astimezone(_zone(self.zone)).date()))
            except ValueError:
                pass
        return self._carefully(text, what)

    def _carefully(self, text: str, what: str) -> Moment:
        instants, reasons = read_times([text], TimeReading(at=DAY_START, zone=self.zone))
        if reasons[0] is not None:
            raise Wrong(f"{what}: {reasons[0]}")
        instant = instants[0].to_pydatetime()
        return Moment(microseconds(instant), self.day(instant.astimezone(_zone(self.zone)).date()), len(text) == 10)

    def day(self, date: dt.date) -> int:
        """The first instant of a day."""
        return _first_instant(self.zone, date)

    def day_of(self, instant: int) -> int:
        """The first instant of the day of an instant."""
        return self.day(self.date(instant))

    def day_after(self, instant: int) -> int:
        """The first instant of the day after that of an instant."""
        return self.day(self.date(instant) + dt.timedelta(days=1))

    def date(self, instant: int) -> dt.date:
        """The date in the clinic."""
        return (_EPOCH + dt.timedelta(microseconds=instant)).astimezone(_zone(self.zone)).date()


def microseconds(instant: dt.datetime) -> int:
    """Since 1970 in UTC, exactly."""
    return (instant - _EPOCH) // dt.timedelta(microseconds=1)


@functools.cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@functools.lru_cache(maxsize=4096)
def _first_instant(zone: str, date: dt.date) -> int:
    return microseconds(dt.datetime.combine(date, DAY_START, _zone(zone)))
