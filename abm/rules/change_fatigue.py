"""Change fatigue (0-1): each go-live adds an impulse, each unstable change a drip, and time heals."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, relax


def change_fatigue_after_go_live(change_fatigue: Number, impulse: Number) -> Number:
    """Right after a go-live: ``+ impulse * (1 - change_fatigue)``, so that many together saturate below 1."""
    return change_fatigue + impulse * (1.0 - change_fatigue)


def change_fatigue_after(change_fatigue: Number, unstable_changes: Number, days: Number, change_days: Number,
                         drip: Number, xp: Any) -> Number:  # fmt: skip
    """Change fatigue ``days`` later: ``d/dt = -change_fatigue / change_days + drip * unstable * (1 -
    change_fatigue)``."""
    feed = drip * unstable_changes
    rate = feed + 1.0 / change_days
    return relax(change_fatigue, feed / rate, rate, days, xp)
