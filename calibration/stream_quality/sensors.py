"""Sensors and sources that fail: flat-lined, stuck, saturated or dead, for whom and since when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from calibration.measures import MEASURES, Measure
from calibration.stream_quality.timing import longest_usual

FLAT, STUCK, SATURATED, DEAD = "flat-lined", "stuck", "saturated", "dead"
SATURATED_SHARE = 0.2  # of a person's values at its own largest or smallest (assumed: a ceiling, not chance)
DEAD_DAYS = 14  # without anything, at least, while others still report (assumed: longer than most leave)


class Failure(NamedTuple):
    """A person's failing sensor. ``since`` and ``until`` are days; ``goes_on``: nothing better came after it."""

    who: str
    stream: str
    measure: str  # empty: the whole stream
    fault: str
    since: pd.Timestamp
    until: pd.Timestamp
    goes_on: bool
    value: float = np.nan


def failures(table: pd.DataFrame, usual: dict[str, float]) -> pd.DataFrame:
    """The failing sensors in observations with their ``day``, one row a Failure, newest first.

    ``usual``: each stream's usual interval in days (`timing.usual_interval`). Runs of equal values are judged where
    values are noisy (`calibration.quality.SENSORS`); silence in every stream that reports weekly or more often. Who is
    known to have left (roster) is not said to be silent.
    """
    found = [*_repeating(table), *_silent(table, usual)] if len(table) else []
    result = pd.DataFrame(found, columns=list(Failure._fields))
    return result.sort_values(["since", "who", "measure"], ascending=[False, True, True]).reset_index(drop=True)


def silent_streams(table: pd.DataFrame, usual: dict[str, float]) -> dict[str, pd.Timestamp]:
    """The last day of each stream that stopped for everybody while others went on."""
    if table.empty:
        return {}
    last = table.groupby("stream", observed=True)["day"].max()
    end = last.max()
    return {str(s): day for s, day in last.items() if (end - day).days > _patience(usual.get(str(s), 1.0))}


def _patience(usual_days: float) -> float:
    return max(DEAD_DAYS, longest_usual(usual_days))


def _repeating(table: pd.DataFrame) -> Iterator[Failure]:
    from calibration.quality import SENSORS, stuck  # loads the JAX engine, which an ingest can do without

    sensed = table[table["stream"].isin(SENSORS) & (table["quality"] != "failed")]
    for name, rows in sensed.groupby("measure", observed=True):
        measure = MEASURES.get(str(name))
        if measure is None:
            continue
        by_day = rows.groupby(["day", "who"], observed=True)["value"].last().unstack("who")
        in_run = stuck(by_day.to_numpy(float))
        for column, who in enumerate(by_day.columns):
            series = by_day.iloc[:, column]
            there = series.notna().to_numpy()
            runs = pd.Series(in_run[there, column], index=series.index[there])
            if in_run[there, column].any():
                yield from _runs(str(who), measure, series[there], runs)
            yield from _at_the_end(str(who), measure, series[there][~runs.to_numpy(bool)])


def _runs(who: str, measure: Measure, series: pd.Series[Any], in_run: pd.Series[Any]) -> Iterator[Failure]:
    number = (series != series.shift()).cumsum()
    for _, run in series[in_run.to_numpy(bool)].groupby(number[in_run.to_numpy(bool)]):
        value = float(run.iloc[0])
        fault = SATURATED if value >= measure.high else FLAT if value <= measure.low else STUCK
        goes_on = bool(run.index[-1] == series.index[-1])
        yield Failure(who, measure.stream, measure.name, fault, run.index[0], run.index[-1], goes_on, value)


def _at_the_end(who: str, measure: Measure, series: pd.Series[Any]) -> Iterator[Failure]:
    """A sensor that cannot show more (or less) shows its end of scale again and again."""
    from calibration.quality import STUCK_RUN

    if len(series) < 2 or series.nunique() < 2:
        return
    for end in (float(series.max()), float(series.min())):
        at_end = series[series == end]
        if len(at_end) >= max(STUCK_RUN, SATURATED_SHARE * len(series)):
            goes_on = len(series.loc[at_end.index[-1] :]) <= 1 / SATURATED_SHARE
            yield Failure(who, measure.stream, measure.name, SATURATED, at_end.index[0], at_end.index[-1], goes_on, end)


def _silent(table: pd.DataFrame, usual: dict[str, float]) -> Iterator[Failure]:
    roster = table[table["measure"] == "employed"].sort_values("day").groupby("who", observed=True)["value"].last()
    left = set(roster.index[roster == 0])
    for stream, rows in table.groupby("stream", observed=True):
        interval = usual.get(str(stream), 1.0)
        if interval > 7:
            continue
        last = rows.groupby("who", observed=True)["day"].max()
        end = last.max()
        for who, day in last.items():
            if (end - day).days > _patience(interval) and who not in left:
                since = day + pd.Timedelta(days=1)
                yield Failure(str(who), str(stream), "", DEAD, since, end, True)
