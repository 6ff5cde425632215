"""Effects of interventions: paired differences to the baseline over common random numbers, with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import t as student

from abm.interventions import KINDS
from calibration.suppression import hidden_cells
from experiments.outcome_groups import MEASURES, clinic_values, mean_while_filled, window_periods

BASELINE = "baseline"
DIMENSIONS = ("scenario", "replicate", "day", "physician")
LEVEL = 0.90  # coverage of every interval of a report
# Differences below this share of the baseline's value are rounding of 32-bit floats, not effects.
ROUNDING = 1e-6
LOWER, HIGHER, NOISE, SAME, NO_INTERVAL, NOT_MEASURED = (
    "lower", "higher", "within noise", "same in every replicate", "no interval", "not measured",
)  # fmt: skip
FULL_TIME, PART_TIME = "full time", "part time"


class ReportError(ValueError):
    """Results that no report can be made of; the message says what was met and what was expected."""


class Estimate(NamedTuple):
    """Mean over replicates with its Monte-Carlo standard error and interval, arrays of one shape; NaN if unknown."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    standard_error: np.ndarray
    replicates: np.ndarray


def estimate(values: np.ndarray, level: float = LEVEL) -> Estimate:
    """Estimate from ``values`` [..., replicate]: Student's t interval of the mean.

    Replicates that are NaN are left out. With fewer than two, standard error and interval are NaN.
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    mean = np.where(known, values, 0.0).sum(axis=-1) / np.where(count > 0, count, np.nan)
    squares = np.where(known, values - mean[..., None], 0.0) ** 2
    freedom = np.where(count > 1, count - 1.0, np.nan)
    error = np.sqrt(squares.sum(axis=-1) / freedom / np.maximum(count, 1))
    half = student.ppf(0.5 + level / 2, freedom) * error
    return Estimate(mean, mean - half, mean + half, error, count)


def verdict(mean: float, low: float, high: float, replicates: int, scale: float = 1.0) -> str:
    """What an interval of a difference says; ``scale`` is the size of the baseline's value, for rounding."""
    if not np.isfinite(mean):
        return NOT_MEASURED
    if not np.isfinite(low) or replicates < 2:
        return NO_INTERVAL
    if max(abs(low), abs(high)) <= ROUNDING * max(1.0, abs(scale)):
        return SAME
    return LOWER if high < 0 else HIGHER if low > 0 else NOISE


def check_results(data: xr.Dataset) -> xr.Dataset:
    """The dataset with its dimensions in order. Raises ReportError on results that no report can be made of."""
    if set(data.dims) - {"staff", "role"} != set(DIMENSIONS):
        raise ReportError(f"results: met dimensions {tuple(data.dims)}, expected {DIMENSIONS}")
    empty = [name for name in DIMENSIONS if not data.sizes[name]]
    if empty:
        raise ReportError(f"results: met no {empty[0]}, expected at least one")
    scenarios = [str(s) for s in data["scenario"].values]
    if BASELINE not in scenarios:
        raise ReportError(f"results: met scenarios {', '.join(scenarios)}, expected one of them to be {BASELINE!r}")
    if len(set(scenarios)) < len(scenarios):
        raise ReportError("results: met two scenarios of one name, expected every name once")
    missing = [name for name in ("burned_out", "burnout_risk", "employed") if name not in data]
    if missing:
        raise ReportError(f"results: met no {', '.join(missing)}, expected them among the outcomes")
    if "period_days" not in data.attrs:
        raise ReportError("results: met no attribute period_days, expected the days averaged into one record")
    return data.transpose(*DIMENSIONS, ...)


def scenario_facts(data: xr.Dataset) -> pd.DataFrame:
    """One row a scenario, in the store's order: scenario, family, kind, dose, yearly_cost."""
    names = [str(s) for s in data["scenario"].values]
    get = lambda name, default: data[name].values if name in data.coords else default  # noqa: E731
    return pd.DataFrame({
        "scenario": names, "family": [str(f) for f in get("family", names)],
        "kind": [str(k) for k in get("kind", [""] * len(names))],
        "dose": np.asarray(get("dose", [np.nan] * len(names)), dtype=float),
        "yearly_cost": np.asarray(get("yearly_cost", [0.0] * len(names)), dtype=float),
    })  # fmt: skip


