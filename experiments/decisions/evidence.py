"""Tables of evidence from the simulated options: paired differences to doing nothing, with two kinds of intervals.

``low`` and ``high`` hold the expected change (the mean over posterior draws and chance) with 90 %; ``likely_low`` and
``likely_high`` are the middle 90 % of the pairs, which is what may happen in this one clinic.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from experiments.decisions.options import Option
from experiments.decisions.simulated import risk_of_physicians
from experiments.decisions.starts import Starts
from experiments.effects import BASELINE, LEVEL, ROUNDING, estimate, outcome_table, verdict
from experiments.effects import HIGHER as MORE
from experiments.effects import LOWER as LESS
from experiments.outcome_groups import MEASURES, WEEK_DAYS, clinic_values

HEADLINE = ("burnout_risk", "work_outside_work_8", "third_next_available", "wait", "net")  # shown with every advice
FOLLOWED = HEADLINE[:3]  # what a twin observes, to be held against what comes about
PERIOD_WEEKS = 2  # of the path; every change has a longer lead, so that the first period lies before it
LEAST_RISK = 0.1  # points of a clinic's burnout risk; less is nothing that anybody decides for (assumed)
TOO_SMALL = "too small to matter"
TAILS = (50 - 50 * LEVEL, 50 + 50 * LEVEL)  # percent
EFFECTS = ("id", "aim", "measure", "label", "unit", "level", "level_low", "level_high", "difference", "low", "high",
           "likely_low", "likely_high", "chance_better", "verdict", "reading", "replicates")  # fmt: skip
NOTHING = "nothing"  # the identifier of doing nothing


def effects_table(data: xr.Dataset, identifiers: Sequence[str], widening: float = 1.0) -> pd.DataFrame:
    """Every measure of every option and of doing nothing; see `experiments.decisions`."""
    table = outcome_table(data)
    likely = _likely(clinic_values(data))
    table = table.merge(likely, on=["scenario", "measure"])
    base = table[table["scenario"] == BASELINE].set_index("measure")["level"]
    for side in ("low", "high"):
        table[side] = table["difference"] + widening * (table[side] - table["difference"])
    table["verdict"] = [
        verdict(r.difference, r.low, r.high, r.replicates, float(base[r.measure])) for r in table.itertuples()
    ]
    better = table["measure"].map({name: m.better for name, m in MEASURES.items()})
    sign = table["verdict"].map({LESS: -1, MORE: 1}).fillna(0) * better
    table["reading"] = sign.map({1: "better", -1: "worse", 0: ""})
    small = (table["measure"] == "burnout_risk") & (table["difference"].abs() < LEAST_RISK) & (table["reading"] != "")
    table.loc[small, ["verdict", "reading"]] = TOO_SMALL, ""
    names = {BASELINE: NOTHING, **{str(k): identifier for k, identifier in enumerate(identifiers)}}
    table.insert(0, "id", table["scenario"].map(names))
    return table[list(EFFECTS)]


def _likely(values: xr.Dataset) -> pd.DataFrame:
    parts = []
    for name in values.data_vars:
        levels = values[name].transpose("scenario", "replicate").values.astype(float)
        names = [str(s) for s in values["scenario"].values]
        pairs = levels - levels[names.index(BASELINE)]
        low, high = _quantiles(pairs)
        rounding = ROUNDING * max(1.0, float(np.nanmean(np.abs(levels))) if np.isfinite(levels).any() else 1.0)
        better = MEASURES[str(name)].better * pairs > rounding
        known = np.isfinite(pairs).sum(axis=-1)
        parts.append(pd.DataFrame({
            "scenario": names, "measure": str(name), "likely_low": low, "likely_high": high,
            "chance_better": better.sum(axis=-1) / np.where(known > 0, known, np.nan),
        }))  # fmt: skip
    return pd.concat(parts)


def _quantiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of the middle 90 % over the last axis; NaN where nothing is known."""
    known = np.isfinite(values).any(axis=-1)
    filled = np.where(known[..., None], values, 0.0)
    low, high = np.nanpercentile(filled, TAILS, axis=-1)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def path_table(data: xr.Dataset, starts: Starts, options: Sequence[Option],
               identifiers: Sequence[str]) -> pd.DataFrame:  # fmt: skip
    """What is forecast, period by period, of the measures that can be held against observations."""
    weeks = data.sizes["day"] // PERIOD_WEEKS * PERIOD_WEEKS
    sums = data[sorted({n for m in FOLLOWED for n in MEASURES[m].needs})].isel(day=slice(0, weeks))
    periods = sums.coarsen(day=PERIOD_WEEKS, coord_func={"day": "min"}).mean()
    periods.attrs["period_days"] = PERIOD_WEEKS * WEEK_DAYS
    parts, first = [], clinic_values(periods.isel(day=slice(0, 1)), FOLLOWED)
    for k in range(periods.sizes["day"]):
        middle = starts.date + dt.timedelta(days=(2 * k + 1) * PERIOD_WEEKS * WEEK_DAYS // 2)
        values = clinic_values(periods.isel(day=slice(k, k + 1)), FOLLOWED)
        for name in values.data_vars:
            parts.append(_path_rows(values[name], first[name], middle, options, identifiers))
    return pd.concat(parts, ignore_index=True)


def _path_rows(values: xr.DataArray, first: xr.DataArray, middle: dt.date, options: Sequence[Option],
               identifiers: Sequence[str]) -> pd.DataFrame:  # fmt: skip
    levels = values.transpose("scenario", "replicate").values.astype(float)
    pairs = levels[1:] - levels[0]  # together() puts doing nothing first
    change, level = estimate(pairs), estimate(levels)
    low, high = _quantiles(pairs)
    nothing_low, nothing_high = _quantiles(levels[:1])
    drift = levels[0] - first.transpose("scenario", "replicate").values[0].astype(float)
    return pd.DataFrame({
        "id": list(identifiers), "measure": values.name, "unit": MEASURES[str(values.name)].unit,
        "days": [(middle - option.start).days for option in options], "date": middle, "nothing": level.mean[0],
        "nothing_low": nothing_low[0], "nothing_high": nothing_high[0],
        "drift": drift.mean(), "drift_deviation": drift.std(ddof=1), "level": level.mean[1:], "difference": change.mean,
        "low": change.low, "high": change.high, "likely_low": low, "likely_high": high,
        "deviation": np.nanstd(pairs, axis=-1, ddof=1),
    })  # fmt: skip


def people_table(data: xr.Dataset, starts: Starts, options: Sequence[Option], identifiers: Sequence[str],
                 drivers: dict[str, str]) -> pd.DataFrame:  # fmt: skip
    """Everybody's risk of doing nothing, and what each option does to it."""
    risk = 100 * risk_of_physicians(data).transpose("scenario", "physician", "replicate").values
    level, layout = estimate(risk[0]), starts.layout
    common = {"who": list(starts.who), "pod": layout.person_pod[: layout.physicians]}
    parts: list[Any] = []
    for k, (identifier, option) in enumerate(zip(identifiers, options, strict=True), 1):
        change = estimate(risk[k] - risk[0])
        parts.append(pd.DataFrame({
            "id": identifier, **common, "reached": option.members(layout), "risk": level.mean,
            "difference": change.mean, "low": change.low, "high": change.high,
            "drivers": [drivers.get(who, "") for who in starts.who],
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)
