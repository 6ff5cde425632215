"""The clinic's days: which one an instant belongs to, and the stamp that all values of a day share."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from zoneinfo import ZoneInfo

from calibration.sources.times import ISO, YEARS, TimeReading, read_times


class Wrong(ValueError):
    """A record that should say something and cannot be read; the reason holds no identifier and no free text."""


@dataclasses.dataclass(frozen=True)
class Calendar:
    """The clinic's calendar. Without a zone, whatever needs a day or has no offset from UTC is `Wrong`.

    A day's stamp is its first instant: a value may be received, and corrected, while its day goes on.
    """

    zone: str | None

    def instant(self, text: object, what: str) -> dt.datetime:
        """A time as ISO 8601; without an offset from UTC it is local. Raises Wrong, naming ``what`` it is."""
        if not isinstance(text, str):
            raise Wrong(f"{what}: met {'nothing' if text is None else 'no text'}, expected a time such as "
                        "2024-01-01T23:30:00Z")  # fmt: skip
        parts = ISO.fullmatch(text.strip())
        if parts is not None and parts[1]:
            try:
                read = dt.datetime.fromisoformat(text.strip())
                if YEARS[0] < read.year < YEARS[1] - 1:
                    return read
            except ValueError:
                pass  # such as a 31st of June: read_times says so
        instants, reasons = read_times([text.strip()], TimeReading(zone=self.zone))
        if reasons[0] is not None:
            raise Wrong(f"{what}: {reasons[0]}")
        instant: dt.datetime = instants[0].to_pydatetime()
        return instant

    def date(self, instant: dt.datetime) -> dt.date:
        """The date in the clinic at an instant."""
        return instant.astimezone(self._zone).date()

    def start(self, date: dt.date) -> dt.datetime:
        """The first instant of a day. Raises Wrong on one that cannot be meant."""
        if not YEARS[0] <= date.year < YEARS[1]:
            raise Wrong(f"met the year {date.year}, expected {YEARS[0]} to {YEARS[1] - 1}")
        return _start(self._zone, date)

    def day(self, instant: dt.datetime) -> dt.datetime:
        """The first instant of the day of an instant."""
        return self.start(self.date(instant))

    def local(self, time: dt.datetime) -> dt.datetime:
        """A time on the clinic's wall clock as an instant; of one that happens twice the first."""
        return time.replace(tzinfo=self._zone)

    @property
    def _zone(self) -> ZoneInfo:
        if self.zone is None:
            raise Wrong("met no time zone, expected the clinic's: which day it is depends on it")
        return _zone(self.zone)


@functools.cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@functools.lru_cache(maxsize=4096)
def _start(zone: ZoneInfo, date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(), zone).astimezone(dt.UTC)
