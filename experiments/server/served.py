"""What the server shows: folders named on the command line, fixed before it starts; a browser can name none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

PHYSICIANS = 50


@dataclasses.dataclass(frozen=True)
class Served:
    """What was asked for on the command line.

    ``sweeps`` are folders of finished sweeps, by the name shown for them; ``advice_from`` is the folder of a fit or of
    a twin; groups of fewer than ``smallest_cell`` people of a real clinic are not shown.
    """

    physicians: int = PHYSICIANS
    seed: int = 0
    twin: Path | None = None
    sweeps: tuple[tuple[str, Path], ...] = ()
    advice_from: Path | None = None
    ledger: Path | None = None
    impact: Path | None = None
    smallest_cell: int = 5
    groups_only: bool = False  # of the twin's people, nobody is shown
    pairs: int = 16


_served = Served()


def serve_these(chosen: Served) -> None:
    """Fix what is shown; called once, before the server starts."""
    global _served
    _served = chosen


def served() -> Served:
    """What is shown."""
    return _served


def named(folders: list[Path]) -> tuple[tuple[str, Path], ...]:
    """Folders by their last part; by the whole where two share it."""
    short = [folder.resolve().name for folder in folders]
    return tuple(
        (name if short.count(name) == 1 else str(folder), folder) for name, folder in zip(short, folders, strict=True)
    )