def levels_and_differences(values: xr.DataArray) -> pd.DataFrame:
    """Level and paired difference to the baseline of ``values`` [scenario, replicate], one row a scenario.

    A replicate of every scenario meets the same patients and the same chance as that of the baseline, so the
    difference is taken replicate by replicate. ``pairs_lower`` counts the pairs in which the value was lower.
    """
    levels = values.transpose("scenario", "replicate").values.astype(float)
    names = [str(s) for s in values["scenario"].values]
    paired = levels - levels[names.index(BASELINE)]
    level, change = estimate(levels), estimate(paired)
    scale = float(level.mean[names.index(BASELINE)])
    frame = pd.DataFrame({
        "scenario": names, "level": level.mean, "level_low": level.low, "level_high": level.high,
        "level_standard_error": level.standard_error, "difference": change.mean, "low": change.low,
        "high": change.high, "standard_error": change.standard_error, "replicates": change.replicates,
        "pairs_lower": (paired < -ROUNDING * max(1.0, abs(scale))).sum(axis=-1),
    })  # fmt: skip
    rows = zip(frame["difference"], frame["low"], frame["high"], frame["replicates"], strict=True)
    frame["verdict"] = [verdict(*row, scale) for row in rows]
    return frame


def outcome_table(data: xr.Dataset) -> pd.DataFrame:
    """Every measure of every scenario: level, paired difference, interval, verdict, and whether that is better."""
    values = clinic_values(data)
    parts = []
    for name in values.data_vars:
        measure = MEASURES[str(name)]
        frame = levels_and_differences(values[name])
        sign = frame["verdict"].map({LOWER: -1, HIGHER: 1}).fillna(0) * measure.better
        frame["reading"] = sign.map({1: "better", -1: "worse", 0: ""})
        frame.insert(1, "aim", measure.aim)
        frame.insert(2, "measure", str(name))
        frame.insert(3, "label", measure.label)
        frame.insert(4, "unit", measure.unit)
        parts.append(frame)
    return scenario_facts(data).merge(pd.concat(parts), on="scenario", how="right")


