"""Dead letters: the records that were refused, and trying them again."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterator, Mapping

PAGE_ROWS = 1000


@dataclasses.dataclass(frozen=True)
class DeadLetter:
    """A refused record. ``fields`` are None if it can only be tried again by ingesting its source anew."""

    number: int
    source: str
    kind: str
    offset: int
    field: str
    stream: str
    reason: str
    fields: Mapping[str, str] | None
    settled: bool  # it came in at a later try


def read_dead_letters(
    connection: sqlite3.Connection, source: str | None = None, *, settled: bool = False
) -> Iterator[DeadLetter]:
    """Those that still wait, in order of their arrival; with ``settled`` also those that came in since.

    Read page by page, so that they may be settled meanwhile.
    """
    query = """SELECT id, source, kind, position, field, stream, reason, fields, settled IS NOT NULL FROM dead_letter
    WHERE id > ? AND (? OR settled IS NULL) AND (? IS NULL OR source = ?) ORDER BY id LIMIT ?"""
    last = 0
    while page := connection.execute(query, (last, settled, source, source, PAGE_ROWS)).fetchall():
        for number, name, kind, offset, field, stream, reason, fields, is_settled in page:
            again = json.loads(fields) if fields else None
            yield DeadLetter(number, name, kind, offset, field, stream, reason, again, bool(is_settled))
        last = page[-1][0]


def count_waiting(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """(source, stream, number waiting), most first; the stream is empty where it is not known."""
    query = """SELECT source, stream, count(*) FROM dead_letter WHERE settled IS NULL
    GROUP BY source, stream ORDER BY count(*) DESC, source, stream"""
    return connection.execute(query).fetchall()


def settle(connection: sqlite3.Connection, numbers: list[int], ingest: int) -> None:
    """Mark dead letters as having come in, within the open transaction."""
    connection.executemany("UPDATE dead_letter SET settled = ? WHERE id = ?", ((ingest, n) for n in numbers))


def renew(connection: sqlite3.Connection, reasons_by_number: Mapping[int, str]) -> None:
    """Note why dead letters were refused again, within the open transaction."""
    connection.executemany(
        "UPDATE dead_letter SET reason = ? WHERE id = ?", ((reason, n) for n, reason in reasons_by_number.items())
    )
