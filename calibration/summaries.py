"""What a fit compares: each measure's mean over sets of days, taken of observations and of simulated runs alike.

A simulated run meets other patients than the clinic did, so single days cannot be compared; means over weeks can.
Both sides use the same days with the same weights, so gaps, part-time weeks and sensors' failures cancel out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jax.scipy.stats import norm

from calibration.measures import DAY_MINUTES, MEASURES, Kind, Measure, expected_value
from calibration.readouts import LEVEL, LOAD, OWN

SEARCHED = ("pace", "efficiency", "recovery", "motivation")  # traits with a place in the vector of unknowns
EFFECTS = (*SEARCHED, *OWN)  # traits that are estimated
DRIVEN = ("scheduled_minutes", "employed")  # known inputs, not compared: the roster says so
NOT_COMPARED = ("steps",)  # they tell whether a sensor is worn, and nothing of the model's states
READ_OUT = (LEVEL, LOAD)  # compared answer by answer, see `calibration.readouts`
WEEK = 7
BLOCKS_MAX = 4  # parts of the period: enough to see a waiting list or exhaustion drift, few enough for a covariance
FAINT = 1e-5  # weight of a day without an observation, where a simulated physician is absent on all that have one
FLOOR_MINUTES = 0.5  # of means whose logarithm is taken: half of the smallest step of minutes


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is fitted and compared; hashable, because programs are compiled for it.

    ``days`` are observed, after ``warm_up_days`` simulated ones that are not.
    """

    names: tuple[str, ...]  # population parameters with a place in the vector of unknowns
    measures: tuple[str, ...]  # compared by their means
    days: int
    warm_up_days: int = 0

    @property
    def size(self) -> int:
        """Number of summaries a physician."""
        return sum(len(day_sets(MEASURES[m], self.days)) for m in self.measures)


def per_session_day(measure: Measure) -> bool:
    """Whether values are of session days alone; the other measures have a value on any day that is reported."""
    daily = ("message_count", "third_next_available_days")
    return measure.stream in ("ehr", "schedule") and measure.name not in daily


