"""CSV, NDJSON and Parquet extracts: the same observations from each, and a broken record costs only itself."""

import datetime as dt
import json
import os
import tracemalloc

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calibration.event_log import EventLog, StreamCounts
from calibration.event_log.gate import admit
from calibration.observations import write_observations
from calibration.pseudonyms import Pseudonyms
from calibration.sources import Mapping, Options, SourceError, files, open_source
from calibration.sources.base import MAX_LINE_BYTES
from tests.calibration.streams import deliveries

KEY = Pseudonyms(bytes(range(32)))
RECEIVED = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
WIDE = Mapping.model_validate(
    {"layout": "wide", "timezone": "America/New_York", "who": "npi", "time": {"column": "day", "at": "23:30"},
     "measures": {"sleep_minutes": {"column": "sleep", "unit": "h"}, "steps": "steps"}}
)  # fmt: skip
LONG = Mapping.model_validate(
    {"layout": "long", "timezone": "America/New_York", "who": "npi", "time": {"column": "day", "at": "23:30"},
     "measure": {"column": "code", "names": {"93832-4": "sleep_minutes"}}, "value": "amount",
     "unit": {"column": "uom", "names": {"Std.": "h"}}}
)  # fmt: skip
HEADER = "npi,day,sleep,steps,comment"
LINES = [f"{1000 + i},2024-03-{i + 1:02d},{6 + i / 4},{i * 100},fine" for i in range(12)]


def options(mapping=WIDE, **more):
    return Options(mapping=mapping, pseudonyms=KEY, received_at=RECEIVED, **more)


def take(path, folder, **choices):
    """(observations, counts, dead letters, digest) of one file in a log of its own."""
    number = len(list(folder.glob("*.log")))
    with EventLog(folder / f"{number}.log") as log:
        receipt = log.ingest(open_source(str(path), options(**choices)))
        return log.observations(), receipt.total, list(log.dead_letters()), log.digest


def csv_file(folder, lines, name="extract.csv", end="\n"):
    path = folder / name
    data = [line if isinstance(line, bytes) else line.encode() for line in [HEADER, *lines]]
    path.write_bytes(end.encode().join([*data, b""]))
    return path


def test_a_wide_extract_becomes_observations(tmp_path):
    table, total, letters, _ = take(csv_file(tmp_path, LINES), tmp_path)
    assert total == StreamCounts(read=24, new=24, late=24) and not letters
    first = table[table["who"] == KEY.person("1000")].set_index("measure")
    assert first["value"].to_dict() == {"sleep_minutes": 360.0, "steps": 0.0}
    assert first["unit"].to_dict() == {"sleep_minutes": "min", "steps": "1"}
    # half past eleven in New York is half past four the next day in UTC, and an hour less in summer time
    assert set(first["measured_at"]) == {pd.Timestamp("2024-03-02T04:30Z")}
    last = table[table["who"] == KEY.person("1011")]
    assert set(last["measured_at"]) == {pd.Timestamp("2024-03-13T03:30Z")}
    assert set(table["received_at"]) == {pd.Timestamp(RECEIVED)}


