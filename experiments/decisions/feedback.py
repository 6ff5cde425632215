"""Decisions given back to the model as interventions, and what a twin has observed since, to judge them by."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from abm.interventions import Intervention
from experiments.decisions.ledger import Item, Ledger
from experiments.outcome_groups import WEEK_DAYS

if TYPE_CHECKING:
    from calibration.twin import Twin

MINUTES_PER_8_HOURS = 480.0


def decided(ledger: Ledger) -> list[tuple[Intervention, dt.date, dt.date | None]]:
    """(change, its first date, the first date without it or None) of what was approved, in the order of approval.

    What was undone is among them, with its end, even if it never began, so that the list only grows.
    """
    found = []
    for item in ledger.all_items():
        approved = item.history.loc[item.history["state"] == "approved", "number"]
        if len(approved):
            found.append((int(approved.iloc[0]), (_change(item), item.start, item.end)))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def interventions_of(ledger: Ledger, first_day: dt.date) -> list[Intervention]:
    """The decisions as interventions of a simulation whose day 0 is the date ``first_day``; undone ones have an end.

    What began before that day begins on it; what never began or had ended by then is left out.
    """
    return [
        in_days(change, start, end, first_day)
        for change, start, end in decided(ledger)
        if end is None or end > max(first_day, start)
    ]


def tell_twin(twin: Twin, ledger: Ledger) -> None:
    """Let a twin follow the ledger's decisions: it goes back to where they are news, and its next `advance` runs on.

    Raises TwinError if it has followed decisions that are not in this ledger.
    """
    first_simulated = twin.plan.date(-twin.plan.warm_up_days)
    twin.follow_decisions([in_days(*one, first_simulated) for one in decided(ledger)])


def in_days(change: Intervention, start: dt.date, end: dt.date | None, first_day: dt.date) -> Intervention:
    """The change with dates counted in days from ``first_day``; never before it."""

    day = lambda when: float(max((when - first_day).days, 0))  # noqa: E731
    return dataclasses.replace(change, start_day=day(start), end_day=math.inf if end is None else day(end))


def _change(item: Item) -> Intervention:
    what = item.recommendation
    some = lambda members: None if members is None else tuple(int(m) for m in members)  # noqa: E731
    return Intervention(
        str(what["kind"]), float(what["dose"]), ramp_days=float(what["ramp_days"]), pods=some(what["pods"]),
        physicians=some(what["physicians"]),
    )  # fmt: skip


def observed_levels(folder: str | Path, log: str | Path | None = None) -> pd.DataFrame:
    """What a twin's folder and its event log tell of the clinic, by whole weeks: date (of the middle), measure, value.

    The burnout risk (% of filled posts) is the twin's own estimate; WOW8 (min) and the third next available slot (days)
    are read off the log's reports, if it is given. Raises TwinError, LogError or OSError on what cannot be read.
    """
    from calibration.twin import open_twin

    report = open_twin(folder)
    filled = report.days["filled"].transpose("day", "who").values
    risk = 100 * report.days["risk"].transpose("day", "who").values
    daily = {"burnout_risk": (risk * filled, filled)}
    if log is not None:
        daily |= _reported(Path(log), report.plan, len(filled))
    weeks = len(filled) // WEEK_DAYS
    rows = []
    for name, (above, below) in daily.items():
        for week in range(weeks):
            days = slice(week * WEEK_DAYS, (week + 1) * WEEK_DAYS)
            total = float(below[days].sum())
            value = float(above[days].sum()) / total if total > 0 else math.nan
            rows.append((report.plan.date(week * WEEK_DAYS + WEEK_DAYS // 2), name, value))
    return pd.DataFrame(rows, columns=["date", "measure", "value"]).dropna(ignore_index=True)


def _reported(log: Path, plan: Any, days: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(numerator, denominator) by measure, each [days, N], over the person-days of which both are reported."""
    from calibration.event_log import EventLog
    from calibration.observations import to_array

    if not log.is_file():
        raise FileNotFoundError(f"{log}: met no file, expected an event log")
    with EventLog(log) as opened:
        table = opened.observations()
    values = to_array(table, plan.clinic.who, days, plan.first_day, timezone=plan.timezone)
    outside, scheduled = values["work_outside_work_minutes"], values["scheduled_minutes"]
    there = np.isfinite(outside) & np.isfinite(scheduled)
    next_slot = values["third_next_available_days"]
    known = np.isfinite(next_slot)
    return {
        "work_outside_work_8": (np.where(there, MINUTES_PER_8_HOURS * outside, 0.0), np.where(there, scheduled, 0.0)),
        "third_next_available": (np.where(known, next_slot, 0.0), known.astype(float)),
    }
