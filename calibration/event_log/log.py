"""`EventLog`: opening a log, ingesting sources into it, and looking at what it knows."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from calibration.event_log import append, read
from calibration.event_log.counts import Receipt, StreamCounts, count
from calibration.event_log.dead_letters import DeadLetter, count_waiting, read_dead_letters, renew, settle
from calibration.event_log.gate import admit
from calibration.event_log.inventory import (
    read_first_receipts,
    read_ingests,
    read_levels,
    read_reasons,
    read_stream_counts,
)
from calibration.event_log.schema import LogError, connect
from calibration.observation_checks import QUALITIES
from calibration.pseudonyms import Pseudonyms
from calibration.sources.base import Batch, Refused, Source, SourceError, StopReading, empty_table

CLOCK_SKEW = dt.timedelta(minutes=5)  # by which another computer's clock may be ahead (assumed)
_BEGIN_OF_TIME = -(2**62)


class View:
    """What a log knows, all of it or as of a moment. Several may be read while another process writes."""

    def __init__(self, connection: sqlite3.Connection, as_of: int = read.FOREVER) -> None:
        self._connection = connection
        self._as_of = as_of

    def observations(self) -> pd.DataFrame:
        """The observation table, one row an observation, in order of receipt: what `calibration.fit` takes.

        `received_at` is when the value was first known to be so. Empty if nothing had been received.
        """
        with _snapshot(self._connection):
            names = read.read_names(self._connection)
            known = read.concatenate(map(read.current, read.deliveries(self._connection, self._as_of)))
        return read.to_table(known.take(np.argsort(known.received_at, kind="stable")), names)

    def arrivals(self, after: dt.datetime | None = None) -> Iterator[pd.DataFrame]:
        """What was news when it was received, in order of receipt, as observation tables of bounded length.

        An observation appears again when its value or quality is corrected, and when a part is added to it.
        """
        start = _BEGIN_OF_TIME if after is None else _microseconds(after)
        names = read.read_names(self._connection)
        for chunk in read.arrivals(self._connection, start, self._as_of):
            yield read.to_table(chunk, names)

    def history(self, who: str, measure: str) -> pd.DataFrame:
        """Every delivery of a person's measure by measured_at and receipt, with source, offset and `superseded`."""
        query = """SELECT f.measured_at, f.part, f.received_at, f.value, f.quality, i.source, f.position AS "offset"
        FROM fact f JOIN ingest i ON i.id = f.ingest JOIN person p ON p.id = f.who JOIN measure m ON m.id = f.measure
        WHERE p.who = ? AND m.name = ? AND f.received_at <= ? ORDER BY 1, 2, 3, f.quality, f.value"""
        table = pd.read_sql_query(query, self._connection, params=(who, measure, self._as_of))
        identity = table[["measured_at", "part"]]
        table["superseded"] = identity.duplicated(keep="last")
        table["quality"] = np.array(QUALITIES, dtype=str)[table["quality"].to_numpy(int)]
        for name in ("measured_at", "received_at"):
            table[name] = pd.to_datetime(table[name], unit="us", utc=True).astype("datetime64[us, UTC]")
        return table


