"""Was the advice right? What came about since a decision, against what was forecast when it was proposed.

The ledger keeps the forecast as it was made. What would have come about without the decision is the observed level of
the fortnight after the advice, before any change began, plus the drift that was forecast for doing nothing; realised is
the observed level less that. So a clinic whose level the model had wrong is still judged by what changed in it. Its
interval is the spread of that drift between the pairs (other posterior draws, other chance); errors of the observed
level itself, which a twin's estimate of risk has, are not in it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from experiments.decisions.errors import DecisionError
from experiments.decisions.evidence import PERIOD_WEEKS
from experiments.decisions.ledger import Item, Ledger
from experiments.decisions.trust import LARGEST_Z
from experiments.outcome_groups import MEASURES, WEEK_DAYS

SETTLING_DAYS = 42.0  # after the start: until then ramps and learning hide the effect (assumed)
HALF_PERIOD = dt.timedelta(days=PERIOD_WEEKS * WEEK_DAYS / 2)
AS_FORECAST, BETTER, WORSE, TOO_EARLY = "as forecast", "better than forecast", "worse than forecast", "too early"
COLUMNS = ("id", "title", "measure", "unit", "days", "forecast", "forecast_low", "forecast_high", "realised",
           "realised_low", "realised_high", "score", "verdict")  # fmt: skip


def realised_effects(ledger: Ledger, observed: pd.DataFrame) -> pd.DataFrame:
    """Forecast and realised effect of every decision that was approved, at the last fortnight that tells of it.

    ``observed`` has a row a date and measure: date, measure, value, of the whole clinic in the measure's unit. Values
    after an undoing are not used. See `experiments.decisions` for the columns. Raises DecisionError on other columns.
    """
    if not {"date", "measure", "value"} <= set(observed.columns):
        raise DecisionError(f"observed: met columns {list(observed.columns)}, expected date, measure, value")
    dates = pd.to_datetime(observed["date"]).dt.date
    rows = []
    for item in ledger.all_items():
        if "approved" not in set(item.history["state"]):
            continue
        path = pd.DataFrame(item.path)
        for name, forecast in path.groupby("measure", sort=False):
            own = observed["measure"] == name
            rows.append(_row(item, str(name), forecast, pd.Series(observed.loc[own, "value"].array, dates[own])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(item: Item, measure: str, path: pd.DataFrame, values: pd.Series) -> dict[str, Any]:
    row: dict[str, Any] = {name: math.nan for name in COLUMNS} | {
        "id": item.id, "title": item.recommendation["title"], "measure": measure, "unit": MEASURES[measure].unit,
        "verdict": TOO_EARLY,
    }  # fmt: skip
    found = _last_period(item, path, values)
    if found is None:
        return row
    middle, level, before, at = found
    drift, drift_deviation = float(at["drift"]), float(at["drift_deviation"])
    days = float((middle - item.start).days)
    forecast, low, high, deviation = (
        float(np.interp(days, path["days"], path[name]))
        for name in ("difference", "likely_low", "likely_high", "deviation")
    )
    realised = level - before - drift
    score = (realised - forecast) / max(math.hypot(drift_deviation, deviation), 1e-9)
    verdict = AS_FORECAST
    if abs(score) > LARGEST_Z:
        verdict = BETTER if (score > 0) == (MEASURES[measure].better > 0) else WORSE
    half = LARGEST_Z * drift_deviation
    return row | {
        "days": days, "forecast": forecast, "forecast_low": low, "forecast_high": high, "realised": realised,
        "realised_low": realised - half, "realised_high": realised + half, "score": score, "verdict": verdict,
    }  # fmt: skip


def _last_period(item: Item, path: pd.DataFrame,
                 values: pd.Series) -> tuple[dt.date, float, float, Mapping[str, Any]] | None:  # fmt: skip
    """(its middle, mean observed in it, mean observed before the change, its row of the path), or None: too early."""
    middles = [dt.date.fromisoformat(text) for text in path["date"]]
    before = _mean_within(values, middles[0])
    for k in reversed(range(1, len(middles))):
        middle = middles[k]
        settled = (middle - item.start).days >= SETTLING_DAYS
        over = item.end is not None and middle + HALF_PERIOD > item.end
        level = _mean_within(values, middle)
        if settled and not over and before is not None and level is not None:
            return middle, level, before, path.iloc[k].to_dict()
    return None


def _mean_within(values: pd.Series, middle: dt.date) -> float | None:
    inside = [middle - HALF_PERIOD <= date < middle + HALF_PERIOD for date in values.index]
    found = values[inside].dropna()
    return float(found.mean()) if len(found) else None
