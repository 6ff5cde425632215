"""The event log: the same contents whatever way the material comes, nothing lost, and the past as it was known."""

import datetime as dt
import sqlite3

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.event_log import EventLog, LogError, StreamCounts
from calibration.observations import validate, write_observations
from calibration.pseudonyms import Pseudonyms
from calibration.sources.base import Batch, Refused, SourceError, empty_table, observation_table
from calibration.sources.csv import CsvSource
from tests.calibration.streams import deliveries

IDENTITY = ["who", "measure", "measured_at"]
TABLE = deliveries(7)


def in_order(table):
    return table.sort_values([*IDENTITY, "received_at"], ignore_index=True)


def ingest(log, table, folder, name="material.csv"):
    write_observations(table, folder / name)
    return log.ingest(CsvSource(folder / name))


def batch(table, part=None):
    columns = {name: table[name].to_numpy() for name in table} | {"offset": np.arange(len(table))}
    columns |= {name: pd.DatetimeIndex(table[name]) for name in ("measured_at", "received_at")}
    return Batch(observation_table(columns if part is None else columns | {"part": part}))


@pytest.fixture
def log(tmp_path):
    with EventLog(tmp_path / "clinic.log") as log:
        yield log


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The digest of a log that took the whole table at once."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with EventLog(folder / "log") as log:
        ingest(log, TABLE, folder)
        return log.digest


def test_a_log_knows_what_validate_makes_of_the_table(log, tmp_path):
    receipt = ingest(log, TABLE, tmp_path)
    expected, summary = validate(TABLE)
    known = log.observations()
    pd.testing.assert_frame_equal(in_order(known), in_order(expected))
    pd.testing.assert_frame_equal(validate(known)[0], known)
    for stream, counts in summary.streams.items():
        met = receipt.streams[stream]
        assert (met.read, met.new, met.duplicate, met.corrected) == (
            counts.read, counts.kept, counts.duplicates, counts.corrected)  # fmt: skip


@pytest.mark.parametrize("day", ["2024-01-01", "2024-01-09T12:00", "2024-02-02", "2024-03-01"])
def test_the_past_is_as_it_was_known(log, tmp_path, day):
    """Of the corrected observations it shows the value of then, not the later one."""
    ingest(log, TABLE, tmp_path)
    instant = pd.Timestamp(day, tz="UTC")
    received = TABLE[TABLE["received_at"] <= instant]
    known = log.as_of(instant.to_pydatetime()).observations()
    if received.empty:
        assert known.empty and list(known.columns) == list(TABLE.columns)
    else:
        pd.testing.assert_frame_equal(in_order(known), in_order(validate(received)[0]))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_order_splitting_and_repetition_do_not_matter(tmp_path_factory, undisturbed, data):
    folder = tmp_path_factory.mktemp("log")
    rows = data.draw(st.permutations(range(0, len(TABLE), 10)))
    cuts = sorted(data.draw(st.sets(st.sampled_from(rows), max_size=4)))
    pieces = np.split(np.random.default_rng(len(cuts)).permutation(len(TABLE)), cuts)
    pieces += [pieces[k] for k in data.draw(st.lists(st.integers(0, len(pieces) - 1), max_size=3))]
    with EventLog(folder / "log") as log:
        for number, piece in enumerate(p for p in pieces if len(p)):
            receipt = ingest(log, TABLE.iloc[piece], folder, f"{number % 2}.csv")
            total = receipt.total
            assert total.read == total.new + total.duplicate + total.corrected == len(piece)
        assert log.digest == undisturbed
        ingest(log, TABLE, folder)
        assert log.digest == undisturbed


def test_a_correction_supersedes_and_both_stay_traceable(log, tmp_path):
    first = TABLE.iloc[:1]
    hour = pd.Timedelta(hours=1)
    ingest(log, first, tmp_path, "first.csv")
    corrected = first.assign(value=first["value"] + 5, received_at=first["received_at"] + 2 * hour)
    assert ingest(log, corrected, tmp_path, "second.csv").total.corrected == 1
    # what comes later and was received between the two changes the past, not the present
    between = first.assign(value=first["value"] + 1, received_at=first["received_at"] + hour)
    assert ingest(log, between, tmp_path, "third.csv").total.corrected == 1
    history = log.history(first["who"].item(), first["measure"].item())
    assert history["source"].tolist() == ["first.csv", "third.csv", "second.csv"]
    assert history["superseded"].tolist() == [True, True, False]
    assert (history["offset"] == 2).all()  # the line under the header
    assert log.observations()["value"].tolist() == corrected["value"].tolist()
    then = (first["received_at"].iloc[0] + hour).to_pydatetime()
    assert log.as_of(then).observations()["value"].tolist() == between["value"].tolist()


