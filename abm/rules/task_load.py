"""Task load on the NASA-TLX's four demand items (0-400), a read-out of a day's work and of fatigue."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, logistic

TEN_HOURS_MINUTES = 600.0
SCALE_MAXIMUM = 400.0  # four items of 0-100


def task_load(work_minutes: Number, morning_fatigue: Number, rating_style: Number, parameters: Any, xp: Any) -> Number:
    """Points (0-400) for a day of ``work_minutes``; ``rating_style`` is the person's standard normal trait."""
    p = parameters
    return SCALE_MAXIMUM * logistic(
        p.task_load_intercept
        + p.task_load_work_effect * (work_minutes / TEN_HOURS_MINUTES - 1.0)
        + p.task_load_fatigue_effect * morning_fatigue
        + p.task_load_spread * rating_style,
        xp,
    )