def over_time(data: xr.Dataset, names: tuple[str, ...]) -> pd.DataFrame:
    """Means over filled posts by period: scenario, outcome, week (middle of the period), mean, low, high (in %)."""
    parts = []
    middle = (data["day"].values + float(data.attrs["period_days"]) / 2) / 7
    for name in (n for n in names if n in data):
        values = 100 * mean_while_filled(
            data[name].astype("float64"), data["employed"].astype("float64"), ("physician",)
        )
        levels = estimate(values.transpose("scenario", "day", "replicate").values)
        parts.append(pd.DataFrame({
            "scenario": np.repeat([str(s) for s in data["scenario"].values], len(middle)), "outcome": name,
            "week": np.tile(middle, data.sizes["scenario"]), "mean": levels.mean.ravel(), "low": levels.low.ravel(),
            "high": levels.high.ravel(),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def by_physician(data: xr.Dataset) -> pd.DataFrame:
    """Burnout risk (in %) of every post in the last window, by scenario: level and paired difference with intervals.

    ``usual_low`` and ``usual_high`` hold the middle 90 % of replicates: the spread by chance within one clinic.
    """
    end = data.isel(day=slice(-window_periods(data), None))
    risk = 100 * mean_while_filled(
        end["burnout_risk"].astype("float64"), end["employed"].astype("float64"), ("day",)
    ).transpose("scenario", "physician", "replicate")
    names = [str(s) for s in data["scenario"].values]
    paired = risk.values - risk.values[names.index(BASELINE)]
    level, change = estimate(risk.values), estimate(paired)
    tails = (50 - 50 * LEVEL, 50 + 50 * LEVEL)
    known = np.isfinite(risk.values).any(axis=-1)
    filled = np.where(known[..., None], risk.values, 0.0)  # no post without any value reaches nanpercentile
    usual = np.where(known, np.nanpercentile(filled, tails, axis=-1), np.nan)
    who = _physicians(data)
    shape = len(names), len(who)
    columns = {
        "risk": level.mean, "low": level.low, "high": level.high, "usual_low": usual[0], "usual_high": usual[1],
        "difference": change.mean, "difference_low": change.low, "difference_high": change.high,
        "replicates": level.replicates,
    }  # fmt: skip
    frame = pd.DataFrame({name: values.reshape(shape).ravel() for name, values in columns.items()})
    repeated = pd.concat([who] * len(names), ignore_index=True)
    return pd.concat([pd.Series(np.repeat(names, len(who)), name="scenario"), repeated, frame], axis=1)


def _physicians(data: xr.Dataset) -> pd.DataFrame:
    n = data.sizes["physician"]
    fte = np.asarray(data["fte"].values if "fte" in data.coords else np.full(n, np.nan), dtype=float)
    group = np.where(np.isnan(fte), "", np.where(fte >= 1.0 - 1e-9, FULL_TIME, PART_TIME))
    pod = data["pod"].values if "pod" in data.coords else np.full(n, -1)
    return pd.DataFrame({"physician": data["physician"].values, "pod": pod, "fte": fte, "group": group})


def by_group(data: xr.Dataset, measures: tuple[str, ...] = ("burned_out", "burnout_risk", "work_outside_work_8",
                                                              "task_load"), *,
             smallest_cell: int = 1) -> pd.DataFrame:  # fmt: skip
    """Measures among full-time and part-time physicians, and the gap (part time minus full time).

    Empty if there is one group only, or if one has fewer than ``smallest_cell`` people: the clinic's own level, which
    is shown, would give the smaller group's away.

    Rows: scenario, group ("gap" among them), measure, level and paired difference to the baseline with intervals.
    """
    group = _physicians(data)["group"].to_numpy()
    people = [int((group == name).sum()) for name in (FULL_TIME, PART_TIME)]
    if 0 in people or hidden_cells(people, smallest_cell).any():
        return pd.DataFrame()
    parts = []
    members = {name: data.isel(physician=np.flatnonzero(group == name)) for name in (FULL_TIME, PART_TIME)}
    values = {name: clinic_values(of_group, measures) for name, of_group in members.items()}
    values["gap"] = values[PART_TIME] - values[FULL_TIME]
    for name, of_group in values.items():
        for measure in (m for m in measures if m in of_group):
            frame = levels_and_differences(of_group[measure])
            frame.insert(1, "group", name)
            frame.insert(2, "measure", measure)
            frame.insert(3, "label", MEASURES[measure].label)
            frame.insert(4, "unit", MEASURES[measure].unit)
            parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def number_needed(prevalence: pd.DataFrame, physicians: int) -> pd.DataFrame:
    """Of scenarios that lower burnout prevalence: physicians, USD a year and doses per physician fewer burned out.

    ``dose_per_case`` counts physicians at dose 1 of a scenario's single intervention (one scribe each, say), of those
    whom it reaches; NaN where several are combined.

    ``prevalence`` holds the rows of burnout prevalence of :func:`outcome_table`, in points. Intervals are the inverted
    ends of the difference's interval, so a scenario whose interval includes no change has none and is left out.
    """
    clear = prevalence[prevalence["verdict"] == LOWER]
    fewer = -clear[["difference", "high", "low"]].to_numpy() / 100  # mean, smallest, largest drop in share burned out
    frame = clear[["scenario", "yearly_cost"]].reset_index(drop=True)
    for name, factor in (("physicians", np.ones(len(clear))), ("usd", clear["yearly_cost"].to_numpy() / physicians)):
        for suffix, column in (("", 0), ("_low", 2), ("_high", 1)):
            frame[f"{name}_per_case{suffix}"] = factor / fewer[:, column]
    doses = _doses(clear, physicians)
    for suffix in ("", "_low", "_high"):
        frame[f"dose_per_case{suffix}"] = doses / physicians * frame[f"physicians_per_case{suffix}"]
    return frame


def _doses(rows: pd.DataFrame, physicians: int) -> np.ndarray:
    """Physicians reached times dose, by scenario: from the yearly cost, which counts them, where there is one."""
    unit = np.array([KINDS[k].cost_per_physician_year if k in KINDS else 0.0 for k in rows["kind"]])
    by_cost = rows["yearly_cost"].to_numpy(float) / np.where(unit > 0, unit, np.nan)
    return np.where(unit > 0, by_cost, rows["dose"].to_numpy(float) * physicians)


def best_scenario(prevalence: pd.DataFrame) -> str | None:
    """The scenario with the lowest mean burnout prevalence, or None if there is nothing but the baseline."""
    others = prevalence[(prevalence["scenario"] != BASELINE) & prevalence["difference"].notna()]
    return None if others.empty else str(others.loc[others["difference"].idxmin(), "scenario"])


def not_told_apart(values: xr.DataArray, best: str) -> list[str]:
    """Scenarios whose interval of the paired difference to ``best`` includes zero, of values [scenario, replicate]."""
    gap = estimate((values - values.sel(scenario=best)).transpose("scenario", "replicate").values)
    names = [str(s) for s in values["scenario"].values]
    return [n for n, low, high in zip(names, gap.low, gap.high, strict=True) if n != best and low <= 0 <= high]
