"""The event log's file: its tables, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

APPLICATION_ID = 0x434C5457  # "CLTW" in the file's header
FORMAT = 1
BUSY_SECONDS = 60.0  # waiting for another process's transaction, of one batch

# Sequence numbers say in which order facts came into this file; the digest and everything read from the log depend
# on the unique columns alone.
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE person (id INTEGER PRIMARY KEY, who TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE measure (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, unit TEXT NOT NULL
) STRICT;
CREATE TABLE ingest (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, description TEXT NOT NULL DEFAULT '{}',
    started_at INTEGER NOT NULL, finished_at INTEGER
) STRICT;
CREATE TABLE ingest_count (
    ingest INTEGER NOT NULL REFERENCES ingest, stream TEXT NOT NULL, read INTEGER NOT NULL, new INTEGER NOT NULL,
    duplicate INTEGER NOT NULL, late INTEGER NOT NULL, corrected INTEGER NOT NULL, refused INTEGER NOT NULL,
    PRIMARY KEY (ingest, stream)
) STRICT;
CREATE TABLE checkpoint (
    source TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (source, kind)
) STRICT;
CREATE TABLE fact (
    sequence INTEGER PRIMARY KEY,
    measured_at INTEGER NOT NULL,  -- microseconds since 1970 in UTC
    measure INTEGER NOT NULL REFERENCES measure,
    who INTEGER NOT NULL REFERENCES person,
    part TEXT NOT NULL,  -- '' for a whole value
    received_at INTEGER NOT NULL,
    quality INTEGER NOT NULL,  -- position in QUALITIES
    value REAL NOT NULL,
    ingest INTEGER NOT NULL REFERENCES ingest,
    position INTEGER NOT NULL  -- the offset in the source
) STRICT;
CREATE UNIQUE INDEX fact_delivery ON fact (measured_at, measure, who, part, received_at, quality, value);
CREATE TRIGGER fact_stays BEFORE UPDATE ON fact BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
CREATE TRIGGER fact_remains BEFORE DELETE ON fact BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, position INTEGER NOT NULL, field TEXT NOT NULL,
    stream TEXT NOT NULL, reason TEXT NOT NULL, fields TEXT NOT NULL,  -- JSON, '' if it cannot be tried again
    ingest INTEGER NOT NULL REFERENCES ingest, settled INTEGER REFERENCES ingest
) STRICT;
CREATE UNIQUE INDEX dead_letter_record ON dead_letter (source, kind, position, field, fields);
"""


class LogError(ValueError):
    """A file that is no event log, or one of another format."""


def connect(path: Path) -> sqlite3.Connection:
    """An open log; the file is made, for its owner alone, if there is none.

    Raises LogError on a file that is something else, OSError where there can be no file.
    """
    _make_file(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        _make_tables(connection, path)
        # A broker is told that a message was taken once its transaction is committed: that must outlive a power cut.
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            "cache_size = -65536",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LogError(f"{path}: not an event log ({error}); choose another file") from None
    except LogError:
        connection.close()
        raise
    return connection


def _make_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(path.stat().st_mode):
            raise LogError(f"{path}: met something other than a file, expected an event log or no file yet") from None


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in an empty file; refuse anything that is no event log of this format."""
    connection.execute("BEGIN IMMEDIATE")  # two processes may meet here: the second finds the tables made
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if is_empty and _pragma(connection, "application_id") == 0:
        for statement in _statements(TABLES):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise LogError(f"{path}: met another program's database, expected an event log; choose another file")
    version = _pragma(connection, "user_version")
    if version != FORMAT:
        raise LogError(f"{path}: met an event log of format {version}, expected {FORMAT}; ingest the sources anew")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _statements(script: str) -> list[str]:
    """The script's statements one by one: `executescript` would commit between them."""
    statements, current = [], ""
    for line in script.splitlines():
        current += line + "\n"
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