def test_every_format_gives_the_same_log(tmp_path):
    rows = [{"npi": 1000 + i, "day": f"2024-03-{i + 1:02d}", "code": "93832-4", "amount": 6 + i / 4, "uom": "Std."}
            for i in range(12)]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "quoted.csv", index=False, quoting=1, lineterminator="\r\n", encoding="utf-8-sig")
    (tmp_path / "b.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = ["a.csv", "quoted.csv", "b.ndjson"]
    try:
        frame.assign(day=pd.to_datetime(frame["day"]).dt.date).to_parquet(tmp_path / "c.parquet")
        names.append("c.parquet")
    except ImportError:
        pass  # pyarrow is optional
    results = [take(tmp_path / name, tmp_path, mapping=LONG) for name in names]
    assert [total.new for _, total, _, _ in results] == [12] * len(names)
    assert len({digest for *_, digest in results}) == 1


def test_parquet_says_what_it_needs(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but no more")
    _, total, (letter,), _ = take(tmp_path / "broken.parquet", tmp_path)
    assert total.refused == 1 and ("broken.parquet" in letter.reason or "pip install" in letter.reason)


def test_nested_keys_are_paths(tmp_path):
    path = tmp_path / "points.ndjson"
    point = {"header": {"user": "ann"}, "body": {"steps": {"value": 4000}, "at": "2024-03-05T12:00:00-05:00"}}
    path.write_text(json.dumps(point) + "\n")
    mapping = Mapping.model_validate({"layout": "wide", "who": "header.user", "time": "body.at",
                                      "measures": {"steps": "body.steps.value"}})  # fmt: skip
    table, _, _, _ = take(path, tmp_path, mapping=mapping)
    assert table["value"].tolist() == [4000.0] and table["who"].tolist() == [KEY.person("ann")]


def test_null_is_not_observed_and_nan_is_wrong(tmp_path):
    path = tmp_path / "extract.ndjson"
    record = '{"npi": 1, "day": "2024-03-01", "sleep": %s, "steps": %s}\n'
    path.write_text(record % ("null", 5) + record.replace('"npi": 1', '"npi": 2') % ("NaN", "true"))
    table, total, letters, _ = take(path, tmp_path)
    assert (total.new, total.refused, table["value"].tolist()) == (1, 2, [5.0])
    assert [letter.offset for letter in letters] == [2, 2]


BROKEN = {
    "2001,2024-03-05,7": "met 3 fields, expected the header's 5",
    '2001,2024-03-05,7,100,"cut of': "quote that is not closed",
    '2001,2024-03-05,"7"x,100,': "not readable as CSV",
    "2001,2024-03-05,NaN,100,": "met a text of 3 characters, expected a finite number",
    "2001,2024-03-05,inf,100,": "expected a finite number",
    "2001,2024-03-05,1e999,100,": "expected a finite number",
    f"2001,2024-03-05,{'9' * 400},100,": "expected a finite number",
    "2001,2024-03-05,90000,100,": "expected 0 to 1440",
    "2001,2024-03-05,'=cmd|'/C calc'!A0,100,": "expected a finite number",
    "2001,2024-03-05,7_5,100,": "expected a finite number",
    "2001,05.03.2024,7,100,": "met '05.03.2024', expected an instant such as",
    "2001,2024-02-30,7,100,": "met '2024-02-30', expected an instant such as",
    "2001,2024-03-05T12:00,x,100,": "expected a finite number",
    ",2024-03-05,7,100,": "who: met nothing",
    "2001,9999-12-31,7,100,": "met '9999-12-31', expected an instant",
    "2001,2150-12-31,7,100,": "before it was measured",
    b"2001,2024-03-05,7\xff,100,": "met a byte that is not utf-8 (0xff at byte 18 of the line)",
    "2001,2024-03-05,7,100," + "x" * MAX_LINE_BYTES: f"expected {MAX_LINE_BYTES:,} or fewer",
}  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_record_costs_only_itself(tmp_path, line, reason):
    table, total, letters, _ = take(csv_file(tmp_path, [*LINES[:6], line, *LINES[6:]]), tmp_path)
    intact = take(csv_file(tmp_path, LINES), tmp_path)[0]
    assert all(letter.offset == 8 for letter in letters) and reason in letters[0].reason
    assert total.refused == len(letters) >= 1
    others = table[table["who"] != KEY.person("2001")]
    pd.testing.assert_frame_equal(others.reset_index(drop=True), intact)
    assert "calc" not in str(letters)


def test_a_cut_last_line_is_refused(tmp_path):
    path = csv_file(tmp_path, LINES)
    path.write_bytes(path.read_bytes()[:-9])  # "1100,fine" -> "11", which would be a number as well
    path.write_bytes(path.read_bytes() + b"0,")
    _, total, (letter,), _ = take(path, tmp_path)
    assert "cut off" in letter.reason and letter.offset == 13 and total.new == 22


def test_line_ends_in_quotes_belong_to_the_record(tmp_path):
    lines = [*LINES[:5], '2001,2024-03-05,7,100,"line one\nline ""two"", with a comma\n"', *LINES[5:]]
    table, total, letters, _ = take(csv_file(tmp_path, lines), tmp_path)
    assert not letters and total.new == 26
    assert len(table[table["who"] == KEY.person("2001")]) == 2


@pytest.mark.parametrize("block", [40, 64, 1000])
def test_the_size_of_what_is_read_at_once_does_not_matter(tmp_path, monkeypatch, block):
    lines = [*LINES[:5], '2001,2024-03-05,7,100,"line one\nline two"', "short,line", 'x,"open', *LINES[5:]]
    path = csv_file(tmp_path, lines)
    expected = take(path, tmp_path)
    monkeypatch.setattr(files, "BLOCK_BYTES", block)
    met = take(path, tmp_path)
    assert met[1] == expected[1] and met[3] == expected[3]
    assert [(m.offset, m.reason) for m in met[2]] == [(e.offset, e.reason) for e in expected[2]]


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_reading_goes_on_from_every_checkpoint(tmp_path, monkeypatch, ending):
    path = tmp_path / f"table.{ending}"
    write_observations(deliveries(3).iloc[:60], path)
    monkeypatch.setattr(files, "BLOCK_BYTES", 700)

    def rows(checkpoint=None):
        return [(batch.checkpoint, batch.observations) for batch in open_source(str(path)).batches(checkpoint)]

    whole = rows()
    assert len(whole) > 5
    for k, (checkpoint, _) in enumerate(whole):
        rest = pd.concat([table for _, table in rows(checkpoint)] or [whole[0][1].iloc[:0]])
        expected = pd.concat([table for _, table in whole[k + 1 :]] or [whole[0][1].iloc[:0]])
        assert rest["offset"].tolist() == expected["offset"].tolist()
        assert rest["value"].tolist() == expected["value"].tolist()
    # of another beginning, nothing of the old reading holds
    path.write_bytes(path.read_bytes().replace(b"physician-000", b"physician-009"))
    assert len(pd.concat([table for _, table in rows(whole[3][0])])) == 60


EXAMPLES = 2000 if os.environ.get("CLINICTWIN_FULL") else 60
words = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=40).map(lambda text: text.encode())
nasty = st.sampled_from(
    [b'"', b'""', b',"', b'"\r', b"\r", b"\x00", b"\xef\xbb\xbf", b"=1+1", b"1e400", b"-0", b"\xc3"]
)
garbage = st.lists(st.one_of(words, nasty, st.binary(max_size=20)), max_size=8).map(
    lambda parts: b"".join(parts).replace(b"\n", b"")
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """Reads bytes as a file into one log; returns whom the file told of. Every record is counted once."""
    folder = tmp_path_factory.mktemp("fuzz")
    with EventLog(folder / "log") as log:

        def read(data, name, mapping=WIDE):
            path = folder / name
            path.write_bytes(data)
            total = log.ingest(open_source(str(path), options(mapping))).total
            assert total.read == total.new + total.duplicate + total.corrected + total.refused
            try:
                batches = [admit(batch, RECEIVED) for batch in open_source(str(path), options(mapping)).batches()]
            except SourceError:
                assert total.read == total.refused == 1
                return set()
            assert total.refused == sum(len(refused) for _, refused in batches)
            assert total.read == total.refused + sum(len(rows) for rows, _ in batches)
            return {who for rows, _ in batches for who in rows.who}

        yield read


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.integers(0, 12), garbage, min_size=1, max_size=4), st.sampled_from([300, 2 << 20]))
@example({3: b'1,"', 5: b'",2'}, 300)
def test_whatever_stands_between_intact_lines_they_are_read(fuzzed, broken, block):
    lines = [HEADER] + [line for i in range(13) for line in ([broken[i]] if i in broken else []) + LINES[i : i + 1]]
    data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", block)
        assert {KEY.person(str(1000 + i)) for i in range(12)} <= fuzzed(data, "lines.csv")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["csv", "ndjson"]), st.sampled_from([None, WIDE, LONG]))
