"""Labels of a sweep's results: the coordinates of its scenarios, points, draws, replicates, days and physicians."""

from __future__ import annotations

import math
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from abm.interventions import yearly_cost
from experiments.designs import BLOCK_POINTS, Design
from experiments.plan import Plan
from experiments.scenarios import PlannedScenario


def labels(plan: Plan) -> xr.Dataset:
    """Every coordinate, no variable yet; those of points are made block by block when they are written."""
    e, layout, planned = plan.experiment, plan.clinics.layout, plan.scenarios
    points, draws, replicates = plan.shape
    n = layout.physicians
    coordinates: dict[str, Any] = {
        "scenario": ("scenario", [s.label for s in planned], {"long_name": "scenario"}),
        "family": ("scenario", [s.family for s in planned], {"long_name": "scenario, whatever its doses"}),
        "kind": ("scenario", [s.kind for s in planned], {"long_name": "kinds of its interventions"}),
        "dose": ("scenario", [_dose(s, e.design) for s in planned], {"long_name": "dose of its only intervention"}),
        "yearly_cost": (*_costs(plan), {"units": "USD/year", "long_name": "cost in full use (assumed)"}),
        "replicate": ("replicate", np.arange(replicates), {"long_name": "replicate: one stream of chances"}),
        "day": ("day", np.arange(0, e.days, e.period_days),
                {"units": "day", "long_name": "first day of the period, from the end of the warm-up"}),
        "physician": ("physician", np.arange(n), {"long_name": "physician's post"}),
        "pod": ("physician", layout.person_pod[:n], {"long_name": "pod"}),
        "fte": ("physician", np.asarray(layout.fte), {"units": "1", "long_name": "clinical full-time equivalent"}),
    }  # fmt: skip
    if e.draws:
        coordinates["draw"] = ("draw", np.arange(draws), {"long_name": "posterior draw of the fit"})
    if e.design:
        coordinates["point"] = ("point", np.arange(points), {"long_name": f"point of the {e.design.method} design"})
        for i, axis in enumerate(e.design.axes):
            described = {"units": axis.unit, "long_name": axis.meaning}
            coordinates[axis.coordinate] = ("point", _column(e.design, i), described)
    return xr.Dataset(coords=coordinates)


def _dose(scenario: PlannedScenario, design: Design | None) -> float:
    """The scenario's dose; NaN where the design varies it."""
    varied = {axis.dose_of for axis in design.axes} if design else set()
    return math.nan if any(change.kind in varied for change in scenario.interventions) else scenario.dose


def _column(design: Design, axis: int) -> da.Array:
    """Values of one axis at every point, made block by block."""
    sizes = [min(BLOCK_POINTS, design.size - first) for first in range(0, design.size, BLOCK_POINTS)]

    def block(block_info: Any = None) -> np.ndarray:
        first, stop = block_info[None]["array-location"][0]
        return design.points_from(first, stop - first)[:, axis]

    return da.map_blocks(block, chunks=(tuple(sizes),), dtype=np.float64, meta=np.empty(0))


def _costs(plan: Plan) -> tuple[Any, Any]:
    """(dimensions, USD a year) by scenario; by point as well where the design varies doses."""
    layout, design = plan.clinics.layout, plan.experiment.design
    costs = np.array([yearly_cost(scenario.interventions, layout) for scenario in plan.scenarios])
    varied = [(i, axis.dose_of) for i, axis in enumerate(design.axes) if axis.dose_of] if design else []
    if design is None or not varied:
        return "scenario", costs
    by_point = costs[:, None] - np.zeros((1, 1))
    for i, kind in varied:
        at_dose_1 = np.array([_cost_of(kind, scenario, plan) for scenario in plan.scenarios])
        by_point = by_point + at_dose_1[:, None] * (_column(design, i)[None, :] - 1.0)
    return ("scenario", "point"), by_point


def _cost_of(kind: str | None, scenario: PlannedScenario, plan: Plan) -> float:
    """USD a year of a scenario's interventions of one kind, which stand at dose 1 where a design varies the dose."""
    return yearly_cost([change for change in scenario.interventions if change.kind == kind], plan.clinics.layout)
