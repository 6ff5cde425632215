"""What a run reports: names, units and meanings of all outcomes, and a run as one labelled xarray.Dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from abm.layout import ROLES, Layout


class Outcome(NamedTuple):
    """Unit, meaning, and whether a value of a day is an amount of that day (summed) or a state (averaged)."""

    unit: str
    long_name: str
    is_state: bool = False


RECORDED: dict[str, Outcome] = {
    "on_duty": Outcome("1", "holds a session"),
    "absent": Outcome("1", "absent although due"),
    "slots": Outcome("1/day", "template slots offered"),
    "booked": Outcome("1/day", "visits booked"),
    "kept": Outcome("1/day", "visits kept"),
    "no_show": Outcome("1/day", "booked visits to which the patient did not come"),
    "lead_days_sum": Outcome("day/day", "calendar days between request and visit, summed over booked visits"),
    "wait_minutes_sum": Outcome("min/day", "minutes between appointment and start, summed over kept visits"),
    "overrun_minutes": Outcome("min/day", "session time beyond its scheduled end"),
    "visit_minutes": Outcome("min/day", "time with patients"),
    "unmet_new": Outcome("1/day", "no-shows, requests that found the wait too long, and lapsed requests"),
    "third_next_available_days": Outcome("day", "wait for the third free slot on weekdays, 0 on weekends", True),
    "booked_disadvantaged": Outcome("1/day", "visits booked by patients of the disadvantaged group"),
    "kept_disadvantaged": Outcome("1/day", "visits kept by patients of the disadvantaged group"),
    "kept_by_float": Outcome("1/day", "visits of vacant panels seen by a float physician"),
    "patient_messages": Outcome("1/day", "messages from patients"),
    "result_messages": Outcome("1/day", "results and refills"),
    "colleague_messages": Outcome("1/day", "messages from colleagues"),
    "system_messages": Outcome("1/day", "messages the EHR made"),
    "ehr_minutes": Outcome("min/day", "EHR time"),
    "ehr_after_hours_minutes": Outcome("min/day", "EHR time in the evening"),
    "ehr_outside_scheduled_minutes": Outcome("min/day", "EHR time outside time scheduled with patients"),
    "note_minutes": Outcome("min/day", "documentation time"),
    "order_minutes": Outcome("min/day", "order entry time"),
    "clerical_minutes": Outcome("min/day", "other clerical EHR time"),
    "inbox_minutes": Outcome("min/day", "in-basket time"),
    "work_minutes": Outcome("min/day", "length of the work day, breaks not counted"),
    "evening_minutes": Outcome("min/day", "work after hours"),
    "scheduled_minutes": Outcome("min/day", "time scheduled with patients"),
    "arrived_minutes": Outcome("min/day", "desk work that arrived"),
    "done_minutes": Outcome("min/day", "desk work done"),
    "delegated_minutes": Outcome("min/day", "desk work taken over by staff or software"),
    "dropped_minutes": Outcome("min/day", "desk work that lapsed"),
    "backlog_minutes": Outcome("min", "desk work left for tomorrow", True),
    "waiting_requests": Outcome("1", "requests on the waiting list", True),
    "unmet_need": Outcome("1", "patients with unmet need", True),
    "task_load": Outcome("points", "NASA-TLX task load, 0-400, on session days"),
    "turnover_cost": Outcome("USD/day", "cost of physicians leaving"),
    "visit_revenue": Outcome("USD/day", "income from kept visits"),
    "sleep_hours": Outcome("h", "sleep in the following night", True),
    "fatigue": Outcome("1", "morning fatigue, 0-1", True),
    "exhaustion": Outcome("1", "exhaustion, 0-1", True),
    "cynicism": Outcome("1", "cynicism, 0-1", True),
    "change_fatigue": Outcome("1", "change fatigue, 0-1", True),
    "motivation": Outcome("1", "motivation, 0-1", True),
    "adoption": Outcome("1", "mean adoption of the changes that need it, 0-1", True),
    "burnout_risk": Outcome("1", "chance of level 3 or more on the single-item burnout scale", True),
    "burned_out": Outcome("1", "level 3 or more, personal intercept included", True),
    "employed": Outcome("1", "post filled", True),
    "left": Outcome("1/day", "leavers"),
    "hired": Outcome("1/day", "hires"),
}
# outcomes that only a weekday's work makes; zero on weekends
OF_WORK = (*tuple(RECORDED)[: tuple(RECORDED).index("backlog_minutes")], "task_load", "visit_revenue")
DERIVED: dict[str, Outcome] = {
    "ehr_time_8": Outcome("min", "EHR-Time8: EHR time per 8 h of scheduled patient time"),
    "work_outside_work_8": Outcome("min", "WOW8: EHR time outside scheduled time per 8 h of scheduled patient time"),
    "inbox_time_8": Outcome("min", "IB-Time8: in-basket time per 8 h of scheduled patient time"),
    "note_time_8": Outcome("min", "Note-Time8: documentation time per 8 h of scheduled patient time"),
    "no_show_share": Outcome("1", "share of booked visits not kept"),
    "lead_days": Outcome("day", "mean calendar days between request and booked visit"),
    "wait_minutes": Outcome("min", "mean wait in the clinic of a kept visit"),
    "messages": Outcome("1/day", "in-basket messages"),
    "no_show_gap": Outcome("1", "no-show share of the disadvantaged group minus that of the others"),
    "task_load_per_session_day": Outcome("points", "NASA-TLX task load, 0-400, of a session day"),
}
OUTCOMES = RECORDED | DERIVED
STAFF_OUTCOMES = ("fatigue", "exhaustion", "cynicism", "change_fatigue", "motivation", "adoption", "burnout_risk",
                  "burned_out", "employed", "left", "hired", "sleep_hours", "on_duty", "work_minutes")  # fmt: skip


def _ratio(a: Any, b: Any) -> Any:
    """a / b, NaN where b is zero."""
    return a / b.where(b > 0)


def _quotient(data: xr.Dataset, above: str, below: str) -> Any:
    return _ratio(data[above], data[below])


def _per_8_hours(data: xr.Dataset, minutes: str) -> Any:
    return _ratio(data[minutes], data["scheduled_minutes"] / 480.0)


def _no_show_gap(data: xr.Dataset) -> Any:
    missed = data["booked_disadvantaged"] - data["kept_disadvantaged"]
    others_booked = data["booked"] - data["booked_disadvantaged"]
    others_missed = others_booked - (data["kept"] - data["kept_disadvantaged"])
    return _ratio(missed, data["booked_disadvantaged"]) - _ratio(others_missed, others_booked)


def _messages(data: xr.Dataset) -> Any:
    return data["patient_messages"] + data["result_messages"] + data["colleague_messages"] + data["system_messages"]


_RATIOS = {
    "no_show_share": ("no_show", "booked"), "lead_days": ("lead_days_sum", "booked"),
    "wait_minutes": ("wait_minutes_sum", "kept"), "task_load_per_session_day": ("task_load", "on_duty"),
}  # fmt: skip
_PER_8_HOURS = {
    "ehr_time_8": "ehr_minutes", "work_outside_work_8": "ehr_outside_scheduled_minutes",
    "inbox_time_8": "inbox_minutes", "note_time_8": "note_minutes",
}  # fmt: skip


def derive(data: xr.Dataset) -> xr.Dataset:
    """Add the derived outcomes that ``data`` has the records for.

    They are ratios of sums, so averaging first and deriving afterwards is right.
    """
    formulas: dict[str, Callable[[xr.Dataset], Any]] = {"messages": _messages}
    for name, minutes in _PER_8_HOURS.items():
        formulas[name] = partial(_per_8_hours, minutes=minutes)
    for name, (above, below) in _RATIOS.items():
        formulas[name] = partial(_quotient, above=above, below=below)
    formulas["no_show_gap"] = _no_show_gap
    for name, formula in formulas.items():
        try:
            data[name] = formula(data)
        except KeyError:  # a record that was not kept
            continue
        data[name].attrs = {"units": DERIVED[name].unit, "long_name": DERIVED[name].long_name}
    return data


def to_dataset(
    physicians: Mapping[str, Any],
    layout: Layout,
    *,
    period_days: int = 1,
    staff: Mapping[str, Any] | None = None,
    leading: Mapping[str, Any] | None = None,
    first_day: int = 0,
    with_derived: bool = True,
) -> xr.Dataset:
    """Records of a run (or of a batch of runs) as a Dataset with units and long names.

    ``physicians`` maps outcome names to arrays [..., periods, N]; ``leading`` names the leading axes in order, with
    their
    labels (``{"replicate": range(8)}``). ``day`` labels each period by its first calendar day.
    """
    leading = dict(leading or {})
    variables: dict[str, Any] = {}
    for name, values in physicians.items():
        spec = RECORDED[name]
        variables[name] = (
            (*leading, "day", "physician"),
            np.asarray(values),
            {"units": spec.unit, "long_name": spec.long_name},
        )
    for name in STAFF_OUTCOMES if staff else ():
        spec = RECORDED[name]
        values = np.asarray((staff or {})[name])
        variables[f"staff_{name}"] = (
            (*leading, "day", "staff"),
            values,
            {"units": spec.unit, "long_name": f"staff: {spec.long_name}"},
        )
    periods, n = np.asarray(next(iter(physicians.values()))).shape[-2:]
    coordinates: dict[str, Any] = {k: list(v) for k, v in leading.items()}
    coordinates["day"] = (
        "day",
        first_day + period_days * np.arange(periods),
        {"units": "day", "long_name": "calendar day, 0 = first Monday"},
    )
    coordinates["physician"] = ("physician", np.arange(n), {"long_name": "physician's post"})
    coordinates["pod"] = ("physician", layout.person_pod[:n], {"long_name": "pod"})
    coordinates["fte"] = (
        "physician",
        np.asarray(layout.fte),
        {"units": "1", "long_name": "clinical full-time equivalent"},
    )
    if staff:
        coordinates["role"] = ("staff", [ROLES[r] for r in layout.staff_roles], {"long_name": "role"})
    data = xr.Dataset(variables, coordinates, {"period_days": period_days})
    return derive(data) if with_derived else data
