"""Truths that no fit has in its model: two behavioural rules altered, for a forecast that must hold up all the same."""

from __future__ import annotations

from typing import Any

from abm.rules import Rules
from abm.rules.fatigue import sleep_hours, slowing


def late_slowing(fatigue: Any, effect: Any, xp: Any) -> Any:
    """Only the very tired are slower: the standard rule of the square of fatigue."""
    return slowing(fatigue * fatigue, effect, xp)


def work_bound_sleep(evening_work_hours: Any, fatigue_at_bedtime: Any, noise: Any, base_hours: Any,
                     loss_per_evening_hour: Any, loss_fatigue: Any, spread: Any, xp: Any) -> Any:  # fmt: skip
    """Sleep that fatigue does not shorten and evening work shortens twice as much as in the standard rule."""
    return sleep_hours(2.0 * evening_work_hours, 0.0 * fatigue_at_bedtime, noise, base_hours, loss_per_evening_hour,
                       loss_fatigue, spread, xp)  # fmt: skip


ALTERED = Rules(slowing=late_slowing, sleep_hours=work_bound_sleep)
