"""`open_twin`: everything a twin's folder tells, without the engine and without changing anything."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import xarray as xr

from calibration.twin.plan import TwinError, TwinPlan
from calibration.twin.store import Store
from calibration.twin.tables import alerts_table, days_dataset, risk_table


@dataclasses.dataclass(frozen=True)
class TwinReport:
    """What a twin's folder tells; `calibration.twin` lists the columns."""

    plan: TwinPlan
    day: int  # number of the last day assimilated; -1: none yet
    days: xr.Dataset  # every day's account
    risk: pd.DataFrame  # everybody's risk after the last day, and what changed since the day before
    alerts: pd.DataFrame  # sensors that fail, measures that drift
    freshness: pd.DataFrame  # when each stream last told something of each person
    account: pd.DataFrame  # what became of the observations
    forecast: pd.DataFrame  # risk 1, 3 and 6 months ahead; empty if none was made
    drivers: pd.DataFrame  # what raises each risk; empty if no forecast was made


def open_twin(folder: str | Path) -> TwinReport:
    """Read a twin's folder. It may be read while another process follows a log with it.

    Raises TwinError if there is no twin in the folder, or nothing has been assimilated yet.
    """
    store = Store(Path(folder))
    plan, _ = store.read()
    told = store.told()
    if not told:
        raise TwinError(
            f"{folder}: met a twin that has assimilated nothing yet, expected one that has: `clinictwin twin`"
        )
    return TwinReport(
        plan, max(told), days_dataset(told, plan), risk_table(told, plan), alerts_table(told, plan),
        store.table("freshness"), store.table("account"), store.table("forecast"), store.table("drivers"),
    )  # fmt: skip
