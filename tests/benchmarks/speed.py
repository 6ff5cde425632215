"""How fast the engines simulate the default clinic, side by side, against a hand-written Numba loop of the same day.

    python -m tests.benchmarks.speed [--repeats 5] [--replicates 256] [--no-gradient]

Prints clinic-days a second and ratios (medians of runs that take turns, so that a busy machine slows all alike),
whether the Numba loop's outcomes agree with the JAX engine's, the Mesa engine's time, memory and growth with the
number of physicians, and the time to compile with an empty and with a filled persistent cache. It fails on no time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

DAYS, PERIOD_DAYS = 364, 28
PHYSICIANS = (25, 50, 100, 200, 400)
GROWTH_DAYS = 28
COMPARED = (
    "kept", "waiting_requests", "lead_days_sum", "wait_minutes_sum", "visit_minutes", "ehr_minutes",
    "ehr_outside_scheduled_minutes", "evening_minutes", "task_load", "sleep_hours", "fatigue", "exhaustion",
    "cynicism", "motivation", "burned_out", "employed",
)  # fmt: skip


def seconds(task: Callable[[], Any]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def machine() -> str:
    """Processor, cores this process may use, and versions."""
    from importlib.metadata import version

    from abm.population.batch import core_count

    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    versions = ", ".join(f"{name} {version(name)}" for name in ("mesa", "jax", "numba", "numpy"))
    return f"{model}, {core_count()} cores; Python {platform.python_version()}, {versions}"


def compare_engines(replicates: int, repeats: int, with_gradient: bool) -> None:
    """The table of speeds, and whether the Numba loop is the same clinic."""
    import jax

    from abm.clinic import Clinic
    from abm.layout import make_layout
    from abm.parameters import Parameters
    from abm.population import simulate, simulate_batch
    from abm.population.batch import core_count
    from tests.benchmarks import numba_clinic

    layout, parameters, cores = make_layout(), Parameters(), core_count()
    prepared = numba_clinic.prepare(parameters, layout)
    batch = lambda: simulate_batch(parameters, DAYS, range(replicates), layout=layout, period_days=PERIOD_DAYS)  # noqa: E731
    loop = lambda: numba_clinic.run(prepared, layout, range(replicates), DAYS, PERIOD_DAYS, cores)  # noqa: E731

    @jax.jit
    @jax.value_and_grad
    def risk(p: Parameters) -> Any:
        run = simulate(p, DAYS, 1, layout=layout, mode="relaxed", period_days=PERIOD_DAYS)
        return run.physicians["burnout_risk"].mean()

    floats = jax.tree.map(float, parameters)
    tasks: dict[str, tuple[int, Callable[[], Any]]] = {
        "Mesa": (1, lambda: clinic.run_for(DAYS)),
        "JAX, 1 replicate": (1, lambda: jax.block_until_ready(
            simulate(parameters, DAYS, 1, layout=layout, period_days=PERIOD_DAYS))),
        f"JAX, {replicates} replicates": (replicates, batch),
        "JAX, 1 relaxed, with gradient": (1, lambda: jax.block_until_ready(risk(floats))),
        f"Numba loop, {replicates} replicates": (replicates, loop),
    }  # fmt: skip
    if not with_gradient:
        del tasks["JAX, 1 relaxed, with gradient"]
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for name, (_, task) in tasks.items():
        if name != "Mesa":
            print(f"  {name}: first call {seconds(task):.1f} s", flush=True)
    for _ in range(repeats):
        clinic = Clinic(parameters, rng=1, layout=layout)
        for name, (_, task) in tasks.items():
            taken[name].append(seconds(task))
    speed = {name: tasks[name][0] * DAYS / statistics.median(times) for name, times in taken.items()}
    print(f"\n{'clinic-days a second':38}{'median':>10}{'slowest':>10}{'fastest':>10}{'x Mesa':>9}{'x Numba':>9}")
    numba = speed[f"Numba loop, {replicates} replicates"]
    for name, value in speed.items():
        ends = [tasks[name][0] * DAYS / t for t in (max(taken[name]), min(taken[name]))]
        print(
            f"{name:38}{value:10,.0f}{ends[0]:10,.0f}{ends[1]:10,.0f}{value / speed['Mesa']:9,.0f}{value / numba:9.2f}"
        )
    print(f"(default clinic, {layout.physicians} physicians, {DAYS} days, float32 except Mesa; {repeats} turns each)")
    agreement(batch(), loop(), numba_clinic.RECORDS)


def agreement(run: Any, loop: Any, records: tuple[str, ...]) -> None:
    """Means per physician and day of both over all replicates, and their difference in Monte-Carlo standard errors."""
    print(f"\n{'same clinic? means of':32}{'JAX':>12}{'Numba':>12}{'difference':>12}{'std. errors':>12}")
    largest = 0.0
    for name in COMPARED:
        ours = np.asarray(run.physicians[name], float).mean(axis=(1, 2))
        theirs = loop[0][..., records.index(name)].astype(float).mean(axis=(1, 2))
        error = np.sqrt(ours.var(ddof=1) / ours.size + theirs.var(ddof=1) / theirs.size)
        difference = theirs.mean() - ours.mean()
        largest = max(largest, abs(difference / error))
        print(f"{name:32}{ours.mean():12.4f}{theirs.mean():12.4f}{difference:12.5f}{difference / error:12.2f}")
    verdict = "agree" if largest < 4.0 else "DIFFER"
    print(f"the Numba loop and the JAX engine {verdict}: largest difference {largest:.1f} standard errors (below 4)")


def mesa_year() -> dict[str, float]:
    """A year of the default clinic in Mesa, alone in its process."""
    import resource

    from abm.clinic import Clinic

    started = time.perf_counter()
    clinic = Clinic(rng=1)
    built = time.perf_counter()
    clinic.run_for(DAYS)
    ended = time.perf_counter()
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return {"build": built - started, "run": ended - built, "peak_mib": peak}


def mesa_growth() -> dict[str, float]:
    """Seconds a day of Mesa clinics of different sizes, after a first week."""
    from abm.clinic import Clinic
    from abm.layout import make_layout

    clinics = {n: Clinic(rng=1, layout=make_layout(n)) for n in PHYSICIANS}
    for clinic in clinics.values():
        clinic.run_for(7)
    taken: dict[int, list[float]] = {n: [] for n in PHYSICIANS}
    for _ in range(3):
        for n, clinic in clinics.items():
            taken[n].append(seconds(lambda clinic=clinic: clinic.run_for(GROWTH_DAYS)) / GROWTH_DAYS)
    return {str(n): statistics.median(times) for n, times in taken.items()}


def compile_year() -> dict[str, float]:
    """The first year in a process, with JAX's persistent cache as the environment says, and a second year."""
    import jax

    from abm.parameters import Parameters
    from abm.population import default_layout, simulate

    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    parameters, layout = Parameters(), default_layout()
    year = lambda: jax.block_until_ready(simulate(parameters, DAYS, 1, layout=layout, period_days=PERIOD_DAYS))  # noqa: E731
    return {"first": seconds(year), "second": seconds(year)}