@example(b"\xff\xfen\x00p\x00i\x00", "csv", WIDE)
@example(b'{"npi": "\\ud800", "day": "2024-03-01", "steps": 1, "sleep": 7}', "ndjson", WIDE)
@example(b'{"npi": 1, "day": "2024-03-01", "steps": true, "sleep": 1}', "ndjson", WIDE)
def test_any_bytes_are_read_or_refused(fuzzed, data, ending, mapping):
    fuzzed(data, f"bytes.{ending}", mapping)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.fixed_dictionaries({name: json_values for name in ("npi", "day", "steps", "sleep")}), max_size=5))
def test_any_json_is_read_or_refused(fuzzed, records):
    good = {"npi": "1000", "day": "2024-03-01", "steps": 5, "sleep": 7.5}
    data = "".join(json.dumps(record) + "\n" for record in [*records, good])
    assert KEY.person("1000") in fuzzed(data.encode(), "records.ndjson")


def test_json_bombs_are_refused_by_line(tmp_path):
    good = '{"npi": 1000, "day": "2024-03-01", "steps": 5, "sleep": 7.5}'
    path = tmp_path / "bombs.ndjson"
    bombs = ["[" * 500_000, '{"a":' * 150_000, '{"npi": ' + "9" * 100_000 + "}", "[1, 2]", '{"npi": 1000, "day": "20']
    path.write_text("\n".join([good, *bombs, good]) + "\n")
    _, total, letters, _ = take(path, tmp_path)
    assert [letter.offset for letter in letters] == [2, 3, 4, 5, 6]
    assert (total.new, total.duplicate) == (2, 2)


def test_memory_does_not_grow_with_a_line(tmp_path):
    path = tmp_path / "endless.csv"
    with path.open("wb") as file:
        file.write((HEADER + "\n" + LINES[0] + "\n").encode())
        for _ in range(64):
            file.write(b"x" * MAX_LINE_BYTES)
        file.write(("\n" + LINES[1] + "\n").encode())
    with EventLog(tmp_path / "log") as log:
        source = open_source(str(path), options())
        tracemalloc.start()
        receipt = log.ingest(source)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        (letter,) = log.dead_letters()
    assert peak < 16 << 20 and receipt.total.new == 4
    assert f"met a line of {64 * MAX_LINE_BYTES:,} bytes" in letter.reason and letter.offset == 3


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    """Eight times the rows, less than a tenth more memory at the peak."""
    monkeypatch.setattr(files, "BLOCK_BYTES", 100_000)
    peaks = []
    for rows in (10_000, 80_000):
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as file:
            file.write(HEADER + "\n")
            file.writelines(f"{i % 500},2024-03-{i % 28 + 1:02d},{i % 10},{i},\n" for i in range(rows))
        with EventLog(tmp_path / f"{rows}.log") as log:
            tracemalloc.start()
            log.ingest(open_source(str(path), options()))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0], peaks
