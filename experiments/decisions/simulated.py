"""Every option and doing nothing, simulated from the same clinics with the same chances, as one labelled dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from abm.interventions import yearly_cost
from abm.outcomes import to_dataset
from experiments.decisions.options import Option
from experiments.decisions.starts import Starts, run_on
from experiments.effects import BASELINE
from experiments.outcome_groups import NEEDED, WEEK_DAYS, mean_while_filled, window_periods

Progress = Callable[[str, float], None]  # what is done next, and the share of all that was done since the last call


def of_nothing(starts: Starts, weeks: int) -> dict[str, np.ndarray]:
    """Records of doing nothing more than what is in force, by outcome, each [R, weeks, N]."""
    return run_on(starts, starts.change_set(None), weeks)[1]


def of_option(starts: Starts, option: Option, weeks: int) -> dict[str, np.ndarray]:
    """Records of an option on top of what is in force."""
    return run_on(starts, starts.change_set(option.change(starts.day_of(option.start))), weeks)[1]


def together(starts: Starts, options: Sequence[Option], records: Sequence[dict[str, np.ndarray]]) -> xr.Dataset:
    """Records of doing nothing and of the options, [scenario, replicate, day, physician], as reports take them.

    Scenarios are BASELINE and "0", "1", ... in the order of the options; days count from the advice, by weeks.
    """
    names = [BASELINE, *map(str, range(len(options)))]
    stacked = {name: np.stack([one[name] for one in records]) for name in NEEDED}
    leading = {"scenario": names, "replicate": range(len(starts.words))}
    data = to_dataset(stacked, starts.layout, period_days=WEEK_DAYS, leading=leading, with_derived=False)
    costs = [0.0, *(yearly_cost([option.change(0)], starts.layout) for option in options)]
    return data.assign_coords(yearly_cost=("scenario", costs))


def risk_of_physicians(data: xr.Dataset) -> xr.DataArray:
    """Burnout risk (0-1) of every post in the last window, [scenario, replicate, physician]."""
    end = data.isel(day=slice(-window_periods(data), None))
    risk, filled = (end[name].astype("float64") for name in ("burnout_risk", "employed"))
    return mean_while_filled(risk, filled, ("day",))
