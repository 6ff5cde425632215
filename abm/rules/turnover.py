"""Absence, leaving, hiring and the newcomer's start (the staffing-shortage spiral)."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number


def leaving_probability(burned_out: Number, exhaustion: Number, days: Number, per_year: Number, burnout_ratio: Number,
                        exhaustion_effect: Number, xp: Any) -> Number:  # fmt: skip
    """Chance of leaving within ``days``; ``burned_out`` is 0 or 1, or a chance: then this is the expected hazard's."""
    ratio = 1.0 + (burnout_ratio - 1.0) * burned_out
    hazard = per_year / 365.0 * ratio * xp.exp(exhaustion_effect * (exhaustion - 0.5))
    return 1.0 - xp.exp(-hazard * days)


def hiring_probability(days: Number, hire_days: Number, xp: Any) -> Number:
    """Chance that a vacancy is filled within ``days``."""
    return 1.0 - xp.exp(-days / hire_days)


def absence_probability(burned_out: Number, per_day: Number, burnout_ratio: Number) -> Number:
    """Chance of being absent on a work day."""
    return per_day * (1.0 + (burnout_ratio - 1.0) * burned_out)


def newcomer_factor(tenure_days: Number, slowing: Number, newcomer_days: Number, xp: Any) -> Number:
    """Factor (>= 1) by which someone ``tenure_days`` after hiring is slower."""
    return xp.exp(slowing * xp.exp(-tenure_days / newcomer_days))


def blend(stayed: Number, arrived: Number, old: Number, new: Number, xp: Any) -> Number:
    """Mean of the value of those who stayed and of those who arrived (masses 0-1).

    With whole people it is one or the other; a post that stays vacant keeps the old value.
    """
    return old + arrived / xp.maximum(stayed + arrived, 1e-12) * (new - old)
