"""What a report measures of a clinic, grouped by the Quintuple Aim: each measure once, with unit and direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

WEEK_DAYS, YEAR_DAYS = 7, 365
WINDOW_DAYS = 91  # the last quarter of a year: where states are read, after ramps and learning
AIMS = {
    "quality": "Quality and access of care",
    "population": "Population served",
    "strain": "Provider well-being: burnout and strain",
    "workload": "Provider well-being: workload",
    "equity": "Equity",
    "cost": "Cost and efficiency",
}


class Totals(NamedTuple):
    """Sums over the physicians and periods of one window, each variable [scenario, replicate].

    ``of`` sums period means; ``mean_filled`` is the mean over physicians and periods, weighted by the time the post was
    filled; ``periods`` and ``weekday_share`` turn sums into means per day; ``yearly_cost`` [scenario] in USD a year.
    """

    of: Mapping[str, xr.DataArray]
    mean_filled: Mapping[str, xr.DataArray]
    periods: int
    weekday_share: float
    yearly_cost: xr.DataArray


class Measure(NamedTuple):
    """One number a run; ``better`` is 1 if more of it is better, -1 if less, 0 if neither; ``at_end`` is the window."""

    aim: str
    label: str
    unit: str
    compute: Callable[[Totals], xr.DataArray]
    needs: tuple[str, ...]
    better: int
    digits: int = 1
    at_end: bool = True
    difference_unit: str = ""

    @property
    def unit_of_difference(self) -> str:
        return self.difference_unit or self.unit


def _state(aim: str, label: str, unit: str, name: str, better: int, scale: float = 1.0, digits: int = 1,
           difference_unit: str = "") -> Measure:  # fmt: skip
    """Mean over filled posts and days."""
    return Measure(
        aim, label, unit, lambda t: scale * t.mean_filled[name], (name, "employed"), better, digits, True,
        difference_unit,
    )  # fmt: skip


def _ratio(aim: str, label: str, unit: str, above: str, below: str, better: int, scale: float = 1.0, digits: int = 1,
           difference_unit: str = "") -> Measure:  # fmt: skip
    """Ratio of two totals."""
    return Measure(
        aim, label, unit, lambda t: scale * t.of[above] / t.of[below].where(t.of[below] > 0),
        (above, below), better, digits, True, difference_unit,
    )  # fmt: skip


def _clinic(aim: str, label: str, unit: str, names: tuple[str, ...], better: int, scale: float = 1.0, digits: int = 0,
            at_end: bool = True) -> Measure:  # fmt: skip
    """The whole clinic's daily amount, times ``scale``."""
    return Measure(
        aim, label, unit, lambda t: scale * sum((t.of[n] for n in names), xr.zeros_like(t.of[names[0]])) / t.periods,
        names, better, digits, at_end,
    )  # fmt: skip


def _third_next_available(t: Totals) -> xr.DataArray:
    # recorded on weekdays only, as zero on weekends
    return t.of["third_next_available_days"] / t.weekday_share / t.of["employed"].where(t.of["employed"] > 0)


def _no_show_gap(t: Totals) -> xr.DataArray:
    missed = t.of["booked_disadvantaged"] - t.of["kept_disadvantaged"]
    booked_others = t.of["booked"] - t.of["booked_disadvantaged"]
    missed_others = t.of["no_show"] - missed
    share = missed / t.of["booked_disadvantaged"].where(t.of["booked_disadvantaged"] > 0)
    return 100 * (share - missed_others / booked_others.where(booked_others > 0))


def _thousand_usd_a_year(t: Totals, name: str) -> xr.DataArray:
    return t.of[name] / t.periods * YEAR_DAYS / 1000


def _intervention_cost(t: Totals) -> xr.DataArray:
    return t.yearly_cost / 1000 + xr.zeros_like(t.of["visit_revenue"])


def _net(t: Totals) -> xr.DataArray:
    income, leaving = _thousand_usd_a_year(t, "visit_revenue"), _thousand_usd_a_year(t, "turnover_cost")
    return income - leaving - _intervention_cost(t)


