"""How fast the streaming twin takes in a day of the default clinic, and whether that grows with its history.

    python -m tests.benchmarks.twin [--members 1024] [--days 120]

Prints the median time of a day, forecast and analysis apart, early and late in the history; the time of a start and of
opening; the size of a state and of the folder; and peak memory. It fails on no time.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from calibration.clinic import Clinic
from calibration.observation_checks import validate
from calibration.observations import person_ids
from calibration.simulated import simulate_observations
from calibration.twin.checkpoints import to_keep, write_state
from calibration.twin.plan import TwinPlan
from calibration.twin.start import shared_names
from calibration.twin.twin import Twin
from tests.benchmarks.speed import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1024)
    parser.add_argument("--physicians", type=int, default=50)
    parser.add_argument("--days", type=int, default=120)
    chosen = parser.parse_args()
    print(machine())
    clinic = simulate_observations(days=chosen.days, physicians=chosen.physicians, seed=1)
    table, _ = validate(clinic.observations)
    plan = TwinPlan(Clinic(clinic.layout, tuple(person_ids(chosen.physicians))), clinic.first_day, shared_names(None),
                    members=chosen.members)  # fmt: skip
    began = time.perf_counter()
    twin = Twin(plan)
    print(f"start: {time.perf_counter() - began:.1f} s, {plan.warm_up_days} days of warm-up and compilation included")
    twin.board.update(table, lambda: table)
    weekdays, forecasts, steps = [], [], []
    stays = np.zeros(plan.physicians)
    for day in range(chosen.days):
        began = time.perf_counter()
        twin.observe(table.iloc[:0], through=day)
        jax.block_until_ready(twin.state.groups)
        steps.append(time.perf_counter() - began)
        weekdays.append(day % 7 < 5)
        if day % 10 == 4:
            began = time.perf_counter()
            jax.block_until_ready(twin.engine.simulate(twin.state.groups, day + 1, np.nan * stays, stays, 480.0))
            forecasts.append(time.perf_counter() - began)
    milliseconds = 1000 * np.array(steps)
    on_weekdays = np.where(weekdays, milliseconds, np.nan)
    third = max(chosen.days // 3, 1)
    print(
        f"{chosen.physicians} physicians, {twin.engine.members} members: a weekday {np.nanmedian(on_weekdays[5:]):.0f} "
        f"ms (quickest {np.nanmin(on_weekdays):.0f} ms), the members' day alone {1000 * np.median(forecasts):.0f} ms"
    )
    early, late = np.nanmedian(on_weekdays[5:third]), np.nanmedian(on_weekdays[-third:])
    print(f"first third {early:.0f} ms, last third {late:.0f} ms: constant in the history's length if alike")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        began = time.perf_counter()
        write_state(twin.state, path)
        print(f"a state: {path.stat().st_size / 1e6:.1f} MB, written in {time.perf_counter() - began:.2f} s")
    days = {-1}
    for newest in range(365):
        days = to_keep({*days, newest}, newest)
    print(f"states kept after a year: {len(days)}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
