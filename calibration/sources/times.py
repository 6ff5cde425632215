"""Instants from texts and local times: every time in the log is an instant in UTC, and none is guessed.

A text with an offset from UTC is an instant. One without is local time of the clinic's zone, if a zone is given. When
the clocks go back an hour happens twice, and when they go forward one does not happen: such times are refused unless
the reading says what to make of them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(Z|z|[+-]\d{2}(?::?\d{2})?)?)?", re.ASCII
)
_EPOCH = {"epoch_s": 1_000_000, "epoch_ms": 1000}
YEARS = (1900, 2200)  # between which a date can be meant (assumed)
_LATEST = 253_402_300_799_000_000  # the year 9999, in microseconds
EXPECTED = "an instant such as 2024-01-01T23:30:00Z"


def check_zone(name: str) -> str:
    """The name of a time zone. Raises ValueError on one that is not known."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"timezone: met {name!r}, expected a name such as 'America/New_York'") from None
    return name


@dataclasses.dataclass(frozen=True)
class TimeReading:
    """How a column of times is read. ``format``: as of `strptime`, or epoch_s, epoch_ms; ISO 8601 if None.

    ``at``: time of day of dates without one. ``ambiguous``: of the hour that happens twice, which; ``nonexistent``:
    what to make of the one that does not happen. A date's time of day ``at`` is a convention, never refused.
    """

    format: str | None = None
    at: dt.time | None = None
    zone: str | None = None
    ambiguous: Literal["refuse", "earlier", "later"] = "refuse"
    nonexistent: Literal["refuse", "shift_forward"] = "refuse"


def read_times(column: Any, reading: TimeReading) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """(instants in UTC [n], NaT where refused; reasons [n], None where read) of texts, numbers or datetimes."""
    code, met = pd.factorize(np.asarray(column) if not isinstance(column, pd.Series) else column, use_na_sentinel=False)
    if len(code) == 0:
        return pd.DatetimeIndex([], tz="UTC").as_unit("us"), np.zeros(0, object)
    instants, reasons = _read_distinct(met, reading)
    return instants[code], reasons[code]


def _read_distinct(met: Any, reading: TimeReading) -> tuple[pd.DatetimeIndex, np.ndarray]:
    reasons = np.full(len(met), None, dtype=object)
    if isinstance(met, pd.DatetimeIndex):
        if met.tz is not None:
            instants = met.as_unit("us").tz_convert("UTC")
        else:
            instants = _localize(met.as_unit("us"), np.zeros(len(met), bool), reading, reasons)
    elif reading.format in _EPOCH:
        instants = _epoch(met, _EPOCH[reading.format])
    else:
        instants = _texts(pd.Series([_text(m) for m in met], dtype=object), reading, reasons)
    instants = _plausible(instants)
    blank = np.asarray(instants.isna()) & (reasons == None)  # noqa: E711
    expected = EXPECTED if reading.format is None else f"a time of the format {reading.format!r}"
    reasons[blank] = [f"met {shown(met[i])}, expected {expected}" for i in np.flatnonzero(blank)]
    return instants, reasons


def shown(value: Any) -> str:
    """A value for a message: as met if it looks like a time or a number, else only how long it is."""
    text = _text(value)
    if re.fullmatch(r"[\d\s.,:+\-/TZtz]{0,40}", text):
        return repr(text)
    return f"a text of {len(text):,} characters"


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else str(value)


def _epoch(met: Any, microseconds: int) -> pd.DatetimeIndex:
    number = pd.to_numeric(pd.Series(list(met), dtype=object), errors="coerce").to_numpy(float) * microseconds
    fine = np.abs(number) < _LATEST
    whole = np.where(fine, number, 0).round().astype("int64").astype("datetime64[us]")
    whole[~fine] = np.datetime64("NaT", "us")
    return pd.DatetimeIndex(whole).tz_localize("UTC")