MEASURES: dict[str, Measure] = {
    "visits_kept": _clinic("quality", "Visits kept, float's included", "a week", ("kept", "kept_by_float"), 1, 7.0),
    "third_next_available": Measure("quality", "Third next available", "days", _third_next_available,
                                    ("third_next_available_days", "employed"), -1),
    "lead_time": _ratio("quality", "Request to booked visit", "days", "lead_days_sum", "booked", -1),
    "wait": _ratio("quality", "Wait in the clinic", "min", "wait_minutes_sum", "kept", -1),
    "no_show_share": _ratio("quality", "No-shows", "%", "no_show", "booked", -1, 100.0, 1, "points"),
    "unmet_need": _clinic("population", "Patients with unmet need", "patients", ("unmet_need",), -1),
    "waiting_requests": _clinic("population", "Requests on waiting lists", "requests", ("waiting_requests",), -1),
    "unmet_new": _clinic("population", "No-shows, given up and lapsed", "a week", ("unmet_new",), -1, 7.0),
    "burned_out": _state("strain", "Burnout prevalence", "%", "burned_out", -1, 100.0, 1, "points"),
    "burnout_risk": _state("strain", "Burnout risk", "%", "burnout_risk", -1, 100.0, 1, "points"),
    "exhaustion": _state("strain", "Exhaustion", "of 100", "exhaustion", -1, 100.0),
    "cynicism": _state("strain", "Cynicism", "of 100", "cynicism", -1, 100.0),
    "change_fatigue": _state("strain", "Change fatigue", "of 100", "change_fatigue", -1, 100.0),
    "motivation": _state("strain", "Motivation", "of 100", "motivation", 1, 100.0),
    "sleep": _state("strain", "Sleep", "h a night", "sleep_hours", 1, 1.0, 2),
    "ehr_time_8": _ratio("workload", "EHR-Time8", "min", "ehr_minutes", "scheduled_minutes", -1, 480.0, 0),
    "work_outside_work_8": _ratio("workload", "WOW8", "min", "ehr_outside_scheduled_minutes", "scheduled_minutes", -1,
                                  480.0, 0),
    "evening_work": _ratio("workload", "Evening work", "min a session day", "evening_minutes", "on_duty", -1, 1.0, 0),
    "workday": _ratio("workload", "Workday", "h a session day", "work_minutes", "on_duty", -1, 1 / 60, 2),
    "task_load": _ratio("workload", "Task load", "points of 400", "task_load", "on_duty", -1, 1.0, 0),
    "no_show_gap": Measure("equity", "No-show gap: disadvantaged patients minus others", "points", _no_show_gap,
                           ("booked", "no_show", "booked_disadvantaged", "kept_disadvantaged"), -1),
    "disadvantaged_share": _ratio("equity", "Share of kept visits that disadvantaged patients make", "%",
                                  "kept_disadvantaged", "kept", 0, 100.0, 1, "points"),
    "leavers": _clinic("cost", "Physicians leaving", "a year", ("left",), -1, YEAR_DAYS, 1, False),
    "turnover_cost": _clinic("cost", "Cost of turnover", "thousand USD a year", ("turnover_cost",), -1,
                             YEAR_DAYS / 1000, 0, False),
    "visit_income": _clinic("cost", "Income from visits", "thousand USD a year", ("visit_revenue",), 1,
                            YEAR_DAYS / 1000, 0, False),
    "intervention_cost": Measure("cost", "Cost of the change", "thousand USD a year", _intervention_cost,
                                 ("visit_revenue",), -1, 0, False),
    "net": Measure("cost", "Net: income minus turnover minus change", "thousand USD a year", _net,
                   ("visit_revenue", "turnover_cost"), 1, 0, False),
}  # fmt: skip
STATES = tuple(m.needs[0] for m in MEASURES.values() if m.aim == "strain")  # read while the post was filled
NEEDED = tuple(dict.fromkeys(name for m in MEASURES.values() for name in m.needs))


def window_periods(data: xr.Dataset) -> int:
    """Number of last periods that make the window: nearest to 91 days, at most half of the run, at least one."""
    wanted = round(WINDOW_DAYS / float(data.attrs["period_days"]))
    return max(1, min(wanted, data.sizes["day"] // 2))


def weekday_share(data: xr.Dataset) -> float:
    """Share of the calendar days of ``data`` that are weekdays; day 0 of the warm-up is a Monday."""
    first = int(data["day"][0]) + int(data.attrs.get("warm_up_days", 0))
    days = first + np.arange(data.sizes["day"] * int(data.attrs["period_days"]))
    return float(np.isin(days % WEEK_DAYS, range(5)).mean())


def clinic_values(data: xr.Dataset, names: Iterable[str] = tuple(MEASURES)) -> xr.Dataset:
    """The measures that ``data`` has the outcomes for, each [scenario, replicate], in its shown unit."""
    measures = {name: MEASURES[name] for name in names if all(needed in data for needed in MEASURES[name].needs)}
    values = {}
    for at_end in (True, False):
        chosen = {name: m for name, m in measures.items() if m.at_end == at_end}
        periods = data.isel(day=slice(-window_periods(data), None)) if at_end else data
        needed = dict.fromkeys(outcome for m in chosen.values() for outcome in m.needs)
        totals = _totals(periods, needed) if chosen else None
        values |= {name: m.compute(totals) for name, m in chosen.items()}
    return xr.Dataset(values).reset_coords(drop=True)


def mean_while_filled(values: xr.DataArray, employed: xr.DataArray, over: tuple[str, ...]) -> xr.DataArray:
    """Mean of ``values`` over some dimensions, weighted by the time the post was filled; NaN where it never was."""
    weight = employed.where(values.notnull(), 0.0)
    total = weight.sum(over)
    return (values * weight).sum(over) / total.where(total > 0)


def _totals(data: xr.Dataset, names: Iterable[str]) -> Totals:
    over = ("day", "physician")
    numbers = {n: data[n].astype("float64") for n in names}
    filled = {n: mean_while_filled(v, numbers["employed"], over) for n, v in numbers.items() if n in STATES}
    sums = {n: v.sum(over, min_count=1) for n, v in numbers.items()}
    cost = data["yearly_cost"] if "yearly_cost" in data.coords else xr.zeros_like(data["scenario"], dtype=float)
    return Totals(sums, filled, data.sizes["day"], weekday_share(data), cost.astype("float64"))
