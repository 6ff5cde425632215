"""`clinictwin diagnose`: check a calibration where the truth is known, and say what streams can and cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

out = Console(soft_wrap=True, highlight=False)


def register(app: typer.Typer, refusing: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Add the command to the command line; ``refusing`` turns refusals into messages."""
    app.command("diagnose")(refusing(diagnose))


def diagnose(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder; what it holds already is not computed again.")],
    clinics: Annotated[int, typer.Option(min=2, help="Simulated clinics to fit; 500 is the full size (hours).")] = 20,
    mesa_clinics: Annotated[int, typer.Option(min=0, help="More of them, whose patients are agents.")] = 4,
    skill_clinics: Annotated[int, typer.Option(min=0, help="Clinics of each kind whose weeks are forecast.")] = 1,
    physicians: Annotated[int, typer.Option(min=5, help="In each clinic of the study, a multiple of five.")] = 10,
    days: Annotated[int, typer.Option(min=28, help="Observed in each clinic of the study.")] = 119,
    method: Annotated[str, typer.Option(help="Of the posterior: laplace or nuts.")] = "laplace",
    observations: Annotated[
        Path | None, typer.Option(help="With --fit: look at this clinic's streams instead of a simulated one's.")
    ] = None,
    fit_dir: Annotated[Path | None, typer.Option("--fit", help="Folder of the fit of these observations.")] = None,
    timezone: Annotated[str, typer.Option(help="The clinic's.")] = "UTC",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Coverage, simulation-based calibration, identifiability, the value of each stream, and the skill of forecasts."""
    from calibration.diagnostics.study import StudyPlan
    from experiments.compilation import use_compilation_cache
    from experiments.diagnose_report import sentences, write_report
    from experiments.diagnosing import DiagnosePlan
    from experiments.diagnosing import diagnose as compute

    if (observations is None) != (fit_dir is None):
        raise ValueError("--observations and --fit: met one of them, expected both or neither")
    use_compilation_cache()
    plan = DiagnosePlan(clinics, mesa_clinics, skill_clinics, StudyPlan(physicians, days, method=method), seed)
    fitted = None if observations is None or fit_dir is None else (observations, fit_dir)
    say = (lambda text: None) if quiet else out.print
    found = compute(out_dir, plan, fitted=fitted, timezone=timezone, progress=not quiet, say=say)
    for sentence in sentences(found):
        out.print(sentence)
    out.print(f"report: {write_report(found, out_dir, out_dir.resolve().name)}")