def _texts(met: pd.Series[Any], reading: TimeReading, reasons: np.ndarray) -> pd.DatetimeIndex:
    if reading.format is None:
        parts = [ISO.fullmatch(text) for text in met]
        fine = np.array([p is not None for p in parts], bool)
        aware = np.array([p is not None and p.group(1) is not None for p in parts], bool)
        dates = fine & (met.str.len() == 10).to_numpy(bool)
        met = met.where(fine, None)
        how = "ISO8601"
    else:
        how = reading.format
        aware = np.full(len(met), "%z" in how)
        dates = np.full(len(met), not re.search(r"%[HIscX]", how))
    instants = _nothing(len(met))
    if aware.any():
        read = pd.to_datetime(met.where(aware, None), format=how, utc=True, errors="coerce")
        instants = instants.where(~aware, pd.DatetimeIndex(read).as_unit("us"))
    if not aware.all():
        read = pd.to_datetime(met.where(~aware, None), format=how, errors="coerce")
        local = _localize(pd.DatetimeIndex(read).as_unit("us"), dates, reading, reasons)
        instants = instants.where(aware, local)
    return instants


def _localize(local: pd.DatetimeIndex, dates: np.ndarray, reading: TimeReading,
              reasons: np.ndarray) -> pd.DatetimeIndex:  # fmt: skip
    """Local times as instants; why not, where that cannot be."""
    local = _plausible(local)
    there = np.asarray(local.notna())

    def refuse(wrong: np.ndarray, why: Callable[[Any], str]) -> None:
        wrong = wrong & there
        reasons[wrong] = [why(text) for text in local[wrong].strftime("%Y-%m-%dT%H:%M:%S")]

    if reading.at is None:
        refuse(dates, lambda t: f"met the date {t[:10]} without a time of day; set `at` in the mapping's time")
    else:
        at = pd.Timedelta(hours=reading.at.hour, minutes=reading.at.minute, seconds=reading.at.second)
        local = local.where(~dates, local + at)
    if reading.zone is None:
        refuse(~dates if reading.at is None else there,
               lambda t: f"met {t} without an offset from UTC; give the clinic's time zone")  # fmt: skip
        return _without(local.tz_localize("UTC"), np.ones(len(local), bool))
    by_convention = dates & (reading.at is not None)
    strict = local.tz_localize(reading.zone, ambiguous="NaT", nonexistent="NaT")
    first = np.full(len(local), reading.ambiguous == "earlier") & ~by_convention
    lenient = local.tz_localize(reading.zone, ambiguous=first, nonexistent="shift_forward")
    missing = np.asarray(local.tz_localize(reading.zone, ambiguous=first, nonexistent="NaT").isna())
    twice = np.asarray(strict.isna()) & ~missing
    refused = np.zeros(len(local), bool)
    if reading.nonexistent == "refuse":
        wrong = missing & ~by_convention
        refuse(wrong, lambda t: f"met {t}, which does not happen in {reading.zone}: the clocks go forward over it; "
                                "set `nonexistent: shift_forward` to take it as later")  # fmt: skip
        refused |= wrong
    if reading.ambiguous == "refuse":
        wrong = twice & ~by_convention
        refuse(wrong, lambda t: f"met {t}, which happens twice in {reading.zone}: the clocks go back over it; "
                                "set `ambiguous` to earlier or later")  # fmt: skip
        refused |= wrong
    refused |= dates & (reading.at is None)
    return _without(lenient.tz_convert("UTC"), refused)


def _plausible(instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Without years that cannot be meant, which time zones do not know either."""
    nothing = pd.DatetimeIndex(np.full(len(instants), np.datetime64("NaT", "us"))).tz_localize(instants.tz)
    return instants.where((instants.year >= YEARS[0]) & (instants.year < YEARS[1]), nothing)


def _without(instants: pd.DatetimeIndex, refused: np.ndarray) -> pd.DatetimeIndex:
    return instants.where(~refused, _nothing(len(instants)))


def _nothing(n: int) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.full(n, np.datetime64("NaT", "us"))).tz_localize("UTC")
