"""The twin's picture of who is at risk, from what its streams show on the eve of the go-live."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from abm.layout import Layout
from abm.outcomes import to_dataset
from abm.parameters import Parameters
from calibration.measures import STREAMS
from calibration.observations import person_ids
from calibration.observing import ObservationPlan, observe
from experiments.implementation.clinic_runs import GO_LIVE, WARM_UP_DAYS

# What each measure says of risk: +1 more of it is worse. All count alike (assumed); means over the watched weeks.
SIGNS = {
    "burnout_level": 1,
    "task_load": 1,
    "motivation_score": -1,
    "work_outside_work_minutes": 1,
    "ehr_minutes": 1,
    "sleep_minutes": -1,
    "resting_heart_rate": 1,
    "heart_rate_variability_rmssd": -1,
}
# Faults in words; what they are is `calibration.observing`'s to say.
FAULT_MEANINGS = {
    "missing_share": "share of values that never arrive",
    "gap_per_day": "chance a day that a person's stream falls silent",
    "gap_days": "mean days of such a silence",
    "delay_hours": "usual hours from measurement to receipt",
    "late_share": "share of days whose data come later than usual",
    "late_days": "mean days by which these are later",
    "correction_share": "share of values too low at first and corrected later",
    "wearable_share": "share of physicians who wear a sensor",
    "failing_sensor_share": "share of sensors that fail for good",
    "unnoticed_share": "share of failed sensors whose values pass for good",
    "survey_response_share": "share of physicians who answer a survey",
}
MOST_FAULT = 10_000.0  # of hours and days of a fault
TRUTH_DAYS = 28  # the last weeks, over which the true risk is averaged


def fault_bounds(name: str) -> tuple[float, float, float]:
    """(usual value, lowest, highest) of a fault: a field of `ObservationPlan`, or `stream.field` of `Faults`.

    Raises ValueError on a name that `calibration.observing` does not have.
    """
    stream, _, fault = name.rpartition(".")
    usual: Any = ObservationPlan()
    if stream:
        usual = getattr(usual, stream) if stream in STREAMS else None
    value = getattr(usual, fault, None)
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise ValueError(f"fault: met {name!r}, expected a number of ObservationPlan, or 'stream.' and one of Faults")
    high = 1.0 if fault.endswith(("_share", "_per_day")) else MOST_FAULT
    return float(value), 1.0 if fault == "gap_days" else 0.0, high


def plan_with(faults: Mapping[str, float]) -> ObservationPlan:
    """The usual plan with some values changed. Raises ValueError as :func:`fault_bounds`, or if out of range."""
    plan: dict[str, Any] = {}
    by_stream: dict[str, dict[str, float]] = {}
    for name, value in faults.items():
        fault_bounds(name)
        stream, _, fault = name.rpartition(".")
        (by_stream.setdefault(stream, {}) if stream else plan)[fault] = value
    usual = ObservationPlan()
    streams = {name: dataclasses.replace(getattr(usual, name), **values) for name, values in by_stream.items()}
    return dataclasses.replace(usual, **streams, **plan)


@dataclasses.dataclass(frozen=True)
class Picture:
    """Risk score of every physician [N] (standard deviations; 0 = nothing known), and its rank correlation with the
    true burnout risk."""

    score: np.ndarray
    accuracy: float

    def at_highest_risk(self, count: int) -> tuple[int, ...]:
        """The ``count`` physicians with the highest scores, highest first."""
        return tuple(np.argsort(-self.score, kind="stable")[:count].tolist())


def see(
    records: dict[str, np.ndarray],
    generation: np.ndarray,
    layout: Layout,
    parameters: Parameters,
    plan: ObservationPlan,
    seed: Any,
) -> Picture:
    """The picture from one replicate's daily records [days, N] of the watched weeks, as the streams report them.

    ``generation`` [N] counts the hires into each post up to the go-live.

    Only values of good quality that were received before the go-live count.
    """
    data = to_dataset(records, layout, first_day=WARM_UP_DAYS, with_derived=False)
    before = generation - records["hired"].sum(axis=0)
    rows = observe(data, layout, parameters, seed, plan, generation=before)
    eve = pd.Timestamp(plan.first_day, tz="UTC") + pd.Timedelta(days=GO_LIVE)
    rows = rows[rows["measure"].isin(list(SIGNS)) & (rows["quality"] == "good") & (rows["received_at"] < eve)]
    means = rows.groupby(["measure", "who"])["value"].mean().unstack("who")
    means = means.reindex(index=list(SIGNS), columns=person_ids(layout.physicians))
    spread = means.std(axis=1).replace(0.0, np.nan)
    z = means.sub(means.mean(axis=1), axis=0).div(spread, axis=0).mul(pd.Series(SIGNS), axis=0)
    score = z.fillna(0.0).mean(axis=0).to_numpy()
    truth = records["burnout_risk"][-TRUTH_DAYS:].mean(axis=0)
    accuracy = float(spearmanr(score, truth).statistic) if score.std() > 0 else 0.0
    return Picture(score, accuracy)
