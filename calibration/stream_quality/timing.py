"""Latency from measurement to receipt, and gaps between the days that a person's stream covers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from calibration.event_log.counts import LATE_HOURS

# A gap is longer than a weekend and than so many of the stream's own usual intervals (both assumed).
WEEKEND_DAYS, USUAL_INTERVALS = 3, 3
LATENCY_COLUMNS = ["stream", "observations", "median_hours", "ninth_decile_hours", "longest_hours", "late_share"]
GAP_COLUMNS = ["who", "stream", "first_day", "last_day", "days"]


def latency(receipts: pd.DataFrame) -> pd.DataFrame:
    """Hours from measured_at to the first received_at, one row a stream: LATENCY_COLUMNS.

    ``receipts``: as `EventLog.first_receipts`. Hours are elapsed time, whatever the clocks showed; ``late_share`` is
    the share received LATE_HOURS or more after it was measured.
    """
    hours = (receipts["received_at"] - receipts["measured_at"]).dt.total_seconds() / 3600
    by_stream = hours.groupby(receipts["stream"])
    result = pd.DataFrame({
        "observations": by_stream.size(), "median_hours": by_stream.median(),
        "ninth_decile_hours": by_stream.quantile(0.9), "longest_hours": by_stream.max(),
        "late_share": by_stream.apply(lambda h: float((h >= LATE_HOURS).mean())),
    })  # fmt: skip
    return result.rename_axis("stream").reset_index().reindex(columns=LATENCY_COLUMNS)


def intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Days between consecutive covered days of a person's stream: who, stream, before, day, days (1: the next day)."""
    covered = table[["who", "stream", "day"]].drop_duplicates().sort_values(["who", "stream", "day"])
    covered["before"] = covered.groupby(["who", "stream"])["day"].shift()
    covered = covered[covered["before"].notna()]
    return covered.assign(days=(covered["day"] - covered["before"]).dt.days.astype(int)).reset_index(drop=True)


def usual_interval(between: pd.DataFrame) -> dict[str, float]:
    """The median interval of each stream in days; streams of which no day follows another are left out."""
    return {str(stream): float(days) for stream, days in between.groupby("stream")["days"].median().items()}


def longest_usual(usual_days: float) -> float:
    """The interval in days up to which a stream is not said to have a gap."""
    return max(WEEKEND_DAYS, USUAL_INTERVALS * usual_days)


def gaps(between: pd.DataFrame) -> pd.DataFrame:
    """The gaps, longest first: GAP_COLUMNS, of which first_day and last_day are the days without observations.

    Absence and vacancy are not told apart from a silent source.
    """
    usual = usual_interval(between)
    limit = between["stream"].map({s: longest_usual(days) for s, days in usual.items()}).astype(float)
    found = between[between["days"] > limit]
    day = np.timedelta64(1, "D")
    result = pd.DataFrame({
        "who": found["who"], "stream": found["stream"], "first_day": found["before"] + day,
        "last_day": found["day"] - day, "days": found["days"] - 1,
    })  # fmt: skip
    return result.sort_values(["days", "who", "stream"], ascending=[False, True, True]).reset_index(drop=True)


def gap_summary(table: pd.DataFrame, between: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """One row a stream: first_day, last_day, people, usual_interval_days, gaps, people_with_gaps, longest_gap_days."""
    by_stream = table.groupby("stream", observed=True)
    result = pd.DataFrame({
        "first_day": by_stream["day"].min(), "last_day": by_stream["day"].max(), "people": by_stream["who"].nunique(),
        "usual_interval_days": pd.Series(usual_interval(between), dtype=float),
    })  # fmt: skip
    of_gaps = found.groupby("stream", observed=True)
    for name, values in (("gaps", of_gaps.size()), ("people_with_gaps", of_gaps["who"].nunique()),
                         ("longest_gap_days", of_gaps["days"].max())):  # fmt: skip
        result[name] = values.reindex(result.index).fillna(0).astype(int)
    return result.rename_axis("stream").reset_index()
