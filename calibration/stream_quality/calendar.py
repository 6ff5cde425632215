"""The clinic's calendar: which day an observation is about, and which days which streams cover."""

from __future__ import annotations

from typing import Any

import pandas as pd

from calibration.measures import MEASURES

LONGEST_DAYS = 36_525  # of a calendar without holes: a century (assumed: more is a wrong clock)


def about_days(table: pd.DataFrame, timezone: str) -> pd.Series[Any]:
    """The calendar day (midnight, without zone) that each observation is about, in the clinic's time zone.

    A day is the clinic's own, so that it has 23 or 25 hours when the clocks change, and what is measured at half past
    eleven in the evening belongs to that evening's day wherever the log was written. A measure taken some days after
    the day it is about (sleep: on waking) counts for that day, as in `calibration.observations.to_array`.
    """
    local = table["measured_at"].dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
    after = table["measure"].map({name: m.days_after for name, m in MEASURES.items()}).fillna(0)
    return (local - pd.to_timedelta(after.astype(int), unit="D")).rename("day")


def coverage(table: pd.DataFrame) -> pd.DataFrame:
    """How many people each stream has observations of, by day: int [streams, days], every day of the span a column.

    ``table``: observations with their ``day``. Empty if there are none.
    """
    if table.empty:
        return pd.DataFrame()
    counted = table.groupby(["stream", "day"], observed=True)["who"].nunique().unstack("day", fill_value=0)
    first, last = table["day"].min(), table["day"].max()
    if (last - first).days >= LONGEST_DAYS:  # days of wrong clocks are shown, not all between them
        return counted.sort_index(axis=1)
    return counted.reindex(columns=pd.date_range(first, last, freq="D"), fill_value=0)