class EventLog(View):
    """An event log in a file, made if there is none; see `calibration.event_log`.

    Use it as a context manager, or `close` it. Raises LogError on a file that is no event log, OSError where there
    can be no file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        super().__init__(connect(self.path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything ingested is on disk already."""
        self._connection.close()

    def as_of(self, instant: dt.datetime) -> View:
        """What had been received by an instant (timezone-aware)."""
        return View(self._connection, _microseconds(instant))

    @property
    def digest(self) -> str:
        """A hash of the contents, equal for equal material whatever its order, splitting or repetition."""
        with _snapshot(self._connection):
            return read.digest(self._connection)

    @property
    def sequence(self) -> int:
        """The number of the fact appended last; 0 in an empty log."""
        return int(self._connection.execute("SELECT coalesce(max(sequence), 0) FROM fact").fetchone()[0])

    def changed_since(self, sequence: int) -> tuple[pd.DataFrame, int]:
        """Current values of the observations of which something was appended after a sequence number, and the newest
        sequence number: what a live twin asks again and again."""
        with _snapshot(self._connection):
            newest = self.sequence
            names = read.read_names(self._connection)
            known = read.concatenate(map(read.current, read.touched(self._connection, sequence, newest)))
        return read.to_table(known.take(np.argsort(known.received_at, kind="stable")), names), newest

    def people(self) -> list[str]:
        """All pseudonyms in the log, sorted."""
        return [who for (who,) in self._connection.execute("SELECT who FROM person ORDER BY who")]

    def use_key(self, pseudonyms: Pseudonyms) -> None:
        """Bind the log to a pseudonym key. Raises LogError if its people were renamed with another one."""
        self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('key fingerprint', ?)", (pseudonyms.fingerprint,))
        (known,) = self._connection.execute("SELECT value FROM meta WHERE key = 'key fingerprint'").fetchone()
        if known != pseudonyms.fingerprint:
            raise LogError(f"{self.path}: met a pseudonym key other than the one this log was begun with; the same "
                           "people would get second names. Use that key, or begin another log")  # fmt: skip

    def ingest(self, source: Source, *, progress: Callable[[int, int | None], None] | None = None,
               now: dt.datetime | None = None, forget: bool = True) -> Receipt:  # fmt: skip
        """Read a source to its end; each batch is stored in one transaction with the source's checkpoint.

        An ingest that was interrupted goes on after its last batch. One that was finished is read anew, and finds
        duplicates, unless ``forget`` is False: then a finished source's checkpoint stays, to go on from there.

        Args:
            progress: called after each batch with the source's position and length.
            now: what is dated later is refused (default: the clock at each batch, with CLOCK_SKEW allowed).

        A source that fails keeps what it delivered; the receipt and a dead letter say why it stopped.
        """
        key = (source.name, source.kind)
        checkpoint = self.checkpoint(source)
        receipt = Receipt(source.name, resumed=checkpoint is not None)
        ingest = self._begin(*key)
        try:
            for batch in source.batches(checkpoint):
                receipt.add(self._append(batch, key, ingest, now))
                if progress is not None:
                    progress(batch.position, source.length)
        except StopReading:  # its checkpoint stays
            self._describe(source, ingest)
        except (SourceError, OSError) as error:
            receipt.stopped = str(error)
            whole = Batch(empty_table(), [Refused(0, receipt.stopped)])
            receipt.add(self._append(whole, key, ingest, now))
            self._describe(source, ingest)
        else:
            self._finish(source, ingest, forget)
        return receipt

    def append(self, batch: Batch, source: str, kind: str = "observation", *,
               now: dt.datetime | None = None) -> dict[str, StreamCounts]:  # fmt: skip
        """Store one batch that no `Source` delivers; returns the counts by stream."""
        return self._append(batch, (source, kind), self._begin(source, kind), now)

    def checkpoint(self, source: Source) -> str | None:
        """Where an interrupted ingest of a source goes on, or what a finished one that is not forgotten left."""
        query = "SELECT state FROM checkpoint WHERE source = ? AND kind = ?"
        found = self._connection.execute(query, (source.name, source.kind)).fetchone()
        return found[0] if found else None

    def dead_letters(self, source: str | None = None, *, settled: bool = False) -> Iterator[DeadLetter]:
        """The refused records that wait, in order of arrival; with ``settled`` also those that came in since."""
        return read_dead_letters(self._connection, source, settled=settled)

    def waiting(self) -> list[tuple[str, str, int]]:
        """How many refused records wait: (source, stream, number), most first; the stream is empty if not known."""
        return count_waiting(self._connection)

    def retry(self, letters: Iterable[DeadLetter], again: Callable[[list[DeadLetter]], Batch], *,
              now: dt.datetime | None = None) -> dict[str, StreamCounts]:  # fmt: skip
        """Try refused records of one source again, in one transaction; returns the counts by stream.

        ``again`` makes a batch of them whose offsets, refusals included, are the dead letters' numbers. The facts
        that come in keep the record's own offset, and its dead letter is settled.
        """
        waiting = list(letters)
        if not waiting:
            return {}
        if len({(letter.source, letter.kind) for letter in waiting}) > 1:
            raise ValueError("letters: met several sources, expected those of one at a time")
        latest = now or dt.datetime.now(dt.UTC) + CLOCK_SKEW
        ingest = self._begin(waiting[0].source, waiting[0].kind)
        rows, refused = admit(again(waiting), latest)
        own_offset = {letter.number: letter.offset for letter in waiting}
        failed = {r.offset: r.reason for r in refused}
        settled = [number for number in own_offset if number not in failed]
        kept = rows.take(np.isin(rows.offset, settled))
        offsets = np.array([own_offset[number] for number in kept.offset.tolist()], dtype=np.int64)
        with _transaction(self._connection):
            status = append.store_rows(self._connection, kept.at(offsets), ingest)
            settle(self._connection, settled, ingest)
            renew(self._connection, failed)
            again_refused = [letter.stream for letter in waiting if letter.number in failed]
            counts = count(kept.stream, status, append.is_late(kept), again_refused)
            append.store_counts(self._connection, counts, ingest)
        return counts

    def dismiss(self, letters: Iterable[DeadLetter]) -> None:
        """Settle refused records without trying them again: what they should have said came in some other way."""
        with _transaction(self._connection):
            settle(self._connection, [letter.number for letter in letters], self._begin("dismissed", "hand"))

    def _begin(self, source: str, kind: str) -> int:
        now = _microseconds(dt.datetime.now(dt.UTC))
        row = (source, kind, now)
        cursor = self._connection.execute("INSERT INTO ingest (source, kind, started_at) VALUES (?, ?, ?)", row)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _append(self, batch: Batch, key: tuple[str, str], ingest: int,
                now: dt.datetime | None) -> dict[str, StreamCounts]:  # fmt: skip
        rows, refused = admit(batch, now or dt.datetime.now(dt.UTC) + CLOCK_SKEW)
        with _transaction(self._connection):
            status = append.store_rows(self._connection, rows, ingest)
            append.store_refusals(self._connection, refused, *key, ingest)
            counts = count(rows.stream, status, append.is_late(rows), [r.stream for r in refused])
            append.store_counts(self._connection, counts, ingest)
            if batch.checkpoint is not None:
                state = (*key, batch.checkpoint)
                self._connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)", state)
        return counts

    def ingests(self) -> pd.DataFrame:
        """One row an ingest, in order: what was read when, how it looked, and what became of its records.

        Columns: ingest, source, kind, description (JSON), started_at, finished_at (NaT: stopped or interrupted), and
        the fields of `StreamCounts`, over all streams.
        """
        return read_ingests(self._connection)

    def stream_counts(self) -> pd.DataFrame:
        """What became of all records ever read, one row a stream: stream and the fields of `StreamCounts`."""
        return read_stream_counts(self._connection)

    def first_receipts(self) -> pd.DataFrame:
        """When each observation was received first, one row an observation: stream, measured_at, received_at."""
        return read_first_receipts(self._connection)

    def reasons(self) -> Iterator[tuple[str, str, int]]:
        """Why the refused records that wait were refused: (source, reason, number)."""
        return read_reasons(self._connection)

    def levels(self) -> pd.DataFrame:
        """Of each ingest and measure the number of positive values that it brought, and their median."""
        return read_levels(self._connection)

    def _describe(self, source: Source, ingest: int) -> None:
        description = json.dumps(dict(source.description))
        self._connection.execute("UPDATE ingest SET description = ? WHERE id = ?", (description, ingest))

    def _finish(self, source: Source, ingest: int, forget: bool) -> None:
        done = (_microseconds(dt.datetime.now(dt.UTC)), ingest)
        with _transaction(self._connection):
            self._describe(source, ingest)
            self._connection.execute("UPDATE ingest SET finished_at = ? WHERE id = ?", done)
            if forget:
                key = (source.name, source.kind)
                self._connection.execute("DELETE FROM checkpoint WHERE source = ? AND kind = ?", key)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Several queries that see the same state of the log."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _microseconds(instant: dt.datetime) -> int:
    if instant.tzinfo is None:
        raise ValueError(f"instant: met {instant} without a timezone, expected for instance datetime.now(UTC)")
    return int((instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1))
