"""From an observation table to the arrays a fit works on, with an account of every row."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd

from abm.layout import Layout
from calibration.measures import MEASURES
from calibration.observations import first_monday, to_array, validate
from calibration.quality import prior_working
from calibration.readouts import Answers
from calibration.summaries import DRIVEN, NOT_COMPARED, READ_OUT, WEEK

ANSWERS_STEP = 4  # places for answers come in fours, so that programs are compiled for few different numbers of them


@dataclasses.dataclass
class FitData:
    """Daily observations as arrays; M measures, D days, N physicians."""

    measures: tuple[str, ...]  # those that are compared by their means
    days: int
    values: np.ndarray  # float [M, D, N]; 0 where there is none
    prior: np.ndarray  # chance that the source works, [M, D, N]; 0 where there is no value
    answers: Answers
    settled: np.ndarray  # bool [N]: no post of the physician's pod was vacant in the period
    session_minutes: float | None  # length of a session day, from the roster
    streams: tuple[str, ...]  # of which something is used
    rows: pd.DataFrame  # by measure: received, used, suspect, refused_failed, not_used, and why


def prepare(observations: pd.DataFrame, layout: Layout, *, first_day: dt.date | None = None,
            timezone: str = "UTC") -> FitData:  # fmt: skip
    """Check the table, lay it out by day and person, and leave out what the fit cannot use.

    The period begins with the Monday of the first observation unless ``first_day`` says otherwise, and has whole weeks.
    From the first vacancy in a pod on, the pod's observations are left out: a successor is another person, and
    colleagues who cover a vacant panel work under a load that the fit does not follow.

    Raises ObservationError on a table that `validate` or `to_array` refuses.
    """
    table, _ = validate(observations)
    start = first_day or first_monday(table, timezone)
    local = table["measured_at"].dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
    number = (local - pd.Timestamp(start)).dt.days - table["measure"].map(
        {name: m.days_after for name, m in MEASURES.items()}
    )
    days = max(1, -(-(int(number.max()) + 1) // WEEK)) * WEEK
    by_quality = {
        q: to_array(table, layout, days, start, timezone=timezone, qualities=(q,)) for q in ("good", "suspect")
    }
    settled = _settled(by_quality["good"]["employed"], layout)
    good, suspect = ({m: np.where(settled, v, np.nan) for m, v in arrays.items()} for arrays in by_quality.values())
    compared = [m for m in MEASURES if m not in (*DRIVEN, *NOT_COMPARED, *READ_OUT)]
    measures = tuple(m for m in compared if np.isfinite(good[m]).any() or np.isfinite(suspect[m]).any())
    if {"kept_count", "no_show_count"} <= set(measures):
        measures = tuple(m for m in measures if m != "booked_count")  # their sum says nothing new
    measures = measures or ("kept_count",)  # nothing to compare: the fit returns the prior
    either = {m: np.where(np.isfinite(good[m]), good[m], suspect[m]) for m in MEASURES}
    prior = np.stack([prior_working(good[m], suspect[m], MEASURES[m]) for m in measures])
    scheduled = good["scheduled_minutes"]
    positive = scheduled[np.isfinite(scheduled) & (scheduled > 0)]
    rows = _account(table, by_quality, good, suspect)
    used = {MEASURES[m].stream for m, n in zip(rows["measure"], rows["used"], strict=True) if n}
    return FitData(
        measures,
        days,
        np.nan_to_num(np.stack([either[m] for m in measures])),
        prior,
        Answers(*(part for m in READ_OUT for part in _answers(either[m], good[m]))),
        settled[-1],
        float(np.median(positive)) if positive.size else None,
        tuple(sorted(used)),
        rows,
    )


def _settled(employed: np.ndarray, layout: Layout) -> np.ndarray:
    """True [D, N] until the roster first reports a vacancy in the physician's pod."""
    vacant = (np.cumsum(employed == 0, axis=0) > 0).reshape(len(employed), layout.pods, layout.pod_size)
    return ~np.repeat(vacant.any(axis=2), layout.pod_size, axis=1)


def _answers(values: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(day, value, weight), each [N, Q], of a survey's answers [D, N]; a suspect answer weighs one half."""
    there = np.isfinite(values)
    most = ANSWERS_STEP * max(-(-int(there.sum(axis=0).max(initial=0)) // ANSWERS_STEP), 1)
    day, answer, weight = (np.full((values.shape[1], most), v) for v in (0, 1.0, 0.0))
    for i in range(values.shape[1]):
        days = np.flatnonzero(there[:, i])
        day[i, : len(days)] = days
        answer[i, : len(days)] = values[days, i]
        weight[i, : len(days)] = np.where(np.isfinite(good[days, i]), 1.0, 0.5)
    return day, answer, weight


def _account(table: pd.DataFrame, by_quality: dict[str, dict[str, np.ndarray]], good: dict[str, np.ndarray],
             suspect: dict[str, np.ndarray]) -> pd.DataFrame:  # fmt: skip
    """What became of the rows of each measure: received = used + suspect + failed + outside + after_vacancy +
    not_compared."""
    count: Callable[[np.ndarray], int] = lambda values: int(np.isfinite(values).sum())  # noqa: E731
    rows = []
    for name, of_measure in table.groupby("measure", sort=False):
        m, failed = str(name), int((of_measure["quality"] == "failed").sum())
        reported = {q: int((of_measure["quality"] == q).sum()) for q in ("good", "suspect")}
        outside = sum(reported.values()) - sum(count(by_quality[q][m]) for q in reported)
        after = sum(count(by_quality[q][m]) for q in reported) - count(good[m]) - count(suspect[m])
        dropped = m in NOT_COMPARED
        rows.append({
            "stream": MEASURES[m].stream, "measure": m, "received": len(of_measure),
            "used": 0 if dropped else count(good[m]), "suspect": 0 if dropped else count(suspect[m]), "failed": failed,
            "outside_period": outside, "after_vacancy": after,
            "not_compared": count(good[m]) + count(suspect[m]) if dropped else 0,
        })  # fmt: skip
    return pd.DataFrame(rows)
