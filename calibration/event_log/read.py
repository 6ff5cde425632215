"""Reading the log: histories of observations, what was known at a moment, what changed in which order, the digest.

Of every observation the log holds all deliveries. In order of receipt, the ones that repeat the content (value and
quality) before them say nothing new; the others are its changes, and the last change is the current content. Of
different contents received at the same instant the worse quality wins, and then the larger value (assumed: an
incomplete total is corrected upwards). So nothing depends on the order of ingestion.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from calibration.measures import MEASURES
from calibration.observation_checks import COLUMNS, QUALITIES

CHUNK_ROWS = 100_000
FAILED = QUALITIES.index("failed")
_DELIVERIES = """
SELECT measured_at, measure, who, part, received_at, quality, value FROM fact INDEXED BY fact_delivery
WHERE received_at <= ? ORDER BY measured_at, measure, who, part, received_at, quality, value"""
_TOUCHED = """
SELECT f.measured_at, f.measure, f.who, f.part, f.received_at, f.quality, f.value FROM fact f JOIN (
    SELECT DISTINCT measured_at, measure, who FROM fact WHERE sequence > ? AND sequence <= ?
) t ON f.measured_at = t.measured_at AND f.measure = t.measure AND f.who = t.who
WHERE f.sequence <= ? ORDER BY 1, 2, 3, 4, 5, 6, 7"""
_CHANGES = """
SELECT measured_at, measure, who, part, received_at, quality, value FROM (
    SELECT *, lag(quality) OVER w AS quality_before, lag(value) OVER w AS value_before
    FROM fact WHERE received_at <= ?
    WINDOW w AS (PARTITION BY measured_at, measure, who, part ORDER BY received_at, quality, value)
) WHERE (quality_before IS NOT quality OR value_before IS NOT value) AND (received_at > ? OR part <> '')
ORDER BY received_at, measured_at, measure, who, part, quality, value"""
FOREVER = 2**62  # later than any instant


class Deliveries(NamedTuple):
    """Deliveries as columns [n], sorted by identity and then by receipt; measure and who are numbers in the log."""

    measured_at: np.ndarray
    measure: np.ndarray
    who: np.ndarray
    part: np.ndarray
    received_at: np.ndarray
    quality: np.ndarray
    value: np.ndarray

    def take(self, rows: np.ndarray) -> Deliveries:
        """Some of them, by position or as a mask."""
        return Deliveries(*(column[rows] for column in self))


class Names(NamedTuple):
    """What the numbers of people and measures stand for: position -> text; position 0 is unused."""

    who: np.ndarray
    measure: np.ndarray
    stream: np.ndarray
    unit: np.ndarray


def read_names(connection: sqlite3.Connection) -> Names:
    """All names in the log."""
    people = dict(connection.execute("SELECT id, who FROM person"))
    measures = {i: rest for i, *rest in connection.execute("SELECT id, name, stream, unit FROM measure")}
    who = np.array([people.get(i, "") for i in range(max(people, default=0) + 1)], dtype=object)
    of_measure = [measures.get(i, ["", "", ""]) for i in range(max(measures, default=0) + 1)]
    return Names(who, *(np.array([row[k] for row in of_measure], dtype=object) for k in range(3)))


def deliveries(connection: sqlite3.Connection, as_of: int = FOREVER) -> Iterator[Deliveries]:
    """Everything received by ``as_of``, in chunks that never divide what was measured at one instant."""
    yield from _by_instant(connection.execute(_DELIVERIES, (as_of,)))


def touched(connection: sqlite3.Connection, after: int, until: int) -> Iterator[Deliveries]:
    """All deliveries of the observations of which something was appended after one sequence number, until another."""
    yield from _by_instant(connection.execute(_TOUCHED, (after, until, until)))


def _by_instant(cursor: sqlite3.Cursor) -> Iterator[Deliveries]:
    kept: list[tuple[Any, ...]] = []
    while rows := cursor.fetchmany(CHUNK_ROWS):
        last = rows[-1][0]
        if rows[0][0] == last:
            kept += rows
            continue
        whole = next(i for i in range(len(rows) - 1, -1, -1) if rows[i][0] != last) + 1
        yield _deliveries(kept + rows[:whole])
        kept = rows[whole:]
    if kept:
        yield _deliveries(kept)


def _deliveries(rows: list[tuple[Any, ...]]) -> Deliveries:
    types = (np.int64, np.int64, np.int64, object, np.int64, np.int64, float)
    return Deliveries(*(np.array(c, dtype=t) for c, t in zip(zip(*rows, strict=True), types, strict=True)))


def is_change(d: Deliveries) -> np.ndarray:
    """True [n] for the deliveries that do not repeat the content before them."""
    same = np.logical_and.reduce([column[1:] == column[:-1] for column in (d[:4] + d[5:])])
    return np.append(True, ~same)[: len(d.value)]


def current(d: Deliveries) -> Deliveries:
    """The current content of each observation, parts added up; received_at is when it was first known to be so."""
    changes = d.take(is_change(d))
    last = changes.take(_ends([changes.measured_at, changes.measure, changes.who, changes.part]))
    return _add_up(last)


def _ends(columns: list[np.ndarray]) -> np.ndarray:
    """True [n] for the last of each run of rows that are equal in all columns."""
    differs = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.append(differs, True)[: len(columns[0])]


def _add_up(d: Deliveries) -> Deliveries:
    """Whole values, and the sums of the parts where no whole value was reported."""
    if not (d.part != "").any():
        return d
    end = _ends([d.measured_at, d.measure, d.who])
    start = np.flatnonzero(np.append(True, end[:-1]))
    is_whole = d.part[start] == ""  # the empty text comes first
    totals = d.take(start)
    value = np.where(is_whole, totals.value, np.add.reduceat(d.value, start))
    received = np.where(is_whole, totals.received_at, np.maximum.reduceat(d.received_at, start))
    quality = np.where(is_whole, totals.quality, np.maximum.reduceat(d.quality, start))
    part = np.full(len(start), "", dtype=object)
    return totals._replace(value=value, received_at=received, quality=quality, part=part)


def to_table(d: Deliveries, names: Names) -> pd.DataFrame:
    """An observation table, as `validate` returns it; an impossible total of parts is marked as failed."""
    measure = names.measure[d.measure]
    high = np.array([MEASURES[m].high if m in MEASURES else np.inf for m in names.measure])
    quality = np.where(d.value > high[d.measure], FAILED, d.quality)
    instants = {
        name: pd.DatetimeIndex(column.astype("datetime64[us]")).tz_localize("UTC")
        for name, column in (("measured_at", d.measured_at), ("received_at", d.received_at))
    }
    texts = {
        "who": names.who[d.who], "stream": names.stream[d.measure], "measure": measure, "unit": names.unit[d.measure],
        "quality": np.array(QUALITIES, dtype=object)[quality],
    }  # fmt: skip
    columns = {name: pd.Series(text, dtype=str) for name, text in texts.items()}
    return pd.DataFrame({**columns, **instants, "value": d.value})[list(COLUMNS)]


def concatenate(chunks: Iterator[Deliveries]) -> Deliveries:
    """All chunks as one."""
    parts = list(chunks) or [_deliveries([(0, 0, 0, "", 0, 0, 0.0)]).take(np.zeros(0, int))]
    return Deliveries(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def arrivals(connection: sqlite3.Connection, after: int, as_of: int) -> Iterator[Deliveries]:
    """What was received after one instant until another and was news, in order of receipt, in chunks.

    A part shows as its observation's new total.
    """
    totals = _Totals()
    cursor = connection.execute(_CHANGES, (as_of, after))  # parts of before too: the totals begin with them
    while rows := cursor.fetchmany(CHUNK_ROWS):
        d = totals.follow(_deliveries(rows))
        yield d.take(d.received_at > after)


class _Totals:
    """Running totals of the observations that come in parts."""

    def __init__(self) -> None:
        self.parts: dict[tuple[int, int, int], dict[str, tuple[int, float]]] = {}

    def follow(self, d: Deliveries) -> Deliveries:
        in_parts = np.flatnonzero(d.part != "")
        if not len(in_parts):
            return d
        keep = np.ones(len(d.value), bool)
        value, quality = d.value.copy(), d.quality.copy()
        for row in range(len(d.value)):
            identity = (int(d.measured_at[row]), int(d.measure[row]), int(d.who[row]))
            parts = self.parts.setdefault(identity, {})
            parts[d.part[row]] = (int(d.quality[row]), float(d.value[row]))
            keep[row] = d.part[row] == "" or "" not in parts
            if d.part[row] and keep[row]:
                quality[row] = max(q for q, _ in parts.values())
                value[row] = sum(v for _, v in parts.values())
        return d._replace(value=value, quality=quality, part=np.full(len(value), "", dtype=object)).take(keep)


def digest(connection: sqlite3.Connection) -> str:
    """A hash of the log's contents: every change of every observation, whatever way it came in."""
    names = read_names(connection)
    hashed = hashlib.blake2b(digest_size=32)
    rank = [np.argsort(np.argsort(column)) for column in (names.measure, names.who)]
    for name in itertools.chain(sorted(names.measure), [""], sorted(names.who)):
        hashed.update(f"{name}\n".encode())
    for d in deliveries(connection):
        changes = d.take(is_change(d))
        part_code, parts = pd.factorize(changes.part, sort=True)
        order = np.lexsort(
            (changes.value, changes.quality, changes.received_at, part_code, rank[1][changes.who],
             rank[0][changes.measure], changes.measured_at)
        )  # fmt: skip
        words = [changes.measured_at, rank[0][changes.measure], rank[1][changes.who], changes.received_at,
                 changes.quality, changes.value.view(np.int64), _part_words(parts)[part_code]]  # fmt: skip
        hashed.update(np.stack(words, axis=1)[order].astype("<i8").tobytes())
    return hashed.hexdigest()


def _part_words(parts: Any) -> np.ndarray:
    """64 bits [n] that stand for each part's name."""
    return np.array(
        [int.from_bytes(hashlib.blake2b(p.encode(), digest_size=8).digest(), "little", signed=True) for p in parts],
        dtype=np.int64,
    )
