"""Every kind of source meets broken, huge and hostile material: it is refused with a reason, in bounded memory.

`tests/fuzz` looks for more of it, guided by coverage and by hand.
"""

import datetime as dt
import io
import json
import os
import tracemalloc

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.event_log import EventLog
from calibration.event_log.gate import REASON_CHARACTERS, admit
from calibration.observations import ObservationError, read_observations
from calibration.pseudonyms import Pseudonyms, is_pseudonym
from calibration.sources import KINDS, Collection, Options, SourceError, load_mapping, open_address
from calibration.sources.base import MAX_LINE_BYTES
from calibration.sources.mapping import MappingError
from calibration.sources.mqtt import Message, MqttSource
from calibration.sources.mqtt_address import read_address
from calibration.stream_quality import drift
from tests.fuzz.seeds import SEEDS

FULL = os.environ.get("CLINICTWIN_FULL") == "1"
EXAMPLES = 1000 if FULL else 100
LINE_BYTES = (2 << 30) if FULL else (48 << 20)  # of the endless line
MEMORY_BYTES = 24 << 20  # that reading it may take
RECEIVED = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
KEY = Pseudonyms(bytes(range(32)))
FILES = {
    "csv": "table.csv", "ndjson": "table.ndjson", "parquet": "table.parquet", "fhir": "Encounter.ndjson",
    "open-mhealth": "points.json", "roster": "roster.csv", "icalendar": "roster.ics",
    "fitbit": "export/ann/sleep-1.json", "fitbit-steps": "export/ann/steps-1.json",
    "fitbit-heart": "export/ann/resting_heart_rate-1.json",
    "fitbit-variability": "export/ann/Daily Heart Rate Variability Summary - 1.csv",
}  # fmt: skip
BY_LINE = ("csv", "ndjson", "fhir", "open-mhealth", "roster", "icalendar", "fitbit-variability")
JSON = ("ndjson", "fhir", "open-mhealth", "fitbit", "fitbit-steps", "fitbit-heart", "mqtt")


def parquet_seed():
    buffer = io.BytesIO()
    pd.read_csv(io.BytesIO(SEEDS["csv"][0])).to_parquet(buffer)
    return buffer.getvalue()


def seeds(kind):
    return [parquet_seed()] if kind == "parquet" else SEEDS[kind]


def test_every_kind_of_source_is_here():
    assert set(KINDS) - {"mqtt", "mqtts", "watch"} <= set(FILES)


def sources(kind, folder):
    """The sources of the file of a kind in a folder."""
    name = kind.partition("-")[0] if kind.startswith("fitbit") else kind
    where = folder / ("export" if name == "fitbit" else FILES[kind])
    options = Options(pseudonyms=KEY, received_at=RECEIVED, timezone="America/New_York")
    opened = open_address(f"{name}:{where}", options)
    return list(opened.sources(lambda _: None)) if isinstance(opened, Collection) else [opened]


def take(batches):
    """(observations, refusals) of batches, each record accounted for and each refusal with a reason."""
    taken, reasons = 0, []
    for batch in batches:
        rows, refused = admit(batch, RECEIVED)
        assert len(rows) + len(refused) == len(batch.observations) + len(batch.refused)
        assert all(is_pseudonym(who) for who in rows.who)
        assert all(r.reason and len(r.reason) <= REASON_CHARACTERS for r in refused)
        taken += len(rows)
        reasons += [r.reason for r in refused]
    return taken, reasons


def read(kind, data, folder):
    """(observations, refusals) of bytes as a file of a kind; of a source that cannot be read, why."""
    if kind == "mqtt":
        source = MqttSource(read_address("mqtt://127.0.0.1/clinic"), Options(pseudonyms=KEY, timezone="UTC"))
        return take(source._read([Message(1, 1, 1, 7, data[:MAX_LINE_BYTES], len(data))], 1))
    path = folder / FILES[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    taken, reasons = 0, []
    for source in sources(kind, folder):
        try:
            some, more = take(source.batches())
            taken, reasons = taken + some, reasons + more
        except SourceError as error:
            reasons.append(str(error))
        assert str(folder) not in json.dumps(dict(source.description), allow_nan=False)
    assert not any(str(folder) in reason for reason in reasons)
    return taken, reasons


@pytest.mark.parametrize("kind", [*FILES, "mqtt"])
def test_what_the_fuzzing_begins_with_is_read(kind, tmp_path):
    for data in seeds(kind)[:1]:
        taken, reasons = read(kind, data, tmp_path)
        assert taken and not reasons


NASTY = [
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"-0", b"null", b"true", b"[]", b"{}", b'"', b"\\ud800",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\xc3(", "ü".encode("latin-1"), "٣".encode(), b"=HYPERLINK(1)", b"+1",
    b"@a", b"\t", b"\r", b"\n", b"9999-12-31T23:59:60Z", b"0000-00-00", b"2024-03-10T02:30:00", b"[" * 3000,
    b'{"a":' * 3000, b"../../etc/passwd", b"%s%n", b"\x1b[2J", b"DTSTART:", b"RRULE:FREQ=SECONDLY", b"0x10", b"1_000",
]  # fmt: skip
damages = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.one_of(st.sampled_from(NASTY), st.binary(max_size=12))),
    min_size=1, max_size=4,
)  # fmt: skip


