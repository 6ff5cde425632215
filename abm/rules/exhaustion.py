"""Exhaustion (0-1): what nights do not repair accumulates over weeks (job demands-resources)."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, logistic, relax


def exhaustion_target(morning_fatigue: Number, control: Number, support: Number, midpoint: Number, slope: Number,
                      control_protection: Number, support_protection: Number, xp: Any) -> Number:  # fmt: skip
    """Where exhaustion tends to: rises with morning fatigue, damped by control and support (0 = as usual)."""
    demands = slope * (morning_fatigue - midpoint)
    return logistic(demands - control_protection * control - support_protection * support, xp)


def exhaustion_after(exhaustion: Number, target: Number, days: Number, exhaustion_days: Number, xp: Any) -> Number:
    """Exhaustion ``days`` later."""
    return relax(exhaustion, target, 1.0 / exhaustion_days, days, xp)
