"""`clinictwin demo`: the whole path on a simulated clinic, from what its systems report to a report for its leaders."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

from rich.console import Console

from calibration import write_observations
from calibration.clinic import Clinic
from calibration.fit import FITTED
from calibration.observations import person_ids
from calibration.posterior_clinics import posterior_clinics
from calibration.simulated import draw_truth, simulate_observations
from experiments.clinics import clinics_of
from experiments.config import Experiment, load_config
from experiments.fitting import fit_file
from experiments.report import write_report
from experiments.runner import run_sweep

MARKER, OBSERVATIONS, FIT, SWEEP = "clinictwin-demo.txt", "observations.csv", "fit", "sweep"
TRUTH_WIDTH = 0.5  # the hidden clinic lies half a prior standard deviation from the defaults, typically (assumed)


@dataclasses.dataclass(frozen=True)
class DemoSize:
    """How much the demo does; the tests take less."""

    physicians: int = 50
    days: int = 182
    starts: int = 2
    experiment: Experiment | None = None  # the shipped experiment "demo" if None


def run_demo(
    out_dir: str | Path,
    *,
    seed: int = 7,
    progress: bool = True,
    console: Console | None = None,
    size: DemoSize | None = None,
) -> Path:
    """Simulate a clinic with hidden parameters, fit it, sweep interventions on it; returns the page of the report.

    Writes observations.csv, fit/ and sweep/ to ``out_dir``. A folder of an earlier demo is written anew. Raises
    ValueError if the folder holds anything else, OSError if it cannot be written.
    """
    console, size, folder = console or Console(), size or DemoSize(), Path(out_dir)
    _prepare(folder)
    began = time.monotonic()
    console.print(f"[bold]1 of 4[/] a clinic of {size.physicians} physicians is simulated; its parameters stay hidden")
    clinic = simulate_observations(
        draw_truth(seed, FITTED, width=TRUTH_WIDTH), days=size.days, physicians=size.physicians, seed=seed
    )
    write_observations(clinic.observations, folder / OBSERVATIONS)
    console.print(
        f"      {len(clinic.observations):,} observations of {size.days} days, faults included: {OBSERVATIONS}"
    )
    console.print("[bold]2 of 4[/] parameters of the clinic and traits of every physician are fitted to them")
    known = Clinic(clinic.layout, tuple(person_ids(size.physicians)))  # any clinic knows its roster and panels
    fit = fit_file(folder / OBSERVATIONS, folder / FIT, clinic=known, truth=clinic, seed=seed, starts=size.starts,
                   progress=progress, console=console)  # fmt: skip
    console.print("[bold]3 of 4[/] interventions are tried on clinics drawn from the fit, all on the same chances")
    run_sweep(size.experiment or load_config("demo"), folder / SWEEP, progress=progress, base_parameters=fit.parameters,
              clinics=clinics_of(posterior_clinics(fit), fit.layout(clinic.layout)), console=console)  # fmt: skip
    console.print("[bold]4 of 4[/] the report is written")
    page = write_report(folder / SWEEP, fit_dir=folder / FIT)
    console.print(
        f"\nDone in {time.monotonic() - began:.0f} s. Open the report in a browser: [bold]{page}[/]", soft_wrap=True
    )
    console.print("Next: your own observations     clinictwin fit FILE.csv --out fit")
    console.print("      another question          clinictwin sweep documentation --out runs/documentation")
    console.print("      a parameter to change     clinictwin parameters --find message")
    return page


def _prepare(folder: Path) -> None:
    """Make the folder, or clear away what an earlier demo wrote to it, and nothing else."""
    marker = folder / MARKER
    if folder.exists() and any(folder.iterdir()) and not marker.is_file():
        raise ValueError(f"{folder}: met a folder with other files in it, expected an empty or a new one (--out)")
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(
        "Written by `clinictwin demo`, which clears its own files here when it is run again.\n", encoding="utf-8"
    )
    (folder / OBSERVATIONS).unlink(missing_ok=True)
    for name in (FIT, SWEEP):
        shutil.rmtree(folder / name, ignore_errors=True)
