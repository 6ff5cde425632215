"""Cynicism (0-1): distance taken by the exhausted who have lost motivation (three-component burnout)."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, relax


def cynicism_after(cynicism: Number, exhaustion: Number, motivation: Number, days: Number, cynicism_days: Number,
                   xp: Any) -> Number:  # fmt: skip
    """Cynicism ``days`` later; it tends to ``exhaustion * (1 - motivation)``."""
    return relax(cynicism, exhaustion * (1.0 - motivation), 1.0 / cynicism_days, days, xp)
