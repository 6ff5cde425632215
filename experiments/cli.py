"""`clinictwin`: the command line. Each command imports what it needs, so that `--help` stays quick."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from experiments import (
    commands_analysis,
    commands_decisions,
    commands_diagnose,
    commands_implementation,
    commands_ingest,
    commands_quality,
    commands_serve,
    commands_sweep,
    commands_twin,
)
from experiments.compilation import use_compilation_cache

app = typer.Typer(
    name="clinictwin",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="A provider-workload digital twin of a family-medicine clinic: simulate it, fit it to observations, "
    "and sweep interventions for burnout risk. Start with `clinictwin demo`.",
)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def refusing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the package's own refusals (ValueError, file errors) into one sentence and exit status 2."""

    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError) as error:
            err.print(f"[bold red]refused[/]: {escape(str(error))}", highlight=False, markup=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            err.print("interrupted")
            raise typer.Exit(130) from None

    return wrapper


ParametersFile = Annotated[
    Path | None, typer.Option("--parameters", help="YAML file with the parameters that differ from the defaults.")
]
FitFolder = Annotated[Path | None, typer.Option("--fit", help="Folder of a fit: its clinic, with its uncertainty.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random draw.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


def _parameters(path: Path | None) -> Any:
    from abm.parameters import Parameters, load

    return Parameters() if path is None else load(path)


@app.command()
@refusing
def demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("clinictwin-demo"),
    seed: Seed = 7,
    quiet: Quiet = False,
) -> None:
    """Everything on a simulated clinic: six months of observations, a fit, a sweep of interventions, a report."""
    use_compilation_cache()
    from experiments.demo import run_demo

    run_demo(out_dir, seed=seed, progress=not quiet, console=out)


@app.command()
@refusing
def parameters(
    file: Annotated[Path | None, typer.Argument(help="YAML file to check and show; the defaults if not given.")] = None,
    find: Annotated[str, typer.Option(help="Show only names or meanings that contain this.")] = "",
    save: Annotated[
        Path | None, typer.Option(help="Write all parameters to this YAML file instead of printing.")
    ] = None,
) -> None:
    """The table of all parameters: meaning, unit, bounds, default, prior, source, informing streams."""
    from abm import parameters as table

    values = _parameters(file)
    if save is not None:
        table.save(values, save)
        out.print(f"wrote {len(table.NAMES)} parameters to {save}")
        return
    data = table.table(values)
    if find:
        data = data[data["name"].str.contains(find, regex=False) | data["meaning"].str.contains(find, regex=False)]
    _print_table(data, f"{len(data)} parameters")


def _print_table(data: Any, title: str, digits: int = 4) -> None:
    from rich.table import Table

    shown = Table(title=title, title_justify="left", show_lines=False, expand=out.is_terminal)
    for column in data.columns:
        shown.add_column(str(column), justify="right" if data[column].dtype.kind in "if" else "left", overflow="fold")
    for row in data.itertuples(index=False):
        shown.add_row(*(f"{v:.{digits}g}" if isinstance(v, float) else str(v) for v in row))
    if out.is_terminal:
        out.print(shown)
    else:  # piped: full width, one line a row
        Console(file=None, width=400, soft_wrap=True).print(shown)


@app.command()
@refusing
def interventions() -> None:
    """The interventions a sweep can use: what a dose means, which levers it moves, what it costs."""
    import pandas as pd

    from abm.interventions import KINDS

    rows = [
        {
            "kind": name,
            "meaning": k.meaning,
            "dose": f"{k.dose_unit}, up to {k.dose_max:g}",
            "levers": ", ".join(k.levers),
            "needs adoption": "yes" if k.needs_adoption else "no",
            "USD/physician/year (assumed)": f"{k.cost_per_physician_year:,.0f}",
        }
        for name, k in KINDS.items()
    ]
    _print_table(pd.DataFrame(rows), f"{len(rows)} interventions")


@app.command()
@refusing
def simulate(
    out_dir: Annotated[Path, typer.Option("--out", help="Zarr store to write.")],
    days: Annotated[int, typer.Option(min=1, help="Calendar days; day 0 is a Monday.")] = 364,
    engine: Annotated[str, typer.Option(help="mesa or jax.")] = "jax",
    physicians: Annotated[int, typer.Option(help="A multiple of five.")] = 50,
    parameters_file: ParametersFile = None, seed: Seed = 0,
) -> None:  # fmt: skip
    """Run one clinic day by day and write all outcomes to a Zarr store."""
    from abm.layout import make_layout
    from abm.outcomes import to_dataset
    from experiments.results import consolidate

    values, layout = _parameters(parameters_file), make_layout(physicians)
    if engine not in ("jax", "mesa"):
        raise ValueError(f"--engine: met {engine!r}, expected 'jax' or 'mesa'")
    if out_dir.exists():
        raise ValueError(f"--out: {out_dir} exists already; choose another folder or remove it")
    if engine == "mesa":
        from abm.clinic import Clinic

        clinic = Clinic(values, rng=seed, layout=layout)
        clinic.run_for(days)
        data = clinic.to_dataset()
    else:
        use_compilation_cache()
        from abm.population import simulate as run

        result = run(values, days, seed, layout=layout)
        data = to_dataset(result.physicians, layout, staff=result.staff)
    data.to_zarr(out_dir, consolidated=False)
    consolidate(out_dir)
    prevalence = float((data["burned_out"] * data["employed"]).isel(day=-1).sum() / data["employed"].isel(day=-1).sum())
    out.print(f"{days} days of {physicians} physicians ({engine} engine, seed {seed}): {out_dir}")
    out.print(f"burned out on the last day: {prevalence:.0%}")
    out.print(f"next: xarray.open_zarr({str(out_dir)!r}) in Python")


@app.command()
@refusing
def observe(
    out_file: Annotated[Path, typer.Option("--out", help="CSV or NDJSON file to write.")],
    days: Annotated[int, typer.Option(min=7, help="Calendar days.")] = 182,
    physicians: Annotated[int, typer.Option(help="A multiple of five.")] = 50,
    parameters_file: ParametersFile = None,
    seed: Seed = 0,
) -> None:
    """Write what a simulated clinic's EHR, wearables, roster and surveys would report, faults included."""
    from calibration.observations import write_observations
    from calibration.simulated import simulate_observations

    table = simulate_observations(
        _parameters(parameters_file), days=days, physicians=physicians, seed=seed
    ).observations
    write_observations(table, out_file)
    out.print(f"{len(table):,} observations of {physicians} physicians over {days} days: {out_file}")


@app.command()
@refusing
def fit(
    observations: Annotated[Path, typer.Argument(help="CSV or NDJSON file of observations.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the fit.")],
    parameters_file: ParametersFile = None, seed: Seed = 0, quiet: Quiet = False,
    method: Annotated[str, typer.Option(help="Of the posterior: laplace or nuts (minutes more).")] = "laplace",
) -> None:  # fmt: skip
    """Fit population parameters and physicians' traits to observations, with their uncertainty."""
    use_compilation_cache()
    from experiments.fitting import fit_file

    fit_file(observations, out_dir, parameters=_parameters(parameters_file), seed=seed, progress=not quiet, console=out,
             method=method)  # fmt: skip


@app.command()
@refusing
def report(
    results: Annotated[Path, typer.Argument(help="Folder of a sweep.")],
    fit_dir: FitFolder = None,
    min_cell: Annotated[
        int, typer.Option(min=1, help="Groups of fewer people of a fitted clinic are not shown (1: all are).")
    ] = 5,
) -> None:
    """Write the sweep's report: one HTML page that needs no network, figures, and tables as CSV."""
    from experiments.report import write_report

    out.print(f"report: {write_report(results, fit_dir, smallest_cell=min_cell)}")


@app.command("check-evidence")
@refusing
def check_evidence(
    parameters_file: ParametersFile = None, seed: Seed = 0,
    replicates: Annotated[int, typer.Option(min=2, help="Runs of three years each.")] = 32,
) -> None:  # fmt: skip
    """Hold the model against published figures, row by row; exit status 1 if a row is missed."""
    use_compilation_cache()
    from experiments.evidence import check

    rows = check(_parameters(parameters_file), replicates=replicates, seed=seed)
    _print_table(rows, f"{(rows['verdict'] == 'holds').sum()} of {len(rows)} rows hold", digits=3)
    if (rows["verdict"] != "holds").any():
        raise typer.Exit(1)


@app.command("fit-no-show")
@refusing
def fit_no_show(
    appointments: Annotated[Path, typer.Argument(help="CSV of the Medical Appointment No Shows data.")],
) -> None:
    """Fit the no-show curve against lead time to real appointments."""
    from calibration.no_show_fit import fit_no_show as fit_curve

    result = fit_curve(appointments)
    _print_table(result.table, f"fitted to {result.appointments:,} appointments")
    _print_table(result.bins, "no-show share by lead time")


@app.command("relaxation-bias")
@refusing
def relaxation_bias(
    replicates: Annotated[int, typer.Option(min=2, help="Runs in each mode.")] = 64,
    parameters_file: ParametersFile = None,
) -> None:
    """How far the differentiable (relaxed) mode is from the exact one, outcome by outcome."""
    use_compilation_cache()
    from abm.population.bias import relaxation_bias as bias

    _print_table(bias(_parameters(parameters_file), replicates=replicates), "relaxed against exact mode")


commands_analysis.register(app, refusing)
commands_diagnose.register(app, refusing)
commands_ingest.register(app, refusing)
commands_twin.register(app, refusing)
commands_implementation.register(app, refusing)
commands_quality.register(app, refusing)
commands_sweep.register(app, refusing)
commands_decisions.register(app, refusing)
commands_serve.register(app, refusing)

if __name__ == "__main__":
    app()
