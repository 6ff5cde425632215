"""Schema drift: what changed between two nights of a source is named; what did not is not."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms
from calibration.sources import Mapping, Options, open_source
from calibration.stream_quality import assess, drift, drifts_since
from calibration.stream_quality.drift import series_of

KEY = Pseudonyms(bytes(range(32)))
WIDE = Mapping.model_validate(
    {"layout": "wide", "timezone": "UTC", "who": "npi", "time": {"column": "day", "at": "23:30"},
     "measures": {"sleep_minutes": "sleep", "steps": "steps"}}
)  # fmt: skip
LONG = Mapping.model_validate(
    {"layout": "long", "timezone": "UTC", "who": "npi", "time": {"column": "day", "at": "23:30"},
     "measure": {"column": "code", "names": {"93832-4": "sleep_minutes", "SLEEP": "sleep_minutes", "ST": "steps"}},
     "value": "amount", "unit": {"column": "uom"}}
)  # fmt: skip


@pytest.fixture
def nights(tmp_path):
    """Ingests texts as files of following nights; returns what was noticed at the last."""

    def ingest(*texts, mapping=WIDE, ending="csv"):
        with EventLog(tmp_path / "log") as log:
            for k, text in enumerate(texts):
                path = tmp_path / f"sleep-2024-03-{k + 1:02d}.{ending}"
                path.write_text(text)
                received = dt.datetime(2024, 4, 1, k, tzinfo=dt.UTC)
                log.ingest(open_source(str(path), Options(mapping, KEY, received_at=received)))
            noticed = [d.change for d in drifts_since(log.ingests(), len(texts) - 1)]
            assert [
                d.change for d in assess(log).drifts if d.source == path.name and "median" not in d.change
            ] == noticed
            return noticed

    return ingest


def wide(*rows, header="npi,day,sleep,steps"):
    return "\n".join([header, *rows, ""])


def test_the_same_look_is_no_drift(nights):
    assert nights(wide("1,2024-03-01,400,5000"), wide("2,2024-03-02,390,6000", "3,2024-03-02,7.5,100")) == []


def test_a_renamed_column_is_named_though_the_file_is_refused(nights):
    changed = nights(wide("1,2024-03-01,400,5000"), wide("1,2024-03-02,400,5000", header="npi,day,sleep_min,steps"))
    assert changed == ["column 'sleep' is gone and 'sleep_min' is new: renamed?"]


def test_what_a_headerless_file_begins_with_is_not_stored(nights, tmp_path):
    nights(wide("1,2024-03-01,400,5000"), "Ann Roe,2024-03-02,400,5000\n")
    assert b"Ann Roe" not in (tmp_path / "log").read_bytes()


def test_a_retyped_column_and_a_new_one_are_named(nights):
    rows = [f"{i},2024-03-02,{i}h{i},5000,x" for i in range(1, 9)]
    changed = nights(wide("1,2024-03-01,400,5000"), wide(*rows, header="npi,day,sleep,steps,note"))
    assert changed == ["column 'note' is new", "column 'sleep' held numbers, holds now texts"]


def test_times_that_lose_their_offset_are_named(nights):
    changed = nights(wide("1,2024-03-01T23:00:00Z,400,5"), wide("1,2024-03-02T23:00:00,400,5"))
    assert changed == ["column 'day' held times, holds now times without an offset from UTC"]


def test_changed_units_and_codes_are_named_and_missing_ones_are_not(nights):
    header = "npi,day,code,amount,uom"
    before = wide("1,2024-03-01,SLEEP,7.5,h", "1,2024-03-01,ST,5000,count", header=header)
    after = wide("1,2024-03-02,93832-4,450,min", header=header)
    assert nights(before, after, mapping=LONG) == [
        "unit of 'sleep_minutes' was h, is now min",
        "code or code system of 'sleep_minutes' was SLEEP, is now 93832-4",
    ]


def test_a_renamed_key_of_ndjson_is_named(nights):
    def lines(key):
        return "".join(json.dumps({"npi": str(i), "day": "2024-03-01", key: 400, "steps": 5}) + "\n" for i in range(4))

    changed = nights(lines("sleep"), lines("asleep"), ending="ndjson")
    assert changed == ["column 'sleep' held numbers, holds now nothing",
                       "key 'sleep' is gone and 'asleep' is new: renamed?"]  # fmt: skip


def test_a_median_that_jumps_by_sixty_is_a_changed_unit(nights, tmp_path):
    nights(wide(*(f"{i},2024-03-01,{400 + i},5000" for i in range(30))),
           wide(*(f"{i},2024-03-02,{7 + i / 60},5000" for i in range(30))))  # fmt: skip
    with EventLog(tmp_path / "log") as log:
        (found,) = assess(log).drifts
    assert "sleep_minutes" in found.change and "minutes and hours" in found.change


def test_code_systems_and_types_of_other_sources():
    before = {"columns": {"a": "int64"}, "codes": {"steps": ["http://loinc.org"]}, "resources": {"Encounter": 12},
              "left out": {"days to come": 3}, "timezone": "Europe/Paris"}  # fmt: skip
    after = {"columns": {"a": "string"}, "codes": {"steps": ["urn:local"]}, "resources": {"Encounter": 15, "Slot": 2},
             "left out": {"days to come": 4}, "timezone": "UTC"}  # fmt: skip
    assert drift(before, after) == [
        "column 'a' held int64, holds now string",
        "code or code system of 'steps' was http://loinc.org, is now urn:local",
        "resource 'Slot' is new",
        "timezone was 'Europe/Paris', is now 'UTC'",
    ]
    assert drift({}, after) == [] == drift(before, {})


def test_nights_of_one_series():
    assert series_of("sleep-2024-03-01.csv") == series_of("sleep-2024-12-31.csv") != series_of("steps-2024-03-01.csv")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
)  # fmt: skip
descriptions = st.dictionaries(st.sampled_from(["columns", "units", "mapping", "keys", "x"]), json_values)


@given(descriptions, descriptions)
def test_any_two_descriptions_can_be_compared(before, after):
    assert drift(before, before) == []
    assert all(isinstance(change, str) and change for change in drift(before, after))
