"""How watchful a twin is, measured on simulated clinics: coverage, skill, delays of detection, false alarms.

Each clinic's parameters are drawn from the priors the twin starts with. From half of the days on, half of the clinics
are changed in a way the twin is not told of (messages go to a pool of nurses); the others stay as they are, and there
every drift is a false alarm. The twin of a changed clinic is judged by its alarms alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from abm.interventions import Intervention
from abm.parameters import Parameters
from calibration.clinic import Clinic
from calibration.observation_checks import validate
from calibration.observations import person_ids
from calibration.simulated import WARM_UP_DAYS, SimulatedClinic, draw_truth, simulate_observations
from calibration.twin.plan import TwinPlan
from calibration.twin.start import shared_names
from calibration.twin.step import Told
from calibration.twin.tables import DRIFTING, FAILING, alerts_table
from calibration.twin.twin import Twin

CHANGE = "inbox_pooling"


def try_twins(seeds: Iterable[int], *, physicians: int = 20, days: int = 113, members: int = 256,
              changed_share: float = 0.5, tell: Callable[[str], None] | None = None) -> pd.DataFrame:  # fmt: skip
    """One row a simulated clinic: what its twin found out by the last day but one, and what it raised alarms about.

    Columns: seed; physicians (employed on the last day), covered (of them, whose true risk on the last morning lies
    within the twin's 5-95 %), error and error_of_prior (root mean square of the mean risk, and of that after the first
    day), width (mean of the interval's); watched_days (days times persons with a sensor that works), failed, found
    (sensors that failed for two weeks or more; of those, found), delay_days (mean, from failure to alert),
    false_sensor_alerts; changed_on (day number, -1: not at all), drift_delay_days (from the change to the first alarm,
    NaN: none), false_drift_alarms (before a change).
    """
    rows = []
    for number, seed in enumerate(seeds):
        changed_on = days // 2 if (number + 1) * changed_share % 1.0 < changed_share else -1
        clinic, twin = run_twin(seed, physicians, days, members, changed_on)
        rows.append({"seed": seed, **judged(clinic, twin, changed_on)})
        if tell is not None:
            tell(", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()))
    return pd.DataFrame(rows)


def run_twin(seed: int, physicians: int, days: int, members: int, changed_on: int = -1,
             parameters: Parameters | None = None) -> tuple[SimulatedClinic, Twin]:  # fmt: skip
    """A simulated clinic, by default of parameters drawn from their priors, and a twin of it up to the last day but
    one: its risk is then that of the last day's morning, of which the truth is known."""
    names = shared_names(None)
    truth = parameters or draw_truth(seed, names)
    change = [Intervention(CHANGE, start_day=WARM_UP_DAYS + changed_on, ramp_days=1)] if changed_on >= 0 else None
    clinic = simulate_observations(truth, days=days, physicians=physicians, seed=seed, interventions=change)
    plan = TwinPlan(Clinic(clinic.layout, tuple(person_ids(physicians))), clinic.first_day, names, members=members,
                    seed=seed)  # fmt: skip
    twin = Twin(plan)
    table, _ = validate(clinic.observations)
    twin.observe(table, through=days - 2)
    return clinic, twin


def judged(clinic: SimulatedClinic, twin: Twin, changed_on: int = -1) -> dict[str, Any]:
    """A row of :func:`try_twins`, but for the seed."""
    alerts = alerts_table(twin.told, twin.plan)
    return {
        **_risks(clinic, twin.told), **_sensors(clinic, twin, alerts[alerts["kind"] == FAILING]),
        **_drifts(twin, alerts[alerts["kind"] == DRIFTING], changed_on),
    }  # fmt: skip


def _risks(clinic: SimulatedClinic, told: dict[int, Told]) -> dict[str, Any]:
    truth = clinic.records["burnout_risk"][-1]
    there = clinic.records["employed"][-1] > 0.5
    mean, low, _, high = told[max(told)].risk
    error = lambda risk: float(np.sqrt(np.mean((risk - truth)[there] ** 2)))  # noqa: E731
    return {
        "physicians": int(there.sum()), "covered": int(((truth >= low) & (truth <= high))[there].sum()),
        "error": error(mean), "error_of_prior": error(told[0].risk[0]), "width": float((high - low)[there].mean()),
    }  # fmt: skip


def _sensors(clinic: SimulatedClinic, twin: Twin, alerts: pd.DataFrame) -> dict[str, Any]:
    began = dict(zip(clinic.failed_sensors["who"], clinic.failed_sensors["day"], strict=True))
    numbers = [(day - twin.plan.first_day).days for day in alerts["alarmed"].tolist()]
    alarmed = list(zip(alerts["who"], alerts["stream"], numbers, strict=True))
    right = {who: day for who, stream, day in reversed(alarmed) if stream == "wearable" and day >= began.get(who, 1e9)}
    judged_ones = [who for who, day in began.items() if day <= twin.day - 14]
    delays = [right[who] - began[who] for who in judged_ones if who in right]
    return {
        "watched_days": (twin.day + 1) * twin.plan.physicians, "failed": len(judged_ones), "found": len(delays),
        "delay_days": float(np.mean(delays)) if delays else np.nan,
        "false_sensor_alerts": sum(stream != "wearable" or day < began.get(who, 1e9) for who, stream, day in alarmed),
    }  # fmt: skip


def _drifts(twin: Twin, alerts: pd.DataFrame, changed_on: int) -> dict[str, Any]:
    days = np.array([(day - twin.plan.first_day).days for day in alerts["alarmed"]], int)
    before = days < changed_on if changed_on >= 0 else np.ones(len(days), bool)
    after = days[~before]
    return {
        "changed_on": changed_on, "drift_delay_days": float(after.min() - changed_on) if len(after) else np.nan,
        "false_drift_alarms": int(before.sum()),
    }  # fmt: skip
