"""How fast a sweep runs: 1,000 scenario-years of the 50-physician clinic, beside Mesa's own batch runner.

`python -m tests.benchmarks.sweep` (--quick for a small run). Times are read in one process, after compilation: the same
sweep is run twice, and the second run is what counts; processor seconds tell what a busy machine hides. It measures
and never fails.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

YEAR_DAYS = 364
FEW = ["kept", "exhaustion", "employed", "burned_out", "evening_minutes"]
GOAL_SECONDS, GOAL_RATIO, GOAL_WRITING = 15.0, 300.0, 0.10  # of the experiments' issue


def experiment(replicates: int, outcomes: list[str] | None, points: int = 0) -> Any:
    """Ten scenarios, the baseline among them, of one year after a week's warm-up."""
    from experiments.config import Experiment

    changes = [{"kind": "ai_scribe", "doses": [i / 9 for i in range(1, 10)]}]
    content: dict[str, Any] = {
        "name": "benchmark", "warm_up_days": 7, "days": YEAR_DAYS, "replicates": replicates, "outcomes": outcomes,
        "scenarios": [{"name": "ai", "interventions": changes}],
    }  # fmt: skip
    if points:
        axis = {"parameter": "visit_minutes", "low": 14, "high": 21}
        content |= {"replicates": 1, "scenarios": [], "period_days": YEAR_DAYS,
                    "design": {"method": "sobol", "points": points, "axes": [axis]}}  # fmt: skip
    return Experiment.model_validate(content)


class Taken(NamedTuple):
    """What a sweep took: seconds on the clock, processor seconds, bytes on disk."""

    seconds: float
    processor: float
    size: int


def run(wanted: Any, keep: bool = True) -> Taken:
    """Run a sweep from its plan to the finished store; without ``keep`` no record is written to the store."""
    from experiments.results import SweepStore
    from experiments.runner import run_sweep

    write = SweepStore.write
    if not keep:
        SweepStore.write = lambda *_: None  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            began, processor = time.perf_counter(), time.process_time()
            store = run_sweep(wanted, folder, progress=False, console=Console(quiet=True))
            taken = time.perf_counter() - began, time.process_time() - processor
            size = sum(path.stat().st_size for path in Path(store).rglob("*") if path.is_file())
    finally:
        SweepStore.write = write  # type: ignore[method-assign]
    return Taken(*taken, size)


def measure(name: str, wanted: Any, years: int) -> float:
    """Print what the sweep takes after compilation; returns processor seconds a scenario-year."""
    first = run(wanted)
    taken, without = run(wanted), run(wanted, keep=False)
    share = 1 - without.processor / taken.processor
    print(f"{name}: {years:,} scenario-years in {taken.seconds:.1f} s ({years / taken.seconds:.1f} a second; "
          f"{taken.processor:.1f} processor seconds; first run {first.seconds:.1f} s)\n"
          f"  writing costs {share:.1%} of the processor time (goal {GOAL_WRITING:.0%}), "
          f"{taken.size / years / 1e3:.2f} kB a scenario-year", flush=True)  # fmt: skip
    return taken.processor / years


def mesa_year(runs: int) -> tuple[float, float]:
    """(seconds, processor seconds) a scenario-year through `mesa.batch_run` in one process."""
    import mesa

    from abm.clinic import Clinic

    began, processor = time.perf_counter(), time.process_time()
    mesa.batch_run(Clinic, {}, number_processes=1, rng=list(range(runs)), max_steps=YEAR_DAYS, display_progress=False)
    return (time.perf_counter() - began) / runs, (time.process_time() - processor) / runs


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--quick", action="store_true", help="160 scenario-years instead of 1,000")
    asked.add_argument("--mesa-years", type=int, default=2)
    options = asked.parse_args()
    from experiments.compilation import use_compilation_cache
    from tests.benchmarks.speed import machine

    use_compilation_cache()
    print(machine(), flush=True)
    replicates, points = (16, 256) if options.quick else (100, 1024)
    years = 10 * replicates
    every = measure("all outcomes", experiment(replicates, None), years)
    measure("five outcomes", experiment(replicates, FEW), years)
    measure("points of a Sobol' design, yearly means of five outcomes", experiment(1, FEW, points), points)
    seconds, processor = mesa_year(options.mesa_years)
    ratio = processor / every
    print(f"mesa.batch_run, one process: {seconds:.1f} s a scenario-year ({processor:.1f} processor seconds); "
          f"by processor time a sweep of all outcomes is {ratio:.0f} times as fast, "
          f"on two cores against one process {2 * ratio:.0f} times (goal {GOAL_RATIO:.0f})\n"
          f"goal: 1,000 scenario-years in {GOAL_SECONDS:.0f} s on two cores; by processor time "
          f"{500 * every:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
