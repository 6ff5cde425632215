"""Writing a batch: what each row is to the log, and the transaction that stores it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from calibration.event_log.counts import LATE_HOURS, Status, StreamCounts
from calibration.event_log.gate import Rows, fields_text
from calibration.measures import MEASURES
from calibration.sources.base import Refused

_INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (
    n INTEGER PRIMARY KEY, measured_at INTEGER, measure INTEGER, who INTEGER, part TEXT, received_at INTEGER,
    quality INTEGER, value REAL
)"""
# The facts of the same identity next to a row in order of receipt: an identity may have any number of them.
_NEIGHBOUR = """
SELECT f.sequence, i.n, f.received_at, f.quality, f.value FROM temp.incoming i JOIN fact f ON f.sequence = (
    SELECT sequence FROM fact g
    WHERE g.measured_at = i.measured_at AND g.measure = i.measure AND g.who = i.who AND g.part = i.part
    AND (g.received_at, g.quality, g.value) {than} (i.received_at, i.quality, i.value)
    ORDER BY g.received_at {order}, g.quality {order}, g.value {order} LIMIT 1)"""
_KNOWN = (_NEIGHBOUR.format(than="<=", order="DESC"), _NEIGHBOUR.format(than=">", order="ASC"))
_STORE = """
INSERT OR IGNORE INTO fact (measured_at, measure, who, part, received_at, quality, value, position, ingest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_REFUSE = """
INSERT INTO dead_letter (source, kind, position, field, stream, reason, fields, ingest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET reason = excluded.reason, ingest = excluded.ingest WHERE settled IS NULL"""
_COUNT = """
INSERT INTO ingest_count VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET read = read + excluded.read, new = new + excluded.new,
duplicate = duplicate + excluded.duplicate, late = late + excluded.late,
corrected = corrected + excluded.corrected, refused = refused + excluded.refused"""


def store_rows(connection: sqlite3.Connection, rows: Rows, ingest: int) -> np.ndarray:
    """Store rows within the open transaction; returns the Status of each."""
    if len(rows) == 0:
        return np.zeros(0, int)
    who = _codes(connection, rows.who, "person", "who")
    measure = _codes(connection, rows.measure, "measure", "name")
    part = pd.factorize(rows.part)[0]
    columns = [rows.measured_at, measure, who, rows.part, rows.received_at, rows.quality, rows.value, rows.offset]
    incoming = [column.tolist() for column in columns]
    known = _known(connection, incoming, _met_before(connection, rows.measured_at))
    connection.executemany(_STORE, zip(*incoming, itertools.repeat(ingest), strict=False))
    return _status(_groups([rows.measured_at, measure, who, part]), rows, known)


def _met_before(connection: sqlite3.Connection, measured_at: np.ndarray) -> np.ndarray:
    """Positions of the rows of whose instant the log has a fact: of the others it can know nothing."""
    code, distinct = pd.factorize(measured_at)
    if len(distinct) > len(code) / 4:  # not worth asking
        return np.arange(len(code))
    query = "SELECT EXISTS (SELECT 1 FROM fact WHERE measured_at = ?)"
    met = np.array([connection.execute(query, (instant,)).fetchone()[0] for instant in distinct.tolist()], bool)
    return np.flatnonzero(met[code])


def _known(connection: sqlite3.Connection, incoming: list[list[Any]], rows: np.ndarray) -> np.ndarray:
    """Facts in the log next to the given rows: sequence, a row's position, received_at, quality, value."""
    connection.execute(_INCOMING)
    connection.execute("DELETE FROM temp.incoming")
    positions = rows.tolist()
    columns = incoming if len(positions) == len(incoming[0]) else [[c[i] for i in positions] for c in incoming]
    connection.executemany(
        "INSERT INTO temp.incoming VALUES (?, ?, ?, ?, ?, ?, ?, ?)", zip(positions, *columns[:-1], strict=True)
    )
    neighbours = [fact for query in _KNOWN for fact in connection.execute(query)]
    return np.array(neighbours, dtype=float).reshape(-1, 5)


def store_refusals(connection: sqlite3.Connection, refused: Iterable[Refused], source: str, kind: str,
                   ingest: int) -> None:  # fmt: skip
    """Store refusals within the open transaction; one that is there already only gets its newest reason."""
    connection.executemany(
        _REFUSE,
        ((source, kind, r.offset, r.field, r.stream, r.reason, fields_text(r), ingest) for r in refused),
    )


def store_counts(connection: sqlite3.Connection, streams: dict[str, StreamCounts], ingest: int) -> None:
    """Add to an ingest's account within the open transaction."""
    connection.executemany(
        _COUNT,
        ((ingest, name, c.read, c.new, c.duplicate, c.late, c.corrected, c.refused) for name, c in streams.items()),
    )


def is_late(rows: Rows) -> np.ndarray:
    """True [n] where a row was received LATE_HOURS or more after it was measured."""
    return rows.received_at - rows.measured_at >= LATE_HOURS * 3_600_000_000


def _codes(connection: sqlite3.Connection, names: np.ndarray, table: str, column: str) -> np.ndarray:
    """The names' numbers in the log, new names included. Numbers depend on the order of arrival; nothing else does."""
    position, unique = pd.factorize(names)
    for name in unique:
        if table == "measure":
            row = (name, MEASURES[name].stream, MEASURES[name].unit)
            connection.execute("INSERT OR IGNORE INTO measure (name, stream, unit) VALUES (?, ?, ?)", row)
        else:
            connection.execute("INSERT OR IGNORE INTO person (who) VALUES (?)", (name,))
    query = f"SELECT id FROM {table} WHERE {column} = ?"
    return np.array([connection.execute(query, (name,)).fetchone()[0] for name in unique], int)[position]


def _groups(columns: list[np.ndarray]) -> np.ndarray:
    """The same number [n] for rows that are equal in all columns."""
    group = np.zeros(len(columns[0]), int)
    for column in columns:
        code, _ = pd.factorize(column)
        group = pd.factorize(group * (int(code.max()) + 1) + code)[0]
    return group


def _status(group: np.ndarray, rows: Rows, known: np.ndarray) -> np.ndarray:
    """What each row is, beside the facts that the log has of the same identity and the rows before it.

    ``known`` lists facts, at least the neighbours of each row: sequence, number of a row of the same identity,
    received_at, quality, value. In order of receipt, a row that repeats the content before it is a duplicate; so is
    one that says earlier what a fact in the log says after it.
    """
    _, first = np.unique(known[:, 0], return_index=True)  # a fact once, though many rows may share its identity
    known = known[first]
    n = len(rows)
    of = np.concatenate([group[known[:, 1].astype(int)], group])
    received = np.concatenate([known[:, 2].astype(np.int64), rows.received_at])
    quality = np.concatenate([known[:, 3].astype(int), rows.quality])
    value = np.concatenate([known[:, 4], rows.value])
    is_known = np.arange(len(of)) < len(known)
    order = np.lexsort((~is_known, value, quality, received, of))
    same_group = of[order][1:] == of[order][:-1]
    same_content = same_group & (value[order][1:] == value[order][:-1]) & (quality[order][1:] == quality[order][:-1])
    repeats = np.append(False, same_content)
    foretells = np.append(same_content & is_known[order][1:], False)
    was_known = np.isin(of, of[is_known])[order]
    is_first = np.append(True, ~same_group)
    status = np.where(
        repeats | foretells, Status.DUPLICATE, np.where(was_known | ~is_first, Status.CORRECTED, Status.NEW)
    )
    result = np.empty(len(of), int)
    result[order] = status
    return result[-n:]
