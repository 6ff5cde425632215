"""What a twin's days say, as tables; their columns are listed in `calibration.twin`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from abm.parameters import ENTRIES
from calibration.measures import MEASURES, STREAMS
from calibration.twin.blocks import BLOCK
from calibration.twin.board import NAMES, Board
from calibration.twin.plan import TwinPlan
from calibration.twin.scales import COMPARED
from calibration.twin.sensors import ALERT, CALM, WATCHED
from calibration.twin.step import QUANTILES, Told

FAILING, DRIFTING = "sensor failing", "model drifting"
_QUANTILE = {"low": 0, "median": 1, "high": 2}


def days_dataset(told: Mapping[int, Told], plan: TwinPlan) -> xr.Dataset:
    """All days' accounts as one Dataset; day d is the evening of ``plan.first_day`` + d."""
    days = sorted(told)
    stack = {name: _stacked([np.asarray(getattr(told[d], name)) for d in days], plan, name) for name in Told._fields}
    person, measure = ("day", "who"), ("day", "measure", "who")
    risk = stack["risk"]
    variables = {
        "risk": (person, risk[:, 0]), "risk_low": (person, risk[:, 1]), "risk_median": (person, risk[:, 2]),
        "risk_high": (person, risk[:, 3]), "burned_out": (person, stack["burned_out"]),
        "filled": (person, stack["filled"]), "effective_members": (person, stack["effective_members"]),
        "mean": (("day", "who", "quantity"), stack["block"][:, 0]),
        "deviation": (("day", "who", "quantity"), stack["block"][:, 1]),
        "innovation": (measure, stack["innovation"]), "weight": (measure, stack["used"]),
        "failing": (("day", "stream", "who"), stack["failing"]),
        "clinic_innovation": (("day", "measure"), stack["clinic_innovation"]),
        "log_density": ("day", stack["log_density"]),
    }  # fmt: skip
    for side, name in enumerate(("too_high", "too_low")):
        variables[f"drift_{name}"] = (("day", "measure"), stack["drift"][:, side])
        variables[f"drift_{name}_since"] = (("day", "measure"), stack["drift_since"][:, side])
        variables[f"drift_{name}_alarm"] = (("day", "measure"), stack["drift_alarm"][:, side])
    for name, k in _QUANTILE.items():
        variables[f"parameter_{name}"] = (("day", "parameter"), stack["shared"][:, k])
    coordinates = {
        "day": days, "date": ("day", pd.DatetimeIndex([plan.date(d) for d in days])), "who": list(plan.clinic.who),
        "measure": list(COMPARED), "stream": list(WATCHED), "quantity": list(BLOCK), "parameter": list(plan.names),
        "unit": ("parameter", [ENTRIES[n].unit for n in plan.names]),
    }  # fmt: skip
    return xr.Dataset(variables, coordinates, {"quantiles": list(QUANTILES), "first_day": plan.first_day.isoformat()})


def _stacked(arrays: list[np.ndarray], plan: TwinPlan, name: str) -> np.ndarray:
    if arrays:
        return np.stack(arrays)
    n, m, s, p, b = plan.physicians, len(COMPARED), len(WATCHED), len(plan.names), len(BLOCK)
    shapes: dict[str, tuple[int, ...]] = {
        "risk": (4, n), "burned_out": (n,), "block": (2, n, b), "shared": (3, p), "innovation": (m, n),
        "clinic_innovation": (m,), "failing": (s, n), "drift": (2, m), "drift_since": (2, m), "drift_alarm": (2, m),
        "effective_members": (n,), "log_density": (), "filled": (n,), "used": (m, n),
    }  # fmt: skip
    return np.zeros((0, *shapes[name]))


def risk_table(told: Mapping[int, Told], plan: TwinPlan) -> pd.DataFrame:
    """Everybody's risk after the last day, and how it differs from the day before."""
    days = sorted(told)
    now = told[days[-1]]
    before = told[days[-2]] if len(days) > 1 else now
    surprise = np.where(np.isfinite(now.innovation), now.innovation, 0.0)
    largest = np.abs(surprise).argmax(axis=0)
    people = np.arange(plan.physicians)
    return pd.DataFrame({
        "who": list(plan.clinic.who), "date": plan.date(days[-1]), "risk": now.risk[0], "low": now.risk[1],
        "median": now.risk[2], "high": now.risk[3], "burned_out": now.burned_out, "filled": now.filled > 0.5,
        "change": now.risk[0] - before.risk[0],
        "largest_surprise": np.where(surprise.any(axis=0), np.array(COMPARED)[largest], ""),
        "surprise": surprise[largest, people],
    })  # fmt: skip


