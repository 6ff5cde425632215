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
    for command in (sensitivity, policy, discover):
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


def policy(
    out_dir: OutFolder,
    budget: Annotated[float, typer.Option(min=0, help="USD a year in full use, at the kinds' assumed costs.")],
    access_limit: Annotated[float, typer.Option(min=0, help="Third next available, at most so many days.")],
    kinds: Annotated[
        str | None, typer.Option(help="Kinds to combine, separated by commas; a usual seven if not given.")
    ] = None,
    objective: Annotated[str, typer.Option(help="burnout_risk or burned_out.")] = "burnout_risk",
    tail: Annotated[float, typer.Option(help="1: the mean; below, the mean of the worst such share (CVaR).")] = 1.0,
    uncertain: Annotated[
        str | None, typer.Option(help="Parameters drawn from their priors for each replicate, separated by commas.")
    ] = None,
    parameters_file: ParametersFile = None, physicians: Physicians = 50,
    runs: Annotated[int, typer.Option(min=1, help="Model runs of each search.")] = 480,
    replicates: Annotated[int, typer.Option(min=1, help="Seeds that the searches see.")] = 2,
    check: Annotated[int, typer.Option(min=2, help="Fresh seeds of the check.")] = 32,
    front: Annotated[int, typer.Option(min=0, help="Further, smaller budgets of the front.")] = 3,
    seed: Seed = 0, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Which doses make burnout least within a budget and a wait: by gradient, beside grid and random search."""
    from experiments.analysis.choose import Sizes, choose
    from experiments.analysis.inputs import inputs
    from experiments.analysis.measured_runs import MeasuredRuns
    from experiments.analysis.pages import new_folder, write_analysis
    from experiments.analysis.policies import known_kinds
    from experiments.analysis.policy import KINDS_SEARCHED, MEASURES_READ, Problem
    from experiments.analysis.policy_page import policy_section
    from experiments.analysis.progress import run_bars
    from experiments.figures import house_style

    chosen = KINDS_SEARCHED if kinds is None else known_kinds(_names(kinds))
    base = _parameters(parameters_file)
    varied = None if uncertain is None else inputs(_names(uncertain), base)
    problem = Problem(MeasuredRuns(_layout(physicians), chosen, MEASURES_READ), base, budget, access_limit, objective,
                      tail, varied)  # fmt: skip
    sizes = Sizes(runs, replicates, check=check, front=front)
    sizes.check_for(len(chosen))
    folder = new_folder(out_dir)
    use_compilation_cache()
    with run_bars(out, not quiet) as reporting:
        found = choose(problem, sizes, seed, reporting)
    with house_style():
        section, drawn, numbers = policy_section(found, problem)
        settings = {"budget": f"{budget:g} USD a year", "access limit": f"{access_limit:g} days", "kinds": chosen,
                    "objective": objective, "tail": tail, "uncertain": uncertain or "none", "physicians": physicians,
                    "seed": seed, "runs": ", ".join(f"{k} {n:,}" for k, n in found.runs.items()),
                    "seconds": ", ".join(f"{k} {s:,.0f}" for k, s in found.seconds.items())}  # fmt: skip
        page = write_analysis(folder, section, numbers, drawn, settings)
    _say(section.sentences, page)


def discover(
    out_dir: OutFolder,
    policy: Annotated[str, typer.Option("--policy", help="Interventions in use, as scribe=0.5,inbox_pooling=1.")],
    least_gain: Annotated[
        float | None, typer.Option(help="It fails where the outcome improves by less, in its unit.")
    ] = None,
    limit: Annotated[float | None, typer.Option(help="It fails where the outcome is worse, in its unit.")] = None,
    measure: Measure = "burnout_risk",
    vary: Annotated[
        str | None, typer.Option("--vary", help="Parameters that vary; the usual ones for the policy if not given.")
    ] = None,
    parameters_file: ParametersFile = None, physicians: Physicians = 50,
    samples: Annotated[int, typer.Option(min=40, help="Clinics, each run with and without the policy.")] = 400,
    seed: Seed = 0, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Where a policy fails: a region of the uncertain parameters in plain words, checked on runs of its own."""
    from experiments.analysis.discovery import discover as find
    from experiments.analysis.discovery import need_workbench, usual_inputs
    from experiments.analysis.discovery_page import criterion_words, discovery_section
    from experiments.analysis.inputs import inputs
    from experiments.analysis.measured_runs import MeasuredRuns, measure_named
    from experiments.analysis.pages import new_folder, write_analysis
    from experiments.analysis.policies import read_doses
    from experiments.analysis.progress import run_bars
    from experiments.figures import house_style

    kinds, doses = read_doses(policy)
    if not kinds:
        raise ValueError("--policy: met nothing, expected interventions such as scribe=0.5")
    chosen = inputs(usual_inputs(kinds) if vary is None else _names(vary), _parameters(parameters_file))
    runs = MeasuredRuns(_layout(physicians), kinds, (measure_named(measure),))
    if least_gain is None and limit is None:
        raise ValueError("--least-gain, --limit: met neither, expected one of them: when does the policy fail?")
    need_workbench()
    folder = new_folder(out_dir)
    use_compilation_cache()
    with run_bars(out, not quiet) as reporting:
        found = find(runs, doses, chosen, measure, samples, least_gain=least_gain, limit=limit, seed=seed,
                     progress=reporting("simulating", 2 * samples))  # fmt: skip
    with house_style():
        criterion = criterion_words(measure, least_gain, limit)
        section, drawn, numbers = discovery_section(found, policy, measure, criterion)
        settings = {"policy": policy, "measure": measure, "fails where": criterion, "physicians": physicians,
                    "seed": seed, "runs": f"{2 * samples:,}", "vary": ", ".join(chosen.names)}  # fmt: skip
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
