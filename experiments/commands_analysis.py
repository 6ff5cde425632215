"""`clinictwin sensitivity`, `policy` and `discover`: what matters, what to choose, and when a choice fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from experiments.compilation import use_compilation_cache

out = Console(soft_wrap=True)
OutFolder = Annotated[Path, typer.Option("--out", help="New folder; inside a sweep's folder, its report shows it.")]
Measure = Annotated[str, typer.Option(help="Outcome to explain, as burned_out, burnout_risk or third_next_available.")]
ParametersFile = Annotated[
    Path | None, typer.Option("--parameters", help="YAML file with the parameters that differ from the defaults.")
]
Physicians = Annotated[int, typer.Option(min=5, help="A multiple of five.")]
Names = Annotated[
    str | None, typer.Option("--vary", help="Parameters that vary, separated by commas; all if not given.")
]
Policy = Annotated[
    str, typer.Option("--policy", help="Interventions in use, as scribe=0.5,inbox_pooling=1; none if not given.")
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of every random draw.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


def register(app: typer.Typer, refusing: Callable[..., Any]) -> None:
    """Add the commands to the command line."""
    for command in (sensitivity,):
        app.command()(refusing(command))


def sensitivity(
    out_dir: OutFolder, measure: Measure = "burned_out", vary: Names = None, policy: Policy = "",
    parameters_file: ParametersFile = None, physicians: Physicians = 50,
    trajectories: Annotated[int, typer.Option(min=2, help="Of Morris screening; each takes a run per parameter.")] = 6,
    foremost: Annotated[int, typer.Option(min=1, help="Parameters of the Sobol' analysis.")] = 20,
    points: Annotated[int, typer.Option(min=2, help="Base points of the Sobol' analysis: a power of two.")] = 64,
    slope_points: Annotated[int, typer.Option(min=1, help="Points where slopes are taken; several give bounds.")] = 1,
    one_sided: Annotated[bool, typer.Option("--one-sided", help="Slopes at half the runs, by one side.")] = False,
    seed: Seed = 0, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Which parameters matter: slopes and Morris screening over all of them, Sobol' indices over the foremost."""
    from experiments.analysis.inputs import inputs
    from experiments.analysis.measured_runs import MeasuredRuns, measure_named
    from experiments.analysis.pages import new_folder, write_analysis
    from experiments.analysis.policies import read_doses
    from experiments.analysis.progress import run_bars
    from experiments.analysis.sensitivity import Sizes, analyse_sensitivity
    from experiments.analysis.sensitivity_page import sensitivity_section
    from experiments.analysis.sobol import saltelli_points
    from experiments.figures import house_style

    chosen = inputs(None if vary is None else _names(vary), _parameters(parameters_file))
    kinds, doses = read_doses(policy)
    runs = MeasuredRuns(_layout(physicians), kinds, (measure_named(measure),))
    sizes = Sizes(trajectories, foremost, points, slope_points, 1 if one_sided else 2)
    saltelli_points(chosen.names[:1], points, seed)  # refuses what it cannot make, before anything is run
    folder = new_folder(out_dir)
    use_compilation_cache()
    with run_bars(out, not quiet) as reporting:
        found = analyse_sensitivity(runs, chosen, measure, doses, sizes, seed, reporting)
    with house_style():
        section, drawn, numbers = sensitivity_section(found, measure)
        settings = {"measure": measure, "policy": policy or "none", "physicians": physicians, "seed": seed,
                    **sizes._asdict(), "runs": ", ".join(f"{k} {n:,}" for k, n in found.runs.items())}  # fmt: skip
        page = write_analysis(folder, section, numbers, drawn, settings)
    _say(section.sentences, page)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parameters(path: Path | None) -> Any:
    from abm.parameters import Parameters, load

    return Parameters() if path is None else load(path)


def _layout(physicians: int) -> Any:
    from abm.layout import make_layout

    return make_layout(physicians)


def _say(sentences: list[str], page: Path) -> None:
    for sentence in sentences:
        out.print(f"- {sentence}", markup=False, highlight=False)
    out.print(f"page: {page}")