def alerts_table(told: Mapping[int, Told], plan: TwinPlan) -> pd.DataFrame:
    """What the twin does not believe: sensors that fail, and measures by which the clinic has drifted away."""
    rows = [*_failing_sensors(told, plan), *_drifts(told, plan)]
    columns = ["kind", "who", "stream", "measure", "since", "alarmed", "ended", "active", "value", "message"]
    table = pd.DataFrame(rows, columns=columns)
    order = {"active": False, "alarmed": False, "kind": True, "who": True, "measure": True}
    return table.sort_values(list(order), ascending=list(order.values()), ignore_index=True)


def _failing_sensors(told: Mapping[int, Told], plan: TwinPlan) -> list[dict[str, object]]:
    rows = []
    chance = np.array([told[d].failing for d in sorted(told)])
    for s, stream in enumerate(WATCHED):
        for i, who in enumerate(plan.clinic.who):
            series = chance[:, s, i] if len(chance) else np.zeros(0)
            for begin, alarm, end in excursions(series, ALERT, CALM):
                rows.append(_alert(FAILING, who, stream, "", begin, alarm, end, float(series[end or -1]), plan,
                                   f"{stream} of {who}: values are not believed"))  # fmt: skip
    return rows


def excursions(series: np.ndarray, alert: float, calm: float) -> list[tuple[int, int, int | None]]:
    """(begun, alarmed, ended or None) of every rise of a series over ``alert`` until it is below ``calm``."""
    found: list[tuple[int, int, int | None]] = []
    begin: int | None = None
    alarm: int | None = None
    for day, value in enumerate(series):
        if value < calm:
            if alarm is not None and begin is not None:
                found.append((begin, alarm, day))
            begin = alarm = None
            continue
        begin = day if begin is None else begin
        if alarm is None and value > alert:
            alarm = day
    if alarm is not None and begin is not None:
        found.append((begin, alarm, None))
    return found


def _drifts(told: Mapping[int, Told], plan: TwinPlan) -> list[dict[str, object]]:
    rows = []
    days = sorted(told)
    for m, measure in enumerate(COMPARED):
        for side, way in enumerate(("higher", "lower")):
            alarm: int | None = None
            since = 0
            for day in [*days, None]:
                on = day is not None and bool(told[day].drift_alarm[side, m])
                if on and alarm is None and day is not None:
                    alarm, since = day, int(told[day].drift_since[side, m])
                elif not on and alarm is not None:
                    last = float(told[days[-1]].drift[side, m])
                    text = f"{measure}: the clinic reports {way} values than the twin expects"
                    stream = MEASURES[measure].stream
                    rows.append(_alert(DRIFTING, "", stream, measure, since, alarm, day, last, plan, text))
                    alarm = None
    return rows


def _alert(kind: str, who: str, stream: str, measure: str, since: int, alarmed: int, ended: int | None, value: float,
           plan: TwinPlan, message: str) -> dict[str, object]:  # fmt: skip
    return {
        "kind": kind, "who": who, "stream": stream, "measure": measure, "since": plan.date(since),
        "alarmed": plan.date(alarmed), "ended": None if ended is None else plan.date(ended), "active": ended is None,
        "value": value, "message": f"{message} since {plan.date(since)}",
    }  # fmt: skip


def freshness_table(board: Board, plan: TwinPlan, today: int) -> pd.DataFrame:
    """When each stream last told something of each person."""
    seen = board.last_seen()
    rows = []
    for stream in STREAMS:
        of_stream = [k for k, name in enumerate(NAMES) if MEASURES[name].stream == stream]
        last = seen[of_stream].max(axis=0, initial=-1)
        for who, day in zip(plan.clinic.who, last.tolist(), strict=True):
            known = day >= 0
            rows.append({
                "stream": stream, "who": who, "last": plan.date(day) if known else None,
                "days_behind": max(today - day, 0) if known else None,
            })  # fmt: skip
    return pd.DataFrame(rows)


def account_table(board: Board, told: Mapping[int, Told]) -> pd.DataFrame:
    """What became of the observations: used whole, counted for less, not believed, and set aside for a reason."""
    weight = np.stack([told[d].used for d in sorted(told)]) if told else np.zeros((0, len(COMPARED), 0))
    rows = []
    for m, name in enumerate(COMPARED):
        of_measure = weight[:, m][np.isfinite(weight[:, m])]
        for became, count in (
            ("used", (of_measure > 0.98).sum()), ("down-weighted", ((of_measure > 0) & (of_measure <= 0.98)).sum()),
            ("not believed", (of_measure == 0).sum()),
        ):  # fmt: skip
            rows.append({"measure": name, "became": became, "observations": int(count)})
    rows += [{"measure": "", "became": reason, "observations": n} for reason, n in board.not_used.items()]
    return pd.DataFrame(rows)
