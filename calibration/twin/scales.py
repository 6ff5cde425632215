"""The scale on which the twin compares each measure: there its errors are close to normal and of known size."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.measures import MEASURES, Kind, Measure
from calibration.readouts import LEVEL

DRIVEN = ("scheduled_minutes", "absent", "employed")  # exact inputs: the twin is driven by them
COMPARED: tuple[str, ...] = tuple(name for name in MEASURES if name not in DRIVEN)  # rows of everything that follows
LEVEL_ROW = COMPARED.index(LEVEL)
PERSONAL: tuple[str, ...] = tuple(name for name in COMPARED if MEASURES[name].personal)  # with a level of one's own
FLOOR_MINUTES = 0.5  # of values whose logarithm is taken: half of the smallest step of minutes
ANSCOMBE = 0.375  # 2 sqrt(count + 3/8) has a standard deviation close to 1 where counts are Poisson (Anscombe 1948)


def on_scale(measure: Measure, value: Any, xp: Any) -> Any:
    """A value, observed or expected, on the measure's scale; answers to the burnout item stay as they are."""
    if measure.kind is Kind.LOGNORMAL:
        return xp.log(xp.maximum(value, FLOOR_MINUTES))
    if measure.kind is Kind.COUNT:
        return 2.0 * xp.sqrt(xp.maximum(value, 0.0) + ANSCOMBE)
    return value


def observation_variance(measure: Measure, value: np.ndarray) -> np.ndarray:
    """Variance of an observed value about the day's truth on that scale: noise and rounding."""
    rounding = measure.step**2 / 12.0
    if measure.kind is Kind.LOGNORMAL:
        return measure.noise**2 + rounding / np.maximum(value, measure.step or 1.0) ** 2
    if measure.kind is Kind.COUNT:  # events dated to the day before or after
        return rounding / np.maximum(value, 1.0)
    if measure.kind is Kind.NORMAL:
        return measure.noise**2 + rounding + 0.0 * value
    return np.full_like(value, rounding)


def personal_prior() -> tuple[np.ndarray, np.ndarray]:
    """(means, standard deviations) between people of the own levels of PERSONAL, on their scales."""
    own = [MEASURES[name].personal for name in PERSONAL]
    means = [float(on_scale(MEASURES[name], o.baseline, np)) for name, o in zip(PERSONAL, own, strict=True) if o]
    return np.array(means), np.array([o.spread for o in own if o])


def value_steps(measure: Measure) -> tuple[float, float]:
    """(lowest value, number of different values) that a measure can report."""
    return measure.low, (measure.high - measure.low) / (measure.step or 1.0) + 1.0


def step_on_scale(measure: Measure, value: np.ndarray) -> np.ndarray:
    """Width on the scale of the interval that rounds to a value."""
    half = 0.5 * (measure.step or 1.0)
    width = np.asarray(on_scale(measure, value + half, np) - on_scale(measure, np.maximum(value - half, 0.0), np))
    return np.where(width > 0, width, 1.0)  # zero minutes stand for all that rounds to them, down to any logarithm
