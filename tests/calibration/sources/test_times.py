"""Instants: local times only with a zone, and the hours in which clocks change are never guessed."""

import datetime as dt

import pandas as pd
import pytest

from calibration.sources.times import TimeReading, read_times

NEW_YORK = TimeReading(zone="America/New_York")
NIGHT = dt.time(1, 30)


def read(text, reading=NEW_YORK):
    instants, reasons = read_times([text], reading)
    assert (reasons[0] is None) == pd.notna(instants[0])
    return reasons[0] or instants[0].isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("text", "instant"), [
    ("2024-01-15T23:30:00Z", "2024-01-15T23:30:00Z"),
    ("2024-01-15 23:30:00.25+05:45", "2024-01-15T17:45:00.250000Z"),
    ("2024-01-15T23:30", "2024-01-16T04:30:00Z"),
    ("2024-07-15T23:30", "2024-07-16T03:30:00Z"),
])  # fmt: skip
def test_instants_and_local_times(text, instant):
    assert read(text) == instant


@pytest.mark.parametrize(("text", "reason"), [
    ("2024-11-03T01:30:00", "happens twice in America/New_York"),
    ("2024-03-10T02:30:00", "does not happen in America/New_York"),
    ("2024-03-10", "without a time of day"),
    ("03/10/2024", "expected an instant"),
    ("2024", "expected an instant"),
    ("1700000000", "expected an instant"),
    ("", "expected an instant"),
    ("tomorrow, says Jane Roe", "met a text of 23 characters"),
    (None, "expected an instant"),
])  # fmt: skip
def test_what_is_no_instant_is_refused(text, reason):
    assert reason in read(text)


def test_a_local_time_needs_a_zone():
    assert "give the clinic's time zone" in read("2024-01-15T23:30:00", TimeReading())
    assert "give the clinic's time zone" in read("2024-01-15", TimeReading(at=NIGHT))
    assert read("2024-01-15T23:30:00-05:00", TimeReading()) == "2024-01-16T04:30:00Z"


@pytest.mark.parametrize(("choice", "instant"), [
    ({"ambiguous": "earlier"}, "2024-11-03T05:30:00Z"), ({"ambiguous": "later"}, "2024-11-03T06:30:00Z"),
])  # fmt: skip
def test_the_hour_that_happens_twice_can_be_chosen(choice, instant):
    assert read("2024-11-03T01:30:00", TimeReading(zone="America/New_York", **choice)) == instant


def test_the_hour_that_does_not_happen_can_be_moved():
    reading = TimeReading(zone="America/New_York", nonexistent="shift_forward")
    assert read("2024-03-10T02:30:00", reading) == "2024-03-10T07:00:00Z"


def test_a_days_conventional_time_is_never_refused():
    """Not even where the clocks change at it."""
    reading = TimeReading(at=dt.time(2, 30), zone="America/New_York")
    assert read("2024-03-10", reading) == "2024-03-10T07:00:00Z"
    reading = TimeReading(at=NIGHT, zone="America/New_York", format="%d.%m.%Y")
    assert read("03.11.2024", reading) == "2024-11-03T06:30:00Z"


@pytest.mark.parametrize(("form", "text", "instant"), [
    ("%m/%d/%Y %I:%M %p", "01/15/2024 11:30 PM", "2024-01-16T04:30:00Z"),
    ("%d.%m.%Y %H:%M %z", "15.01.2024 23:30 +0100", "2024-01-15T22:30:00Z"),
    ("epoch_s", "1705361400", "2024-01-15T23:30:00Z"),
    ("epoch_ms", 1705361400000, "2024-01-15T23:30:00Z"),
])  # fmt: skip
def test_other_formats(form, text, instant):
    assert read(text, TimeReading(format=form, zone="America/New_York")) == instant


@pytest.mark.parametrize("text", ["1e300", "-1e300", "nan", "9" * 30])
def test_numbers_beyond_time_are_refused(text):
    assert "expected a time of the format" in read(text, TimeReading(format="epoch_s"))
