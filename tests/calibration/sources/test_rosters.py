"""Rosters as CSV and iCalendar: hours, absences and vacancies of the clinic's days, over midnight and clock changes."""

import datetime as dt

import pytest

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms
from calibration.sources import Mapping, Options, open_source

KEY = Pseudonyms(bytes(range(32)))
ZONE = "America/New_York"
RECEIVED = dt.datetime(2024, 3, 15, 12, tzinfo=dt.UTC)  # a Friday
ANN, BOB = KEY.person("ann"), KEY.person("bob@example.org")


def take(log, address, received_at=RECEIVED, **more):
    options = Options(**{"pseudonyms": KEY, "timezone": ZONE, "received_at": received_at} | more)
    receipt = log.ingest(open_source(str(address), options))
    assert receipt.stopped is None
    return receipt


def days(log, who, measure):
    """The person's values by local day of March 2024."""
    table = log.observations()
    table = table[(table["who"] == who) & (table["measure"] == measure)]
    local = table["measured_at"].dt.tz_convert(ZONE)
    assert (local == local.dt.normalize()).all()
    return dict(sorted(zip(local.dt.strftime("%m-%d"), table["value"], strict=True)))


def test_a_row_a_day_is_an_extract_like_any_other(tmp_path):
    (tmp_path / "hours.csv").write_text("id,day,hours,sick,filled\nann,2024-03-04,8.5,0,1\nann,2024-03-05,,1,1\n")
    mapping = Mapping.model_validate(
        {"layout": "wide", "who": "id", "time": {"column": "day", "at": "00:00"}, "timezone": ZONE,
         "measures": {"scheduled_minutes": {"column": "hours", "unit": "h"}, "absent": "sick", "employed": "filled"}}
    )  # fmt: skip
    with EventLog(tmp_path / "log") as log:
        take(log, tmp_path / "hours.csv", mapping=mapping)
        assert days(log, ANN, "scheduled_minutes") == {"03-04": 510}
        assert days(log, ANN, "absent") == {"03-04": 0, "03-05": 1}
        assert days(log, ANN, "employed") == {"03-04": 1, "03-05": 1}


ROSTER = """who,start,end,kind
ann,2024-03-04T08:00,2024-03-04T12:00,shift
ann,2024-03-04T13:00,2024-03-04T17:00,shift
ann,2024-03-09T22:00,2024-03-10T06:00,shift
ann,2024-03-12,2024-03-13,absence
post-7,2024-03-14,,vacancy
ann,2024-03-15T08:00,2024-03-15T17:00,Shift
ann,2024-03-18T08:00,2024-03-18T17:00,shift
ann,2024-03-04T08:00,2024-03-08T12:00,shift
ann,2024-03-04T08:00,2024-03-03T12:00,shift
ann,2024-03-10T02:30,2024-03-10T06:00,shift
,2024-03-04T08:00,2024-03-04T12:00,shift
ann,2024-03-04T08:00,2024-03-04T12:00,party at Ann's
"""


def test_intervals_are_split_by_the_clinics_days(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER)
    with EventLog(tmp_path / "log") as log:
        take(log, f"roster:{path}")
        # 22:00 to 6:00 over the change of clocks are 120 and 300 minutes
        shifts = {"03-04": 480, "03-09": 120, "03-10": 300, "03-15": 540}
        assert days(log, ANN, "scheduled_minutes") == shifts
        assert days(log, ANN, "absent") == {"03-12": 1, "03-13": 1}
        assert days(log, KEY.person("post-7"), "employed") == {"03-14": 0, "03-15": 0}
        letters = {letter.offset: letter.reason for letter in log.dead_letters()}
        reasons = (
            "expected 0 to 48",
            "expected 0 to 48",
            "does not happen",
            "who: met nothing",
            "expected one of shift",
        )
        assert list(letters) == [8, 9, 10, 11, 12] and "party" not in str(letters)
        assert all(expected in letters[8 + i] for i, expected in enumerate(reasons))
        # a later roster takes a shift back and brings the day that had been to come; the order of reading is no matter
        path.write_text(ROSTER[: ROSTER.index("ann,2024-03-12")].replace("12:00,shift", "12:00,cancelled"))
        path.write_text(path.read_text() + "ann,2024-03-18T08:00,2024-03-18T17:00,shift\n")
        take(log, f"roster:{path}", RECEIVED + dt.timedelta(days=4))
        assert days(log, ANN, "scheduled_minutes") == shifts | {"03-04": 240, "03-18": 540}
        expected = log.digest
    with EventLog(tmp_path / "other") as log:
        take(log, f"roster:{path}", RECEIVED + dt.timedelta(days=4))
        path.write_text(ROSTER)
        take(log, f"roster:{path}")
        assert log.digest == expected


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
X-WR-CALNAME:ann
BEGIN:VTIMEZONE
TZID:Eastern
BEGIN:STANDARD
DTSTART:20231105T020000
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20230312T020000
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
END:DAYLIGHT
END:VTIMEZONE
{events}
END:VCALENDAR
"""
EVENTS = {
    "clinic": """UID:1
