"""The log's account of itself: its ingests, what became of their records, and when observations came first."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from typing import Any

import pandas as pd

from calibration.event_log.counts import StreamCounts

_FIELDS = [field.name for field in dataclasses.fields(StreamCounts)]
_SUMS = ", ".join(f"coalesce(sum(c.{name}), 0) AS {name}" for name in _FIELDS)
_INGESTS = f"""
SELECT i.id AS ingest, i.source, i.kind, i.description, i.started_at, i.finished_at, {_SUMS}
FROM ingest i LEFT JOIN ingest_count c ON c.ingest = i.id GROUP BY i.id ORDER BY i.id"""
_STREAM_COUNTS = f"SELECT c.stream, {_SUMS} FROM ingest_count c GROUP BY c.stream ORDER BY c.stream"
_FIRST_RECEIPTS = """
SELECT m.stream, f.measured_at, f.received_at FROM (
    SELECT measured_at, measure, min(received_at) AS received_at FROM fact INDEXED BY fact_delivery
    GROUP BY measured_at, measure, who
) f JOIN measure m ON m.id = f.measure"""


_REASONS = "SELECT source, reason, count(*) FROM dead_letter WHERE settled IS NULL GROUP BY source, reason"
_VALUES = """
SELECT f.ingest, m.name AS measure, f.value FROM fact f JOIN measure m ON m.id = f.measure WHERE f.value > 0"""


def read_ingests(connection: sqlite3.Connection) -> pd.DataFrame:
    """See `EventLog.ingests`."""
    return _with_times(pd.read_sql_query(_INGESTS, connection), "started_at", "finished_at")


def read_stream_counts(connection: sqlite3.Connection) -> pd.DataFrame:
    """See `EventLog.stream_counts`."""
    return pd.read_sql_query(_STREAM_COUNTS, connection)


def read_first_receipts(connection: sqlite3.Connection) -> pd.DataFrame:
    """See `EventLog.first_receipts`."""
    return _with_times(pd.read_sql_query(_FIRST_RECEIPTS, connection), "measured_at", "received_at")


def read_reasons(connection: sqlite3.Connection) -> Iterator[tuple[str, str, int]]:
    """See `EventLog.reasons`."""
    yield from connection.execute(_REASONS)


def read_levels(connection: sqlite3.Connection) -> pd.DataFrame:
    """See `EventLog.levels`."""
    values = pd.read_sql_query(_VALUES, connection, dtype={"measure": "category"})
    by_ingest = values.groupby(["ingest", "measure"], observed=True)["value"]
    return by_ingest.agg(values="size", median="median").reset_index().astype({"measure": object})


def _with_times(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    def instants(column: Any) -> Any:
        return pd.to_datetime(column.astype("Int64"), unit="us", utc=True).astype("datetime64[us, UTC]")

    return table.assign(**{name: instants(table[name]) for name in names})