PARTS = {"mesa-year": mesa_year, "mesa-growth": mesa_growth, "compile-year": compile_year}


def in_new_process(part: str, **environment: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.speed", "--part", part]
    done = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--repeats", type=int, default=5)
    asked.add_argument("--replicates", type=int, default=256)
    asked.add_argument("--no-gradient", action="store_true")
    asked.add_argument("--part", choices=PARTS, help="measure one part and print it as JSON")
    options = asked.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part]()))
        return
    print(machine(), flush=True)
    year = in_new_process("mesa-year")
    print(f"\nA Mesa year of 50 physicians and 100,000 patients: {year['run']:.1f} s, {year['build']:.1f} s to set up, "
          f"peak memory {year['peak_mib']:.0f} MiB", flush=True)  # fmt: skip
    growth = {int(n): s for n, s in in_new_process("mesa-growth").items()}
    print("Mesa, milliseconds a day (and a physician):",
          "; ".join(f"{n}: {1e3 * s:.1f} ({1e3 * s / n:.3f})" for n, s in growth.items()))  # fmt: skip
    slope = np.polyfit(np.log(list(growth)), np.log(list(growth.values())), 1)[0]
    print(f"  grows with the number of physicians to the power {slope:.2f}", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (in_new_process("compile-year", JAX_COMPILATION_CACHE_DIR=cache) for _ in range(2))
    print(f"A year's first run, JAX: {cold['first']:.1f} s with an empty cache, {warm['first']:.1f} s in a second "
          f"process (of which running {warm['second']:.2f} s)\n", flush=True)  # fmt: skip
    compare_engines(options.replicates, options.repeats, not options.no_gradient)


if __name__ == "__main__":
    main()