DTSTART;TZID=America/New_York:20240304T080000
DTEND;TZID=America/New_York:20240304T170000
RRULE:FREQ=WEEKLY;BYDAY=MO,TU,TH
EXDATE;TZID=America/New_York:20240307T080000
SUMMARY:Seeing Mrs Roe""",
    "moved": """UID:1
RECURRENCE-ID;TZID=America/New_York:20240311T080000
DTSTART;TZID=America/New_York:20240313T080000
DURATION:PT4H""",
    "cancelled occurrence": """UID:1
RECURRENCE-ID;TZID=America/New_York:20240312T080000
DTSTART;TZID=America/New_York:20240312T080000
DTEND;TZID=America/New_York:20240312T170000
STATUS:CANCELLED""",
    "overlaps": """UID:2
DTSTART:20240304T210000Z
DTEND:20240304T230000Z""",
    "night": """UID:3
DTSTART;TZID=Eastern:20240308T220000
DTEND;TZID=Eastern:20240309T060000
RRULE:FREQ=DAILY;UNTIL=20240310T040000Z""",
    "cancelled": """UID:4
DTSTART:20240306T080000
DTEND:20240306T170000
STATUS:CANCELLED""",
    "absence": """UID:5
DTSTART;VALUE=DATE:20240314
DTEND;VALUE=DATE:20240315
CATEGORIES:Sick""",
    "another's": """UID:6
DTSTART:20240306T080000
DTEND:20240306T090000
ATTENDEE;CN="Bob Roe":mailto:Bob@example.org""",
}


def calendar(path, events):
    text = CALENDAR.format(events="\n".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT" for event in events))
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return path


def test_a_calendar_tells_all_of_its_days(tmp_path):
    path = calendar(tmp_path / "shifts.ics", EVENTS.values())
    with EventLog(tmp_path / "log") as log:
        assert take(log, path).total.refused == 0
        shifts = {"03-04": 540 + 60, "03-05": 540, "03-13": 240, "03-14": 540, "03-08": 120,
                  "03-09": 360 + 120, "03-10": 300}  # fmt: skip
        minutes = days(log, ANN, "scheduled_minutes")
        assert {day: value for day, value in minutes.items() if value} == shifts
        assert list(minutes) == [f"03-{day:02d}" for day in range(4, 16)]  # days off too
        absent = days(log, ANN, "absent")
        assert absent == {day: float(day == "03-14") for day in shifts}
        bob = days(log, BOB, "scheduled_minutes")
        assert (bob["03-06"], len(bob)) == (60, 10) and days(log, BOB, "absent") == {}
        # whatever is gone from a later calendar is gone
        calendar(path, [EVENTS["clinic"]])
        take(log, path, RECEIVED + dt.timedelta(days=4))
        minutes = days(log, ANN, "scheduled_minutes")
        assert [day for day, value in minutes.items() if value] == [f"03-{d:02d}" for d in (4, 5, 11, 12, 14, 18, 19)]
    content = (tmp_path / "log").read_bytes()
    assert b"Roe" not in content and b"example.org" not in content


RULE = "UID:9\nDTSTART:20240304T080000\nDTEND:20240304T170000\nRRULE:"
WRONG = {
    "by hours or less": RULE + "FREQ=SECONDLY",
    "by hours or less,": RULE + "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=1,2,3",
    "without any occurrence": RULE + "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "from 1601 on": RULE.replace("20240304", "16010101") + "FREQ=DAILY",
    "expected a time of day": "UID:9\nDTSTART;VALUE=DATE:20240305",
    "expected 0 to 48": "UID:9\nDTSTART:20240304T080000\nDTEND:20240309T080000",
    "not readable": "UID:9\nDTSTART:yesterday",
    "all later occurrences": "UID:9\nRECURRENCE-ID;RANGE=THISANDFUTURE:20240304T080000\nDTSTART:20240304T080000",
}


@pytest.mark.parametrize(("reason", "event"), WRONG.items(), ids=range(len(WRONG)))
def test_a_broken_event_costs_only_itself(tmp_path, reason, event):
    path = calendar(tmp_path / "shifts.ics", [EVENTS["night"], event, EVENTS["absence"]])
    with EventLog(tmp_path / "log") as log:
        assert take(log, path).total.refused == 1
        (letter,) = log.dead_letters()
        assert letter.offset == 2 and reason.rstrip(",") in letter.reason
        assert days(log, ANN, "scheduled_minutes")["03-09"] == 480 and days(log, ANN, "absent")["03-14"] == 1


def test_many_rules_without_end_are_not_followed(tmp_path):
    path = calendar(tmp_path / "shifts.ics", [RULE + "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"] * 500 + [EVENTS["absence"]])
    with EventLog(tmp_path / "log") as log:
        assert take(log, path).total.refused == 500


@pytest.mark.parametrize("text", [b"", b"BEGIN:VCALENDAR", b"\xff\xfe\x00", b"END:VEVENT\r\n", b"<html>"])
def test_what_is_no_calendar_says_nothing(tmp_path, text):
    path = tmp_path / "shifts.ics"
    path.write_bytes(text)
    with EventLog(tmp_path / "log") as log:
        receipt = log.ingest(open_source(str(path), Options(pseudonyms=KEY, timezone=ZONE)))
        assert receipt.total.new == 0
