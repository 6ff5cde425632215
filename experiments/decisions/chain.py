"""The ledger's hash chain: what an entry's hash covers, and where a chain is broken first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from experiments.decisions.errors import BrokenChain

GENESIS = "0" * 64  # what the first entry follows
COVERED = ("number", "at", "item", "state", "by", "reason", "on_day", "data", "sequence", "model", "git_revision",
           "payload", "previous")  # fmt: skip


class Seal(NamedTuple):
    """What a sound ledger is sealed with: number of entries, and the hash of the last (GENESIS if there is none)."""

    entries: int
    head: str


def canonical(value: Any) -> str:
    """JSON text of which there is one for each value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def entry_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 over everything that an entry says and the hash of the entry before it."""
    return hashlib.sha256(canonical([entry[name] for name in COVERED]).encode()).hexdigest()


def check_chain(entries: Iterable[Mapping[str, Any]], follows: Mapping[str | None, tuple[str, ...]],
                head: str | None = None) -> Seal:  # fmt: skip
    """The seal of entries in order of their number.

    Args:
        follows: states that may come after a state of an item; after None: the first.
        head: a hash noted earlier, to find a ledger whose end was cut off or that was written anew as a whole.

    Raises:
        BrokenChain: an entry is missing, altered, out of place, or the head is not in the chain.
    """
    previous, number = GENESIS, 0
    state: dict[str, str] = {}
    seen = {GENESIS}
    for entry in entries:
        number += 1
        what = f"entry {entry['number']} ({entry['state']}, item {entry['item']}, {entry['at']})"
        if entry["number"] != number:
            raise BrokenChain(f"first broken link: {what}; expected entry {number}: entries are missing before it")
        if entry["previous"] != previous:
            raise BrokenChain(f"first broken link: {what} follows {str(entry['previous'])[:12]}..., expected "
                              f"{previous[:12]}..., the hash of the entry before it")  # fmt: skip
        if entry_hash(entry) != entry["hash"]:
            raise BrokenChain(f"first broken link: {what} was altered: its hash is not that of what it says")
        if entry["state"] not in follows.get(state.get(entry["item"]), ()):
            raise BrokenChain(f"first broken link: {what} cannot come after {state.get(entry['item'], 'nothing')}")
        state[entry["item"]], previous = entry["state"], entry["hash"]
        seen.add(previous)
    if head is not None and head not in seen:
        raise BrokenChain(
            f"head: met {number} sound entries, none of them with the hash {head[:12]}... noted earlier, expected it: "
            "the end was cut off, or the ledger was written anew"
        )
    return Seal(number, previous)
