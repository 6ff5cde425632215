"""Who gains and who loses: effects on groups of physicians by workload, FTE, risk and traits, and on equity groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from abm.layout import TRAITS, Layout
from calibration.suppression import hidden_cells
from experiments.effects import BASELINE, FULL_TIME, PART_TIME, levels_and_differences
from experiments.outcome_groups import MEASURES, clinic_values, mean_while_filled, window_periods

OF_PHYSICIANS = ("burnout_risk", "work_outside_work_8")
THIRDS = ("lowest third", "middle third", "highest third")
TRAIT_GROUPS = {"efficiency": "EHR minutes for the same work", "technology": "technology comfort",
                "recovery": "recovery rate"}  # fmt: skip


def physician_groupings(data: xr.Dataset, layout: Layout | None = None) -> dict[str, np.ndarray]:
    """Labels [N] by grouping: FTE, thirds of workday and of burnout risk under the baseline, and thirds of traits.

    Traits are those of the posts' first holders in ``layout``; without it they are left out.
    """
    groupings: dict[str, np.ndarray] = {}
    fte = np.asarray(data["fte"].values, float) if "fte" in data.coords else np.full(data.sizes["physician"], np.nan)
    if np.isfinite(fte).all() and 0 < (fte < 1 - 1e-9).sum() < len(fte):
        groupings["FTE"] = np.where(fte >= 1 - 1e-9, FULL_TIME, PART_TIME)
    base = data.sel(scenario=BASELINE).isel(day=slice(-window_periods(data), None))
    if {"work_minutes", "on_duty"} <= set(base):
        length = base["work_minutes"].sum(("day", "replicate")) / base["on_duty"].sum(("day", "replicate"))
        groupings["workday before"] = thirds(length.values)
    risk = mean_while_filled(base["burnout_risk"].astype("float64"), base["employed"].astype("float64"),
                             ("day", "replicate"))  # fmt: skip
    groupings["burnout risk before"] = thirds(risk.values)
    if layout is not None:
        for trait, meaning in TRAIT_GROUPS.items():
            first = np.asarray(layout.traits)[: layout.physicians, 0, TRAITS.index(trait)]
            groupings[meaning] = thirds(first)
    return groupings


def thirds(values: np.ndarray) -> np.ndarray:
    """Which third each value is in, by rank; equal parts but for rounding."""
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.array(THIRDS)[np.minimum(3 * rank // len(values), 2)]


def who_gains(data: xr.Dataset, layout: Layout | None = None, smallest_cell: int = 1) -> pd.DataFrame:
    """Change of each physician group by scenario, rows as of `effects.levels_and_differences`, with grouping and group.

    Groupings with a group of fewer than ``smallest_cell`` people are left out.
    """
    parts = []
    for grouping, labels in physician_groupings(data, layout).items():
        groups = list(dict.fromkeys(sorted(labels, key=lambda g: (*THIRDS, FULL_TIME, PART_TIME).index(str(g)))))
        if hidden_cells([int((labels == group).sum()) for group in groups], smallest_cell).any():
            continue
        for group in groups:
            values = clinic_values(data.isel(physician=np.flatnonzero(labels == group)), OF_PHYSICIANS)
            parts += [_rows(values, measure, grouping, str(group)) for measure in values.data_vars]
    parts += equity_groups(data)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def equity_groups(data: xr.Dataset) -> list[pd.DataFrame]:
    """Kept visits a week of disadvantaged patients and of the others, by scenario."""
    if not {"kept", "kept_disadvantaged"} <= set(data):
        return []
    end = data.isel(day=slice(-window_periods(data), None)).astype("float64")
    kept = 7 * end[["kept", "kept_disadvantaged"]].sum(("day", "physician")) / end.sizes["day"]
    groups = {"disadvantaged patients": kept["kept_disadvantaged"],
              "other patients": kept["kept"] - kept["kept_disadvantaged"]}  # fmt: skip
    return [_rows(xr.Dataset({"visits_kept": v}).reset_coords(drop=True), "visits_kept", "equity group", name)
            for name, v in groups.items()]  # fmt: skip


def _rows(values: xr.Dataset, measure: str, grouping: str, group: str) -> pd.DataFrame:
    frame = levels_and_differences(values[measure])
    known = MEASURES[measure]
    what = {"grouping": grouping, "group": group, "measure": measure, "label": known.label, "unit": known.unit}
    for at, (name, value) in enumerate(what.items()):
        frame.insert(1 + at, name, value)
    return frame
