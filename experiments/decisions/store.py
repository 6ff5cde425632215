"""The ledger's file: one table in SQLite that takes new rows at its end and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from experiments.decisions.chain import GENESIS
from experiments.decisions.errors import LedgerError

WAIT_SECONDS = 30.0  # for another process that is writing
APPLICATION = 0x434C4452  # "CLDR": what SQLite's header says a file is

_metadata = sa.MetaData()
ENTRY = sa.Table(
    "entry", _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),  # UTC, ISO 8601
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("on_day", sa.Text, nullable=False),  # the date it counts from
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("git_revision", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),  # JSON: of a proposal, the recommendation with its evidence
    sa.Column("previous", sa.Text, nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.UniqueConstraint("item", "state"),  # of two who decide the same, one is refused
)  # fmt: skip
_GUARDS = {
    "entry_is_not_changed": "BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "entry_is_not_removed": "BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    # INSERT OR REPLACE would remove a row without a word
    "entry_comes_last": f"""BEFORE INSERT ON entry
        WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM entry)
          OR NEW.previous <> coalesce((SELECT hash FROM entry ORDER BY number DESC LIMIT 1), '{GENESIS}')
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
}


def open_store(path: Path) -> sa.Engine:
    """An engine on the ledger at ``path``, made if there is none. Raises LedgerError on a file of something else."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise LedgerError(f"{path}: expected the path of a ledger's file in a folder that exists")
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": WAIT_SECONDS}, poolclass=sa.NullPool
    )
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _begun)
    try:
        with writing(engine) as connection:
            _make_or_check(connection, path)
    except sa.exc.DatabaseError as error:
        raise LedgerError(f"{path}: met a file that is no ledger of decisions ({error.orig})") from None
    return engine


def writing(engine: sa.Engine) -> Any:
    """A transaction that is alone from its first statement on: what it reads stays true until it has written."""
    return engine.execution_options(alone=True).begin()


def missing_guards(connection: sa.Connection) -> list[str]:
    """Names of the triggers that keep rows as they are, and that are not there as they were made."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    found = {name: " ".join(text.split()) for name, text in rows}
    return [name for name, body in _GUARDS.items() if found.get(name) != _trigger(name, body)]


def _trigger(name: str, body: str) -> str:
    return " ".join(f"CREATE TRIGGER {name} {body}".split())


def _connected(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begun` says
    connection.execute("PRAGMA synchronous = FULL")


def _begun(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("alone") else "BEGIN")


def _make_or_check(connection: sa.Connection, path: Path) -> None:
    application = connection.exec_driver_sql("PRAGMA application_id").scalar()
    if application == APPLICATION:
        return
    if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
        raise LedgerError(f"{path}: met a database of something else, expected a ledger of decisions or no file")
    _metadata.create_all(connection)
    for name, body in _GUARDS.items():
        connection.exec_driver_sql(_trigger(name, body))
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