@pytest.mark.parametrize("kind", [*FILES, "mqtt"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(which=st.integers(0, 2), damage=damages, cut=st.floats(0.2, 3))
def test_any_damage_is_read_or_refused(kind, tmp_path_factory, which, damage, cut):
    """Scraps, in place of some bytes anywhere in an honest file, and the file cut off."""
    honest = seeds(kind)
    data = honest[which % len(honest)]
    for at, length, scrap in damage:
        start = int(at * len(data))
        data = data[:start] + scrap + data[start + length :]
    read(kind, data[: int(cut * len(data))], tmp_path_factory.mktemp("fuzz"))


FOUND = [  # by `make fuzz`
    ("icalendar", b"DTEND", b"D\0\0\0\0TEND"),  # a shift without an end
]


@pytest.mark.parametrize("kind, old, new", FOUND)
def test_what_fuzzing_found_stays_mended(kind, old, new, tmp_path):
    honest = SEEDS[kind][0]
    assert old in honest
    read(kind, honest.replace(old, new), tmp_path)


@pytest.mark.parametrize("kind", JSON)
def test_nesting_and_numbers_without_end_are_refused(kind, tmp_path):
    honest = SEEDS[kind][0]
    for bomb in (
        b"[" * 500_000,
        b'{"a":' * 150_000,
        b'{"resourceType": "Observation", "value": ' + b"9" * 200_000 + b"}",
    ):
        _, reasons = read(kind, bomb, tmp_path)
        assert reasons
        if kind in BY_LINE:  # a bomb costs only its line
            taken, reasons = read(kind, honest + bomb.replace(b"[", b"{") + b"\n" + honest, tmp_path)
            assert taken and reasons


@pytest.mark.parametrize("kind", [*FILES, "mqtt"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "cp037"])
def test_other_encodings_are_refused_or_read_right(kind, encoding, tmp_path):
    text = seeds(kind)[0].decode("latin-1" if kind == "parquet" else "utf-8")
    taken, reasons = read(kind, text.encode(encoding, "replace"), tmp_path)
    assert reasons if kind == "parquet" else bool(taken) != bool(reasons) or kind == "icalendar"


@pytest.mark.parametrize("kind", [k for k in FILES if k != "parquet"])
def test_memory_does_not_grow_with_an_endless_line(kind, tmp_path):
    """Two gigabytes at full size."""
    path = tmp_path / FILES[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    array = kind.startswith("fitbit") and kind != "fitbit-variability"
    with path.open("wb") as file:
        file.write(b'[{"a": "' if array else SEEDS[kind][0])
        for _ in range(LINE_BYTES >> 20):
            file.write(b"x" * (1 << 20))
        file.write(b'"}]' if array else b"\n" + SEEDS[kind][0].partition(b"\n")[2])
    (source,) = sources(kind, tmp_path)
    tracemalloc.start()
    try:
        taken, reasons = take(source.batches())
    except SourceError as error:
        taken, reasons = 0, [str(error)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons and peak < MEMORY_BYTES, f"{peak:,} bytes"
    assert taken or kind not in ("csv", "ndjson", "fhir", "open-mhealth")  # what stands before it is kept


@pytest.mark.parametrize("kind", FILES)
def test_nothing_is_read_through_a_link_out_of_the_folder(kind, tmp_path):
    outside = tmp_path / "outside"
    read(kind, seeds(kind)[0], outside)
    inside = tmp_path / "inside"
    link = inside / FILES[kind]
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / FILES[kind])
    for source in sources(kind, inside):
        with pytest.raises(SourceError, match="link"):
            take(source.batches())


def test_formulas_reach_no_table(tmp_path):
    row = "{},wearable,steps,2024-03-01T06:00:00Z,2024-03-01T07:00:00Z,100,1,good\n"
    header = SEEDS["csv"][0].partition(b"\n")[0].decode() + "\n"
    for who in ("=1+1", "+1", "-1", "@SUM(A1)"):
        path = tmp_path / "table.csv"
        path.write_text(header + row.format(who))
        with pytest.raises(ObservationError, match="begin as a formula"):
            read_observations(path)
        assert read("csv", path.read_bytes(), tmp_path) == (1, [])  # into a log by the keyed hash alone


@settings(max_examples=EXAMPLES, deadline=None)
@given(damage=damages)
def test_any_mapping_file_is_read_or_refused(tmp_path_factory, damage):
    data = SEEDS["mapping"][0]
    for at, length, scrap in damage:
        start = int(at * len(data))
        data = data[:start] + scrap + data[start + length :]
    path = tmp_path_factory.mktemp("mapping") / "mapping.yaml"
    path.write_bytes(data)
    try:
        load_mapping(path)
    except MappingError as error:
        assert str(error)


def test_what_was_met_of_hostile_columns_is_bounded(tmp_path):
    wide = ",".join(f"c{i}{'x' * 300}" for i in range(2000))
    header = SEEDS["csv"][0].partition(b"\n")[0].decode() + "," + wide
    path = tmp_path / "table.csv"
    path.write_text(header + "\n")
    with EventLog(tmp_path / "log") as log:
        for source in sources("csv", tmp_path):
            log.ingest(source)
        (text,) = log.ingests()["description"]
    assert len(text) < 100_000
    assert drift(json.loads(text), json.loads(text)) == []
