"""What the rules for resources give and need: facts, why there are none, and the times and people of an export."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from typing import NamedTuple

from calibration.sources.days import Calendar, Wrong
from calibration.sources.times import EXPECTED, ISO

__all__ = ["MICROSECONDS", "Clock", "Fact", "Moment", "Skip", "Wrong", "microseconds"]

MICROSECONDS = 1_000_000
_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DATE = re.compile(r"(?:19|2[01])\d{2}-\d{2}-\d{2}", re.ASCII)


class Skip(Exception):
    """A resource that says nothing of a practitioner's day: counted under the reason, not refused."""


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


class Clock(Calendar):
    """The clinic's calendar, as FHIR writes times."""

    def moment(self, text: str | None, what: str) -> Moment:
        """A FHIR dateTime or instant; a date without a time of day is its first instant. Raises Wrong."""
        if text is not None and _DATE.fullmatch(text):
            with contextlib.suppress(ValueError):  # such as a 31st of June: refused below
                day = microseconds(self.start(dt.date.fromisoformat(text)))
                return Moment(day, day, True)
        try:
            instant = self.instant(text, what)
        except Wrong:
            if text is None or ISO.fullmatch(text):
                raise
            # not shown: it may be anything, an identifier too
            raise Wrong(f"{what}: met a text of {len(text):,} characters, expected {EXPECTED}") from None
        return Moment(microseconds(instant), microseconds(self.day(instant)))

    def day_of(self, instant: int) -> int:
        """The first instant of the day of an instant."""
        return microseconds(self.day(_instant(instant)))

    def day_after(self, instant: int) -> int:
        """The first instant of the day after that of an instant."""
        return microseconds(self.start(self.date(_instant(instant)) + dt.timedelta(days=1)))


def microseconds(instant: dt.datetime) -> int:
    """Since 1970 in UTC, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def _instant(microseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=microseconds)
