"""The registry of streams and measures: what can be observed of a clinic, and how it relates to the model.

Noise, baselines, loadings and spreads between people are assumed. They say how a measure differs from the
outcome it observes, not how the outcome itself varies from day to day.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any


class Kind(enum.StrEnum):
    """How a value relates to the truth, and what ``Measure.noise`` means."""

    LOGNORMAL = "lognormal"  # value = truth * exp(noise * z): a log-standard deviation; zero stays zero
    NORMAL = "normal"  # value = truth + noise * z: in the measure's unit
    COUNT = "count"  # value = truth: logs count events exactly, the randomness is the clinic's own
    ORDINAL = "ordinal"  # value = level by ordered thresholds on the latent index plus personal intercept
    EXACT = "exact"  # value = truth


@dataclasses.dataclass(frozen=True)
class Personal:
    """A level of one's own: the value (normal) or its log (lognormal) is own baseline + loading * fatigue."""

    baseline: float  # of the median person, in the measure's unit
    spread: float  # standard deviation between people: of the log (lognormal), in the unit (normal)
    fatigue_loading: float  # per unit of morning fatigue (0-1), on the same scale as the spread


@dataclasses.dataclass(frozen=True)
class Measure:
    """One measure of one stream: a value for one person and one calendar day.

    ``outcomes`` are the names in `abm.outcomes.RECORDED` whose sum, times ``scale``, is observed (burnout_level:
    the states its index is built from). ``days_after``: it is measured that many calendar days after the day it
    is about. ``low`` and ``high`` bound what is possible; values are rounded to ``step`` (0: not rounded).
    """

    name: str
    stream: str
    unit: str
    low: float
    high: float
    kind: Kind
    outcomes: tuple[str, ...]
    meaning: str
    noise: float = 0.0
    step: float = 0.0
    scale: float = 1.0
    days_after: int = 0
    personal: Personal | None = None


STREAMS: dict[str, str] = {
    "ehr": "audit log of the electronic health record, daily totals",
    "schedule": "appointment book, daily totals",
    "wearable": "wrist sensor, one value a night or day",
    "roster": "staffing plan and absences",
    "survey": "pulse survey, weekly or monthly",
}
DAY_MINUTES = 1440.0
MESSAGES = ("patient_messages", "result_messages", "colleague_messages", "system_messages")
BURNOUT_STATES = ("exhaustion", "cynicism", "motivation", "change_fatigue")


def _minutes(name: str, stream: str, outcome: str, meaning: str, noise: float) -> Measure:
    limits = (0, DAY_MINUTES)
    return Measure(name, stream, "min", *limits, Kind.LOGNORMAL, (outcome,), meaning, noise=noise, step=1)


def _count(name: str, stream: str, high: float, outcomes: tuple[str, ...], meaning: str) -> Measure:
    return Measure(name, stream, "1", 0, high, Kind.COUNT, outcomes, meaning, step=1)


# noise of minutes, assumed: 5 % for a total (vendors count idle time differently), 8 % for the share of a task
_ALL = (
    _minutes("ehr_minutes", "ehr", "ehr_minutes", "EHR time of the day", 0.05),
    _minutes("note_minutes", "ehr", "note_minutes", "documentation time of the day", 0.08),
    _minutes("inbox_minutes", "ehr", "inbox_minutes", "in-basket time of the day", 0.08),
    _minutes("order_minutes", "ehr", "order_minutes", "order entry time of the day", 0.08),
    _minutes("work_outside_work_minutes", "ehr", "ehr_outside_scheduled_minutes",
             "EHR time outside time scheduled with patients", 0.08),
    _count("message_count", "ehr", 2000, MESSAGES, "in-basket messages received on the day"),
    _count("booked_count", "schedule", 100, ("booked",), "visits booked for the day"),
    _count("kept_count", "schedule", 100, ("kept",), "visits kept"),
    _count("no_show_count", "schedule", 100, ("no_show",), "booked visits to which the patient did not come"),
    _minutes("visit_minutes", "schedule", "visit_minutes", "time with patients, check-in to check-out", 0.05),
    Measure("third_next_available_days", "schedule", "day", 0, 365, Kind.NORMAL,
            ("third_next_available_days",), "calendar days until the third free slot", noise=0.5, step=1),
    Measure("sleep_minutes", "wearable", "min", 0, DAY_MINUTES, Kind.LOGNORMAL, ("sleep_hours",),
            "sleep of the night that ends on the day of measurement", noise=0.05, step=1, scale=60,
            days_after=1),
    Measure("resting_heart_rate", "wearable", "1/min", 25, 150, Kind.NORMAL, ("fatigue",),
            "resting heart rate in the morning", noise=1.8, step=1,
            personal=Personal(baseline=62, spread=7, fatigue_loading=12)),
    Measure("heart_rate_variability_rmssd", "wearable", "ms", 1, 300, Kind.LOGNORMAL, ("fatigue",),
            "heart-rate variability in the morning (root mean square of successive differences)",
            noise=0.15, step=1, personal=Personal(baseline=32, spread=0.4, fatigue_loading=-0.8)),
    # tells whether the device works and is worn, and nothing of the model's states
    Measure("steps", "wearable", "1", 0, 100_000, Kind.LOGNORMAL, (), "steps of the day", noise=0.3, step=1,
            personal=Personal(baseline=7000, spread=0.3, fatigue_loading=0)),
    Measure("scheduled_minutes", "roster", "min", 0, DAY_MINUTES, Kind.EXACT, ("scheduled_minutes",),
            "time scheduled with patients"),
    Measure("absent", "roster", "1", 0, 1, Kind.EXACT, ("absent",), "1: absent although due"),
    Measure("employed", "roster", "1", 0, 1, Kind.EXACT, ("employed",), "1: the post is filled, 0: vacant"),
    Measure("burnout_level", "survey", "level", 1, 5, Kind.ORDINAL, BURNOUT_STATES,
            "single-item burnout scale; 3 or more is burned out", step=1),
    Measure("task_load", "survey", "points", 0, 400, Kind.NORMAL, ("task_load",),
            "NASA-TLX, four demand items of 0-100 in steps of 5, of the session day", noise=20, step=5),
    Measure("motivation_score", "survey", "points", 0, 10, Kind.NORMAL, ("motivation",),
            "motivation, 0-10", noise=0.6, step=1, scale=10),
)  # fmt: skip
MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}


def measures_of(stream: str) -> tuple[Measure, ...]:
    """The measures of one stream."""
    return tuple(m for m in MEASURES.values() if m.stream == stream)


def expected_value(measure: Measure, records: Mapping[str, Any], xp: Any, baseline: Any = None) -> Any:
    """The value without noise and rounding (the median, for lognormal measures), shaped as the records.

    ``records`` maps outcome names to arrays; ``baseline`` is the person's own level of a measure that has one
    (the median person's if not given). Raises ValueError for ordinal measures: they have thresholds, not a value.
    """
    if measure.kind is Kind.ORDINAL:
        raise ValueError(f"{measure.name}: has ordered thresholds, no expected value; see abm.rules.burnout")
    if measure.personal is None:
        return measure.scale * sum(records[name] for name in measure.outcomes)
    own = measure.personal.baseline if baseline is None else baseline
    effect = measure.personal.fatigue_loading * records["fatigue"]
    return own * xp.exp(effect) if measure.kind is Kind.LOGNORMAL else own + effect