def test_a_value_that_returns_is_the_current_one_again(log, tmp_path):
    one = TABLE.iloc[:1]
    hours = pd.Timedelta(hours=1)
    versions = [one, one.assign(value=one["value"] + 1, received_at=one["received_at"] + hours),
                one.assign(received_at=one["received_at"] + 2 * hours)]  # fmt: skip
    for order in ([2, 0, 1], [1, 2, 0]):
        with EventLog(tmp_path / f"{order}") as log:
            for k in order:
                ingest(log, versions[k], tmp_path)
            assert log.observations()["value"].item() == one["value"].item()


def test_arrivals_replay_what_was_news_when(log, tmp_path):
    ingest(log, TABLE, tmp_path)
    news = pd.concat(log.arrivals())
    assert news["received_at"].is_monotonic_increasing
    _, summary = validate(TABLE)
    assert len(news) == summary.total.kept + summary.total.corrected
    pd.testing.assert_frame_equal(in_order(validate(news)[0]), in_order(log.observations()))
    half = news["received_at"].iloc[len(news) // 2].to_pydatetime()
    later = pd.concat(log.arrivals(after=half))
    pd.testing.assert_frame_equal(later, news[news["received_at"] > half].reset_index(drop=True))


def test_parts_add_up_however_they_come(tmp_path):
    """Encounters of a day, as visits: in any order, twice, one cancelled later, then the day's own total."""
    visit = TABLE[TABLE["measure"] == "kept_count"].iloc[[0, 0, 0, 0]].assign(value=[1.0, 1.0, 1.0, 0.0])
    hour = pd.Timedelta(hours=1)
    visit["received_at"] += pd.to_timedelta([0, 1, 2, 3], unit="h")
    part = np.array(["encounter-a", "encounter-b", "encounter-c", "encounter-a"], dtype=object)
    digests = set()
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(4)
        with EventLog(tmp_path / f"{seed}") as log:
            for row in [*order, order[0]]:
                log.append(batch(visit.iloc[[row]], part[[row]]), "encounters", "fhir")
            digests.add(log.digest)
            known = log.observations()
            assert known["value"].tolist() == [2.0]
            assert known["received_at"].item() == visit["received_at"].iloc[3]
            third = log.as_of((visit["received_at"].iloc[2]).to_pydatetime())
            assert third.observations()["value"].tolist() == [3.0]
            assert pd.concat(log.arrivals())["value"].tolist() == [1, 2, 3, 2]
            total = visit.iloc[[0]].assign(value=7.0, received_at=visit["received_at"].iloc[3] + hour)
            log.append(batch(total), "appointment book")
            assert log.observations()["value"].tolist() == [7.0]
    assert len(digests) == 1


def test_a_live_reader_gets_current_values_of_what_changed(log, tmp_path):
    ingest(log, TABLE.iloc[:100], tmp_path)
    known, newest = log.changed_since(0)
    pd.testing.assert_frame_equal(known, log.observations())
    assert log.changed_since(newest)[0].empty
    more = TABLE.iloc[100:200]
    ingest(log, more, tmp_path)
    changed, _ = log.changed_since(newest)
    expected = log.observations().merge(more[IDENTITY].drop_duplicates(), on=IDENTITY)
    pd.testing.assert_frame_equal(in_order(changed), in_order(expected[changed.columns]))


def test_what_is_no_observation_waits_among_the_dead_letters(log):
    row = TABLE.iloc[[0]]
    naive_future = row.assign(received_at=pd.Timestamp("2124-01-01", tz="UTC"))
    wrong = {
        "who: met a text that is no pseudonym": row.assign(who="Dr. Jane Roe"),
        "value: met 1e+09": row.assign(value=1e9),
        "unit: met 'h'": row.assign(unit="h"),
        "no measure": row.assign(measure="sleep"),
        "in the future": naive_future,
        "one of the two clocks": row.assign(received_at=row["measured_at"] - pd.Timedelta(hours=1)),
    }
    for reason, table in wrong.items():
        counts = sum(log.append(batch(pd.concat([row, table])), reason).values(), StreamCounts())
        assert (counts.read, counts.refused) == (2, 1)
        (letter,) = [letter for letter in log.dead_letters() if letter.source == reason]
        assert reason in letter.reason and letter.offset == 1
        assert "Roe" not in str(letter)
    assert len(log.observations()) == 1
    assert b"Roe" not in log.path.read_bytes()


def test_a_refused_observation_comes_in_once_it_is_mended(log):
    row = TABLE.iloc[[0, 1]]
    log.append(batch(row.assign(unit=["hours", row["unit"].iloc[1]])), "feed")
    (letter,) = log.dead_letters()

    def again(letters):
        fields = pd.DataFrame([dict(waiting.fields) for waiting in letters]).drop(columns="part", errors="ignore")
        fields = fields.assign(unit=row["unit"].iloc[0], value=fields["value"].astype(float))
        times = {name: pd.to_datetime(fields[name], utc=True) for name in ("measured_at", "received_at")}
        return Batch(observation_table({**fields, **times, "offset": [waiting.number for waiting in letters]}))

    assert log.retry([letter], lambda letters: Batch(empty_table(), [Refused(letters[0].number, "still wrong")]))
    (letter,) = log.dead_letters()
    assert letter.reason == "still wrong"
    counts = sum(log.retry([letter], again).values(), StreamCounts())
    assert (counts.new, counts.refused) == (1, 0)
    assert not list(log.dead_letters())
    (settled,) = log.dead_letters(settled=True)
    assert settled.settled
    pd.testing.assert_frame_equal(in_order(log.observations()), in_order(validate(row)[0]))


def test_facts_cannot_be_changed_or_removed(log, tmp_path):
    ingest(log, TABLE.iloc[:3], tmp_path)
    other = sqlite3.connect(log.path)
    for statement in ("UPDATE fact SET value = 0", "DELETE FROM fact"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(statement)
    other.close()


def test_a_source_that_breaks_keeps_what_it_delivered(log):
    class Breaking:
        name, kind, length, description = "ward", "broken", None, {}

        def batches(self, checkpoint=None):
            yield batch(TABLE.iloc[:50])
            raise SourceError("ward: the line went dead")

    receipt = log.ingest(Breaking())
    assert receipt.stopped == "ward: the line went dead"
    assert (receipt.total.read, receipt.total.refused) == (51, 1)
    assert [letter.reason for letter in log.dead_letters()] == [receipt.stopped]


def test_a_source_is_asked_on_only_when_its_batch_is_on_disk(log):
    """So it may acknowledge after the yield."""
    seen = []

    class Broker:
        name, kind, length, description = "topic", "live", None, {}

        def batches(self, checkpoint=None):
            for start in (0, 40):
                yield batch(TABLE.iloc[start : start + 40])
                with EventLog(log.path) as other:
                    seen.append(other.sequence)

    log.ingest(Broker())
    assert seen[0] > 0 and seen[1] == log.sequence > seen[0]


def test_a_log_keeps_to_one_pseudonym_key(log):
    log.use_key(Pseudonyms(bytes(32)))
    log.use_key(Pseudonyms(bytes(32)))
    with pytest.raises(LogError, match="other than the one"):
        log.use_key(Pseudonyms(bytes(31) + b"1"))


def test_what_is_no_log_is_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("these are notes, not a database\n" * 100)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = {path: path.read_bytes() for path in (text, other)}
    for path in (text, other, tmp_path):
        with pytest.raises((LogError, OSError), match=r"notes|other|expected an event log"):
            EventLog(path)
    assert before == {path: path.read_bytes() for path in (text, other)}
    log = EventLog(tmp_path / "mine.log")
    assert (tmp_path / "mine.log").stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match="without a timezone"):
        log.as_of(dt.datetime(2024, 1, 1))
    log.close()