def day_sets(measure: Measure, days: int) -> np.ndarray:
    """Sets of days to average over, 0 or 1 [sets, days].

    Blocks of whole weeks; for what a sensor measures at night or in the morning two blocks, each split into days after
    work and days of rest, because that contrast shows how fatigue builds up and recovers.
    """
    weeks = max(days // WEEK, 1)
    blocks = min(max(weeks // 4, 1), 2 if measure.stream == "wearable" else BLOCKS_MAX)
    week = np.minimum(np.arange(days) // WEEK, weeks - 1)
    of_block = (week * blocks // weeks)[None] == np.arange(blocks)[:, None]
    if measure.stream != "wearable":
        return of_block.astype(np.float32)
    weekday = np.arange(days) % WEEK
    # sleep belongs to the day before the night, heart rate to the morning after it
    after_work = weekday < 5 if measure.name == "sleep_minutes" else (weekday >= 1) & (weekday <= 5)
    return np.concatenate([of_block & after_work, of_block & ~after_work]).astype(np.float32)


def averages_logs(measure: Measure) -> bool:
    """Whether values are logged before averaging: then a person's own baseline is a shift."""
    return measure.kind is Kind.LOGNORMAL and measure.personal is not None


def logs_average(measure: Measure) -> bool:
    """Whether the logarithm of the mean is compared: minutes, whose noise is a share of them and which may be zero."""
    return measure.kind is Kind.LOGNORMAL and measure.personal is None


def mean_reported(measure: Measure, value: Any) -> Any:
    """Mean of what is reported of a ``value``: a score with noise that is cut off at the ends of its scale."""
    if measure.kind is not Kind.NORMAL:
        return value
    low, high = ((end - value) / measure.noise for end in (measure.low, measure.high))
    below, above = norm.cdf(low), norm.sf(high)
    inside = value * (1.0 - below - above) + measure.noise * (norm.pdf(low) - norm.pdf(high))
    return measure.low * below + measure.high * above + inside


def summarise(measure: Measure, daily: Any, weight: Any, sets: Any, xp: Any, fallback: Any = None) -> Any:
    """Summaries [sets, N] of ``daily`` [days, N] with ``weight`` [days, N] (0: no value, ``daily`` is ignored).

    ``fallback`` [days, N] is a faint weight of days to use where a simulated physician is absent on all days wanted.
    """
    weight = weight if fallback is None else weight * fallback + FAINT * fallback
    safe = xp.where(weight > 0, daily, 1.0 if averages_logs(measure) else 0.0)
    if averages_logs(measure):
        safe = xp.log(xp.maximum(safe, 1e-3))
    mean = (sets @ (weight * safe)) / xp.maximum(sets @ weight, 1e-9)
    return xp.log(xp.maximum(mean, FLOOR_MINUTES)) if logs_average(measure) else mean


def summarise_records(records: Mapping[str, Any], weights: Any, plan: Plan, xp: Any) -> Any:
    """Summaries [N, S] of a simulated run's daily records [days, N], with the observations' weights [M, days, N]."""
    parts = []
    for m, name in enumerate(plan.measures):
        measure = MEASURES[name]
        daily = mean_reported(measure, expected_value(measure, records, xp))
        there = records["on_duty"] if per_session_day(measure) else xp.ones_like(daily)
        parts.append(summarise(measure, daily, weights[m], day_sets(measure, plan.days), xp, there))
    return xp.concatenate(parts).T


@dataclasses.dataclass(frozen=True)
class Observed:
    """The observations' side of the comparison; N physicians, S summaries, M measures."""

    values: np.ndarray  # float [N, S]; 0 where nothing was observed
    counts: np.ndarray  # effective number of values behind each, float [N, S]; 0 where nothing was observed
    noise: np.ndarray  # variance that the observation adds to each, float [N, S]
    baseline: np.ndarray  # variance between people of each summary's unknown own level, [S]
    measure: np.ndarray  # index of each summary's measure in the plan, int [S]


def summarise_observations(values: np.ndarray, weights: np.ndarray, plan: Plan) -> Observed:
    """Summaries of daily observations [M, days, N] with ``weights`` (0 where missing) of the same shape."""
    parts, counts, noise, baseline, which = [], [], [], [], []
    for m, name in enumerate(plan.measures):
        measure, w = MEASURES[name], weights[m]
        sets = day_sets(measure, plan.days).astype(float)
        summary = summarise(measure, values[m], w, sets, np)
        n = (sets @ w) ** 2 / np.maximum(sets @ w**2, 1e-12)
        one = _noise_of_one(measure, np.exp(summary) if averages_logs(measure) or logs_average(measure) else summary)
        if logs_average(measure):  # values are the truth times exp(noise * z), whose mean is not 1
            summary = summary - 0.5 * measure.noise**2
        there = n > 0.5
        parts.append(np.where(there, summary, 0.0))
        counts.append(np.where(there, n, 0.0))
        noise.append(np.where(there, one / np.maximum(n, 1.0), 0.0))
        baseline.append(np.full(len(sets), measure.personal.spread**2 if measure.personal else 0.0))
        which.append(np.full(len(sets), m))
    together = [np.concatenate(a) for a in (parts, counts, noise, baseline, which)]
    return Observed(together[0].T, together[1].T, together[2].T, together[3], together[4])


def _noise_of_one(measure: Measure, level: np.ndarray) -> Any:
    """Variance of one value about the truth, noise and rounding, on the scale of the measure's summary."""
    rounding = measure.step**2 / 12.0
    if measure.kind is Kind.LOGNORMAL:
        return measure.noise**2 + rounding / np.maximum(level, 1.0) ** 2
    if measure.kind is Kind.NORMAL:
        return measure.noise**2 + rounding
    if measure.kind is Kind.COUNT:
        return (
            rounding + 0.0 * level
        )  # events dated to the next or previous day; a full template leaves no other chance
    return 0.0 * level


def range_steps(measure: Measure) -> float:
    """How many different values a measure can report: a broken source is taken to show any of them."""
    return (min(measure.high, DAY_MINUTES * 1e3) - measure.low) / (measure.step or 1.0) + 1.0
