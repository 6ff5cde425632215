"""The ledger: what was proposed, who approved, rejected, enacted or undid it, when and why; nothing is forgotten."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from experiments.decisions.chain import GENESIS, Seal, canonical, check_chain, entry_hash
from experiments.decisions.errors import BrokenChain, Conflict, LedgerError
from experiments.decisions.states import (
    ACTIONS,
    FOLLOWS,
    NEEDS_REASON,
    allowed_actions,
    end_of,
    last_day_seen,
    start_of,
    undo_until,
)
from experiments.decisions.store import ENTRY, missing_guards, open_store, writing

if TYPE_CHECKING:
    from experiments.decisions.advice import Advice

LONGEST_NAME, LONGEST_REASON = 80, 2000
ADVISER = "clinictwin advise"
_SHOWN = ("number", "at", "item", "state", "by", "reason", "data", "sequence", "model", "git_revision", "hash")


@dataclasses.dataclass(frozen=True)
class Item:
    """One recommendation and what was decided about it; `experiments.decisions` lists the columns."""

    id: str
    state: str
    recommendation: dict[str, Any]
    path: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    people: list[dict[str, Any]]
    basis: dict[str, Any]
    history: pd.DataFrame
    start: dt.date  # from which it holds
    end: dt.date | None  # on which it stops, once undone
    undo_until: dt.date | None


class Ledger:
    """The ledger in a file, made if there is none; many processes may have it open.

    Raises LedgerError if the file is something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._engine = open_store(self.path)

    def propose(self, advice: Advice, identifiers: Iterable[str] | None = None, *, by: str = ADVISER) -> list[str]:
        """Write down recommendations, all of an advice unless ``identifiers`` names some, each once and for all.

        Returns the identifiers of those that are new. Raises LedgerError on one that the advice does not hold.
        """
        chosen = advice.proposals(identifiers)
        name = _name(by)
        with writing(self._engine) as connection:
            known = set(connection.scalars(sa.select(ENTRY.c.item)))
            new = {identifier: payload for identifier, payload in chosen.items() if identifier not in known}
            for identifier, payload in reversed(new.items()):  # the best one last: what is newest is shown first
                basis = payload["basis"]
                _append(connection, item=identifier, state="proposed", by=name, reason="", on_day=basis["date"],
                        basis=basis, payload=payload)  # fmt: skip
        return list(new)

    def decide(self, identifier: str, action: str, *, by: str, reason: str = "", on: dt.date | None = None,
               seen: str | None = None) -> Item:  # fmt: skip
        """Approve, reject, enact or undo an item; see `experiments.decisions`.

        Raises:
            LedgerError: there is no such item or action, the name or a needed reason is missing, or it is too late.
            Conflict: the item is not as the decider saw it, or not in a state in which that can be decided.
        """
        if action not in ACTIONS:
            raise LedgerError(f"action: met {action!r}, expected one of {', '.join(ACTIONS)}")
        name, why = _name(by), _reason(reason, action)
        with writing(self._engine) as connection:
            item, day = _item(identifier, _rows(connection, identifier)), on or _date_of_clinic(connection)
            self._check(item, action, day, seen)
            _append(connection, item=identifier, state=ACTIONS[action], by=name, reason=why, on_day=day.isoformat(),
                    basis=item.basis, payload={})  # fmt: skip
            return _item(identifier, _rows(connection, identifier))

    def _check(self, item: Item, action: str, day: dt.date, seen: str | None) -> None:
        last = item.history.iloc[-1]
        if ACTIONS[action] not in FOLLOWS[item.state] or (seen is not None and seen != item.state):
            possible = ", ".join(allowed_actions(item.state)) or "nothing more: ask for new advice"
            raise Conflict(
                f"{item.id}: met an item that {last['by']} {item.state} at {last['at']}"
                f"{'' if seen is None else f' while you saw it {seen}'}, so it was not changed; possible: {possible}"
            )
        seen_until = last_day_seen(item.basis)
        if action == "approve" and day > seen_until:
            raise LedgerError(
                f"{item.id}: met an approval on {day} of advice from {item.basis['date']} that looked ahead until "
                f"{seen_until}, expected one by then; ask for new advice"
            )
        if action == "undo" and item.undo_until is not None and day > item.undo_until:
            raise LedgerError(
                f"{item.id}: met an undo on {day}, expected one until {item.undo_until}: "
                f"{item.recommendation.get('undo', 'it cannot be taken back')}"
            )

    def item(self, identifier: str) -> Item:
        """An item with its evidence and history. Raises LedgerError if there is none, or more than one."""
        with self._engine.begin() as connection:
            return _item(identifier, _rows(connection, identifier))

    def all_items(self) -> list[Item]:
        """Every item with its evidence and history, newest first."""
        with self._engine.begin() as connection:
            rows = _rows(connection)
        grouped: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            grouped.setdefault(row["item"], []).append(row)
        return [_item(identifier, grouped[identifier]) for identifier in reversed(grouped)]

    def items(self) -> pd.DataFrame:
        """A row an item, newest first."""
        rows = []
        for item in self.all_items():
            last, what = item.history.iloc[-1], item.recommendation
            rows.append({
                "id": item.id, "state": item.state, **{n: what[n] for n in ("title", "kind", "area", "who", "dose")},
                "start": item.start, "end": item.end, "undo_until": item.undo_until, "by": last["by"], "at": last["at"],
                "reason": last["reason"], "actions": ", ".join(allowed_actions(item.state)),
            })  # fmt: skip
        columns = ["id", "state", "title", "kind", "area", "who", "dose", "start", "end", "undo_until", "by", "at",
                   "reason", "actions"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def entries(self) -> pd.DataFrame:
        """A row an entry, oldest first."""
        with self._engine.begin() as connection:
            return _shown(_rows(connection))

    def verify(self, head: str | None = None) -> Seal:
        """Read the whole chain. Raises BrokenChain, naming the first broken link; see `chain.check_chain`."""
        with self._engine.begin() as connection:
            seal = check_chain(_rows(connection), FOLLOWS, head)
            missing = missing_guards(connection)
        if missing:
            raise BrokenChain(f"{self.path}: {seal.entries} sound entries, but the guard {missing[0]} was taken off")
        return seal


def _append(connection: sa.Connection, *, item: str, state: str, by: str, reason: str, on_day: str,
            basis: Mapping[str, Any], payload: Mapping[str, Any]) -> None:  # fmt: skip
    last = connection.execute(sa.select(ENTRY.c.number, ENTRY.c.hash).order_by(ENTRY.c.number.desc()).limit(1)).first()
    number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
    entry = {
        "number": number, "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), "item": item, "state": state,
        "by": by, "reason": reason, "on_day": on_day, "data": basis["data"], "sequence": int(basis["sequence"]),
        "model": basis["model"], "git_revision": basis["git_revision"], "payload": canonical(payload),
        "previous": previous,
    }  # fmt: skip
    connection.execute(sa.insert(ENTRY).values(**entry, hash=entry_hash(entry)))


def _date_of_clinic(connection: sa.Connection) -> dt.date:
    """Today; for a clinic of other days (a replay: its newest advice does not reach today), that advice's date."""
    newest = sa.select(ENTRY.c.payload).where(ENTRY.c.state == "proposed").order_by(ENTRY.c.number.desc()).limit(1)
    basis, today = json.loads(connection.scalars(newest).one())["basis"], dt.date.today()
    first = dt.date.fromisoformat(basis["date"])
    length = last_day_seen(basis) - first
    return today if first - length <= today <= first + length else first


def _rows(connection: sa.Connection, item: str | None = None) -> list[dict[str, Any]]:
    query = sa.select(ENTRY).order_by(ENTRY.c.number)
    if item is not None:
        query = query.where(ENTRY.c.item == item)
    return [dict(row) for row in connection.execute(query).mappings()]


def _shown(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([{name: row[name] for name in _SHOWN} for row in rows], columns=list(_SHOWN))


def _item(identifier: str, rows: list[dict[str, Any]]) -> Item:
    if not rows:
        raise LedgerError(f"{identifier!r}: met no such item, expected one of `clinictwin decisions`")
    told = json.loads(rows[0]["payload"])
    what, days = told["recommendation"], {row["state"]: dt.date.fromisoformat(row["on_day"]) for row in rows}
    start = start_of(what, days)
    return Item(
        identifier, rows[-1]["state"], what, told["path"], told["effects"], told["people"], told["basis"],
        _shown(rows), start, end_of(what, days, start), undo_until(what, start),
    )  # fmt: skip


def _name(by: str) -> str:
    name = " ".join(by.split())
    if not any(c.isalpha() for c in name) or len(name) > LONGEST_NAME or not name.isprintable():
        raise LedgerError(f"by: met {by!r:.60}, expected the name of who decides, up to {LONGEST_NAME} characters")
    return name


def _reason(reason: str, action: str) -> str:
    text = reason.strip()
    if len(text) > LONGEST_REASON:
        raise LedgerError(f"reason: met {len(text)} characters, expected up to {LONGEST_REASON}")
    if not text and action in NEEDS_REASON:
        raise LedgerError(f"reason: met none, expected why, to {action}")
    return text
