"""Challenges as mechanisms: what each one moves in the model, how far, by which rule, or why it is not mapped."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from abm.parameters import ASSUMED, ENTRIES
from experiments.implementation.catalogue import Challenge, by_key, challenge
from experiments.implementation.frames import ImplementationError, shipped
from experiments.implementation.picture import FAULT_MEANINGS
from experiments.implementation.quantities import EVENT, FAULT, PARAMETER, PROGRAMME, SETTINGS, Move, bounds

ONE_OF = {"moves", "out_of_reach"}


@dataclasses.dataclass(frozen=True)
class Mechanism:
    """What a challenge does. ``standing``: it also acts on a clinic without a twin. ``source``: of its strengths."""

    challenge: Challenge
    because: str
    rule: str
    moves: tuple[Move, ...]
    standing: bool
    source: str
    out_of_reach: str = ""

    @property
    def mapped(self) -> bool:
        """Whether the model has something for it to act on."""
        return bool(self.moves)

    @property
    def sentence(self) -> str:
        """The mapping in words, naming what it moves, how far, and the rule."""
        label = self.challenge.label
        if not self.mapped:
            return f"{label}: not in the model's reach; {self.out_of_reach}."
        where = " Also without a twin." if self.standing else ""
        return (
            f"{label}: {self.because}. It moves {'; '.join(map(_words, self.moves))} (rule {self.rule}; "
            f"strengths: {self.source}).{where}"
        )


def _words(move: Move) -> str:
    what, meaning = {
        PARAMETER: lambda: ("the parameter", ENTRIES[move.name].meaning),
        EVENT: lambda: ("for the second quarter the parameter", ENTRIES[move.name].meaning),
        FAULT: lambda: ("the stream fault", FAULT_MEANINGS[move.name.rpartition(".")[2]]),
        PROGRAMME: lambda: ("the programme's setting", SETTINGS[move.name].meaning),
    }[move.kind]()
    return (
        f"{what} {move.name} ({meaning}) from {move.usual:g} to {move.typical:g} (typical) or {move.severe:g} (severe)"
    )


@functools.cache
def mechanisms() -> Mapping[str, Mechanism]:
    """Every challenge's mechanism by its key, in the catalogue's order. Raises ImplementationError on bad data."""
    content = shipped("mechanisms")
    missing = [key for key in by_key() if key not in content]
    if missing:
        raise ImplementationError(f"mechanisms: met no entry for {', '.join(missing)}, expected one each")
    read = {key: _read(key, row) for key, row in content.items()}
    return {key: read[key] for key in by_key()}


def mapped() -> dict[str, Mechanism]:
    """The mechanisms that the model has something for."""
    return {key: one for key, one in mechanisms().items() if one.mapped}


def _read(key: str, row: Mapping[str, Any]) -> Mechanism:
    where = f"mechanisms: {key}: "
    if len(ONE_OF & set(row)) != 1:
        raise ImplementationError(f"{where}met keys {', '.join(row)}, expected one of {', '.join(sorted(ONE_OF))}")
    moves = []
    for quantity, values in row.get("moves", {}).items():
        kind, _, name = quantity.partition(" ")
        _, low, high = bounds(kind, name)
        if not all(low <= value <= high for value in values) or len(values) != 2:
            raise ImplementationError(f"{where}{quantity}: met {values}, expected two values in {low:g} to {high:g}")
        moves.append(Move(kind, name, *map(float, values)))
    return Mechanism(
        challenge(key, where),
        row.get("because", ""),
        row.get("rule", ""),
        tuple(moves),
        bool(row.get("standing", False)),
        row.get("source", ASSUMED),
        row.get("out_of_reach", ""),
    )
