"""What lies ahead: everybody's risk in some months if nothing is changed, and what raises it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from calibration.twin.drivers import COLUMNS, drivers_table
from calibration.twin.ensemble import Members
from calibration.twin.plan import TwinError
from calibration.twin.step import QUANTILES
from calibration.twin.twin import Twin

MONTHS = (1, 3, 6)
MOST_MONTHS = 24
DAYS_PER_MONTH = 365.25 / 12.0
MEMBERS = 256  # that run ahead: quantiles of 5 and 95 % to a tenth of a standard deviation
# A physician is at risk where burnout is likelier than not, in half of the members or in nearly all (assumed).
RISK_LINE, RAISED, HIGH = 0.5, 0.5, 0.9


@dataclasses.dataclass(frozen=True)
class Forecasts:
    """``table`` and ``drivers`` as `calibration.twin` lists them."""

    table: pd.DataFrame
    drivers: pd.DataFrame


def forecast(twin: Twin, months: Sequence[int] = MONTHS, *, members: int = MEMBERS, with_drivers: bool = True,
             save: bool = True) -> Forecasts:  # fmt: skip
    """The risk of everybody's present holder of the post, and its drivers; written to the twin's folder with ``save``.

    Members run on by chance, departures and hires included, with nothing observed and nothing changed. Of a post whose
    holder has left in a member, that member says nothing.

    Raises TwinError on months that are not 1 to MOST_MONTHS.
    """
    if not months or any(not 1 <= m <= MOST_MONTHS or m != int(m) for m in months):
        raise TwinError(f"months: met {list(months)}, expected whole numbers from 1 to {MOST_MONTHS}")
    groups = some_groups(twin, members)
    rows = []
    for number, day, risk, burned, stays in _ahead(twin, groups, sorted(set(months))):
        rows.append(_rows(twin, number, day, risk, burned, stays))
    table = pd.concat(rows, ignore_index=True)
    drivers = drivers_table(twin, groups[0]) if with_drivers else pd.DataFrame(columns=list(COLUMNS))
    if save:
        twin.keep_tables({"forecast": table, "drivers": drivers})
    return Forecasts(table, drivers)


def some_groups(twin: Twin, members: int) -> list[Members]:
    """Groups of at least so many members, or all."""
    size = twin.engine.rows[0].stop
    return list(twin.state.groups[: max(-(-members // size), 1)])


def _ahead(twin: Twin, groups: list[Members], months: list[int]) -> Any:
    """(months, day, risk [N, E], burned out [N, E], the holder is still there [N, E]) at each horizon."""
    plan, first = twin.plan, twin.day + 1
    unknown = np.full(plan.physicians, np.nan)
    horizon = {first + round(DAYS_PER_MONTH * m): m for m in months}
    holders = [np.asarray(g.clinic.generation)[:, : plan.physicians].T for g in groups]
    for day in range(first, max(horizon) + 1):
        there = [
            np.asarray(g.clinic.generation)[:, : plan.physicians].T == holder
            for g, holder in zip(groups, holders, strict=True)
        ]
        stepped = twin.engine.simulate(groups, day, unknown, unknown, twin.state.session_minutes)
        groups = [g for g, _ in stepped]
        if day in horizon:
            join = lambda name: np.concatenate([np.asarray(getattr(f, name)) for _, f in stepped], axis=-1)  # noqa: B023, E731
            yield horizon[day], day, join("risk"), join("burned_out"), join("same_holder") * np.concatenate(there, -1)


def _rows(twin: Twin, months: int, day: int, risk: np.ndarray, burned: np.ndarray, stays: np.ndarray) -> pd.DataFrame:
    counts = np.where(stays.sum(axis=1, keepdims=True) > 0, stays, 1.0)  # if all have left: of whoever is there
    weight = counts / counts.sum(axis=1, keepdims=True)
    order = np.argsort(risk, axis=1)
    ranked, mass = np.take_along_axis(risk, order, 1), np.take_along_axis(weight, order, 1)
    middle = mass.cumsum(axis=1) - 0.5 * mass
    low, median, high = (
        np.array([np.interp(q, m[w > 0], r[w > 0]) for m, r, w in zip(middle, ranked, mass, strict=True)])
        for q in QUANTILES
    )
    over = (weight * (risk > RISK_LINE)).sum(axis=1)
    return pd.DataFrame({
        "who": list(twin.plan.clinic.who), "months": months, "date": twin.plan.date(day),
        "risk": (weight * risk).sum(axis=1), "low": low, "median": median, "high": high,
        "burned_out": (weight * burned).sum(axis=1), "stays": stays.mean(axis=1),
        "flag": np.select([over >= HIGH, over >= RAISED], ["high risk", "at risk"], ""),
    })  # fmt: skip
