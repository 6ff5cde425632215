"""FHIR exports that are broken, huge or hostile: refused with a reason and a place, in bounded memory."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.event_log import EventLog
from calibration.sources import Options, SourceError, open_source
from calibration.sources.base import MAX_LINE_BYTES
from calibration.sources.fhir import Choices
from calibration.sources.fhir.choices import split_address
from tests.calibration.sources.fhir_export import (
    KEY,
    PEOPLE,
    RECEIVED,
    ROLE,
    ZONE,
    Taken,
    appointment,
    audit,
    encounter,
    observation,
    survey,
)

DEEP = b'{"resourceType": "Encounter", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BAD = {
    b'{"resourceType": "Encounter", "id": "cut': "truncated",
    DEEP: "nested too deeply",
    json.dumps(observation("93832-4", 0, "h")).replace('"value": 0', '"value": 1e999').encode(): "out of range",
    json.dumps(observation("93832-4", 0, "h")).replace('"value": 0', '"value": NaN').encode(): "malformed",
    json.dumps(observation("93832-4", 0, "h")).replace('"value": 0', f'"value": {"9" * 400}').encode(): "out of range",
    json.dumps(observation("93832-4", -3, "h")).encode(): "expected 0 to 1440",
    json.dumps(observation("93832-4", "8", "h")).encode(): "Expected `float | null`, got `str`",
    json.dumps(encounter(period=7)).encode(): "got `int` - at `$.period`",
    json.dumps(encounter(**{"class": [{"code": "AMB"}]})).encode(): "got `array` - at `$.class`",
    json.dumps(encounter(start="999-94-5397", end=None)).encode(): "met a text of 11 characters",
    json.dumps(encounter(start="yesterday", end=None)).encode(): "met a text of 9 characters",
    json.dumps(encounter(start="0001-01-01T00:00:00+14:00", end=None)).encode(): "expected an instant",
    json.dumps(encounter(start="2024-06-31", end=None)).encode(): "expected an instant",
    json.dumps(encounter(start="2024-03-10T02:30:00", end=None)).encode(): "does not happen in America/New_York",
    json.dumps(encounter(updated="2024-03-01T00:00:00Z")).encode(): "one of the two clocks is wrong",
    json.dumps(encounter(name=None)).encode(): "id: met nothing",
    json.dumps(survey({"task_load": [{"valueInteger": 10**30}]})).encode(): "task_load",
    b'{"resourceType": 7}': "at `$.resourceType`",
    b'["resourceType"]': "got `array`",
    b'{"id": "1"}': "missing required field `resourceType`",
    b'{"resourceType": "Encounter", "id": "\xff"}': "not UTF-8",
    b'{"resourceType": "Enc\xff"}': "not UTF-8",
    b"x" * (MAX_LINE_BYTES + 1): "expected 1,048,576 or fewer",
}


@pytest.mark.parametrize("line", BAD, ids=BAD.values())
def test_a_broken_line_costs_only_itself(tmp_path, line):
    taken = Taken(tmp_path, PEOPLE, [encounter(name="before"), line, encounter(name="after")])
    assert taken.reasons and all(BAD[line] in reason for reason in taken.reasons)
    assert taken.values()["kept_count", 5] == 2


def test_a_refusal_says_where_and_unknown_types_are_named(tmp_path):
    taken = Taken(tmp_path, PEOPLE, [encounter(), b"{", {"resourceType": "Spell"}, {"resourceType": "Dr. Who 9"}])
    assert taken.reasons == ["1.ndjson line 2: not readable as FHIR JSON: Input data was truncated"]
    assert taken.source.description["not_read"] == ["(other)", "Spell"]


def test_a_broken_file_does_not_stop_the_others(tmp_path):
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(json.dumps(encounter()).encode() * 50)[:-20])
    (tmp_path / "b.ndjson.gz").write_bytes(b"no gzip")
    (tmp_path / "c.ndjson").symlink_to("/etc/passwd")
    (tmp_path / "d.ndjson").write_text("\ufeff" + "\n".join(map(json.dumps, [*PEOPLE, encounter()])), "utf-8")
    with EventLog(tmp_path / "log") as log:
        log.ingest(open_source(f"fhir:{tmp_path}", Options(pseudonyms=KEY, timezone=ZONE)))
        assert [letter.reason.partition(":")[0] for letter in log.dead_letters()] == [
            "a.ndjson.gz line 1",
            "b.ndjson.gz line 1",
            "c.ndjson",
        ]
        assert len(log.observations()) == 2


def test_memory_is_bounded(tmp_path):
    line = json.dumps(encounter()).encode()[:-1] + b', "x": "' + b"y" * 20_000 + b'"}\n'
    with gzip.open(tmp_path / "bomb.ndjson.gz", "wb", 1) as file:
        for _ in range(2000):  # 40 MB of records, lines of next to nothing, and one of 100 MB
            file.write(line)
        file.write(b"{}\n" * 100_000)
        for _ in range(100):
            file.write(b"0" * 1_000_000)
    source = open_source(f"fhir:{tmp_path}", Options(pseudonyms=KEY, timezone=ZONE))
    tracemalloc.start()
    try:
        refused = sum(len(batch.refused) for batch in source.batches())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused == 2000 + 100_000 + 1 and peak < 40e6


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ("?kept_form=appointments", "did you mean 'kept_from'"),
        ("?kept_from=both", "expected encounters or appointments"),
        ("?active_seconds=7", "a divisor of 900"),
        ("?active_seconds=x", "a divisor of 900"),
    ],
)
def test_a_choice_that_is_not_known_is_refused(choices, reason):
    with pytest.raises(SourceError, match=reason):
        split_address(f"export{choices}")


def test_what_an_export_needs(tmp_path):
    assert split_address("export") == (tmp_path.__class__("export"), Choices())
    with pytest.raises(SourceError, match="no pseudonym key"):
        next(open_source(f"fhir:{tmp_path}", Options(timezone=ZONE)).batches())
    with pytest.raises(SourceError, match="no time zone"):
        next(open_source(f"fhir:{tmp_path}", Options(pseudonyms=KEY)).batches())
    with pytest.raises(SourceError, match="met no file named"):
        next(open_source(f"fhir:{tmp_path}", Options(pseudonyms=KEY, timezone=ZONE)).batches())
    for name in ("nowhere", "nul\0", "x" * 300):
        with pytest.raises(SourceError, match="not readable") as caught:
            next(open_source(f"fhir:{tmp_path / name}", Options(pseudonyms=KEY, timezone=ZONE)).batches())
        assert str(tmp_path) not in str(caught.value)


SEEDS = [
    encounter(),
    appointment("booked"),
    audit("2024-03-05T14:00:00Z", "Communication"),
    ROLE,
    observation("93832-4", 7, "h"),
    survey({"task_load": [{"valueInteger": 5}]}),
]
SCRAPS = ["null", "[]", "{}", "1e400", "-0", '"\\u0000"', "true", "[[", '"#x"', '""', "9" * 30, "\udcff"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 400), st.integers(0, 30), st.sampled_from(SCRAPS))
def test_any_damage_is_refused_or_read(tmp_path_factory, seed, at, length, scrap):
    text = json.dumps(seed)
    damaged = (text[:at] + scrap + text[at + length :]).encode("utf-8", "surrogateescape")
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "x.ndjson").write_bytes(b"\n".join([*(json.dumps(r).encode() for r in PEOPLE), damaged]))
    source = open_source(f"fhir:{folder}", Options(pseudonyms=KEY, timezone=ZONE, received_at=RECEIVED))
    batches = list(source.batches())
    assert all(len(refused.reason) < 300 for batch in batches for refused in batch.refused)
    assert sum(source.description["resources"].values()) + sum(len(b.refused) for b in batches) >= len(PEOPLE) + 1
