"""Policies: doses of several kinds of interventions, read from text and said in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abm.interventions import Intervention


def read_doses(text: str) -> tuple[tuple[str, ...], np.ndarray]:
    """(kinds, doses [C]) of text such as 'scribe=0.5,inbox_pooling=1'; a kind alone has dose 1.

    Raises InterventionError on an unknown kind or a dose out of range, ValueError on anything else.
    """
    kinds: list[str] = []
    doses: list[float] = []
    for part in (p.strip() for p in text.split(",") if p.strip()):
        kind, _, dose = (p.strip() for p in part.partition("="))
        try:
            number = float(dose) if dose else 1.0
        except ValueError:
            raise ValueError(f"policy: met {part!r}, expected kind=dose, as in scribe=0.5") from None
        if kind in kinds:
            raise ValueError(f"policy: met {kind} twice, expected each kind once")
        kinds.append(Intervention(kind, number).kind)
        doses.append(number)
    return tuple(kinds), np.array(doses)


def in_words(kinds: Sequence[str], doses: np.ndarray, least: float = 0.005) -> str:
    """'scribe 0.50, wellbeing 1.00', or 'nothing'; doses below ``least`` are left out."""
    return ", ".join(f"{k} {d:.2f}" for k, d in zip(kinds, doses, strict=True) if d >= least) or "nothing"


def known_kinds(names: Sequence[str]) -> tuple[str, ...]:
    """The names as kinds. Raises InterventionError on an unknown one, ValueError on none or one given twice."""
    if not names or len(set(names)) < len(names):
        raise ValueError(f"kinds: met {', '.join(names) or 'none'}, expected different kinds, at least one")
    return tuple(Intervention(name, 0.0).kind for name in names)
