"""Everything the quality report says of an event log, as tables of numbers, with small groups of people hidden."""

from __future__ import annotations

import dataclasses

import pandas as pd

from calibration.event_log import EventLog
from calibration.stream_quality.calendar import about_days, coverage
from calibration.stream_quality.drift import Drift, drifts
from calibration.stream_quality.levels import level_jumps
from calibration.stream_quality.outliers import outliers
from calibration.stream_quality.refusals import Reason, by_reason
from calibration.stream_quality.sensors import failures, silent_streams
from calibration.stream_quality.timing import gap_summary, gaps, intervals, latency, usual_interval
from calibration.suppression import SMALLEST_CELL, check_smallest, too_small


@dataclasses.dataclass(frozen=True)
class Quality:
    """What is known of the quality of a log's streams, in the calendar of ``timezone``.

    Of groups of people (``covered`` [streams, days], ``streams``, ``faults``) numbers below ``smallest_cell`` are NA.
    ``gaps``, ``outliers`` and ``failures`` are rows about single people, by pseudonym: for those who mend the sources.
    """

    timezone: str
    smallest_cell: int
    people: int
    observations: int
    first_day: pd.Timestamp | None
    last_day: pd.Timestamp | None
    covered: pd.DataFrame
    streams: pd.DataFrame  # latency, gaps and counts, a row a stream
    faults: pd.DataFrame  # people by stream, measure and fault
    silent_streams: dict[str, pd.Timestamp]
    gaps: pd.DataFrame
    outliers: pd.DataFrame
    failures: pd.DataFrame
    reasons: list[Reason]
    ingests: pd.DataFrame
    drifts: list[Drift]


def assess(log: EventLog, *, timezone: str = "UTC", smallest_cell: int = SMALLEST_CELL) -> Quality:
    """Look at a log. Raises ValueError on a threshold below 1; ``timezone`` must be a known one."""
    check_smallest(smallest_cell)
    table = log.observations()
    table = table.assign(day=about_days(table, timezone))
    between = intervals(table)
    usual = usual_interval(between)
    longest, unusual, failing = gaps(between), outliers(table), failures(table, usual)
    ingests = log.ingests()
    covered = coverage(table)
    return Quality(
        timezone, smallest_cell, int(table["who"].nunique()), len(table),
        None if table.empty else table["day"].min(), None if table.empty else table["day"].max(),
        covered.astype("Int64").mask(too_small(covered, smallest_cell)) if len(covered) else covered,
        _streams(log, table, between, longest, smallest_cell), _faults(failing, unusual, smallest_cell),
        silent_streams(table, usual), longest, unusual, failing, by_reason(log.reasons()), ingests,
        sorted([*drifts(ingests), *level_jumps(ingests, log.levels())], key=lambda d: d.ingest),
    )  # fmt: skip


def _streams(log: EventLog, table: pd.DataFrame, between: pd.DataFrame, longest: pd.DataFrame,
             smallest: int) -> pd.DataFrame:  # fmt: skip
    timing = gap_summary(table, between, longest).merge(latency(log.first_receipts()), on="stream", how="left")
    for name in ("suspect", "failed"):
        counted = table[table["quality"] == name]["stream"].value_counts()
        timing[name] = timing["stream"].map(counted).fillna(0).astype(int)
    result = timing.merge(log.stream_counts(), on="stream", how="outer").sort_values("stream", ignore_index=True)
    for name in ("people", "people_with_gaps"):
        number = result[name].astype("Int64")
        result[name] = number.mask(too_small(number.fillna(0).astype(int), smallest))
    few = result["people_with_gaps"].isna()
    for name in ("gaps", "longest_gap_days"):
        result[name] = result[name].astype("Int64").mask(few)
    return result


def _faults(failing: pd.DataFrame, unusual: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """How many people are concerned by each fault: stream, measure, fault, people (NA if few). People may be in several
    rows, so that no total gives a number away."""
    columns = ["stream", "measure", "fault"]
    both = pd.concat([failing[["who", *columns]], unusual.rename(columns={"why": "fault"})[["who", *columns]]])
    counted = both.groupby(columns)["who"].nunique().rename("people").reset_index()
    people = counted["people"].astype("Int64")
    return counted.assign(people=people.mask(too_small(people.astype(int), smallest)))
