"""`clinictwin sweep`, `configs` and `schema`: running experiment files, and what ships of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from experiments.compilation import use_compilation_cache

out = Console(soft_wrap=True)


def register(app: typer.Typer, refusing: Callable[..., Any]) -> None:
    """Add the commands to the command line."""
    for command in (sweep, configs, schema):
        app.command()(refusing(command))


def sweep(
    config: Annotated[str, typer.Argument(help="YAML file, or the name of a shipped one (clinictwin configs).")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    engine: Annotated[str | None, typer.Option(help="mesa or jax; the config's if not given.")] = None,
    parameters_file: Annotated[
        Path | None, typer.Option("--parameters", help="YAML file with the parameters that differ from the defaults.")
    ] = None,
    fit_dir: Annotated[
        Path | None, typer.Option("--fit", help="Folder of a fit: its clinic, with its uncertainty.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Dask workers: tcp://host:port, slurm, or local:N; this machine if not given.")
    ] = None,
    job: Annotated[
        list[str] | None, typer.Option(help="With slurm, settings of a job as in --job cores=16 --job interface=ib0.")
    ] = None,
    show_job: Annotated[bool, typer.Option("--show-job", help="With slurm: print the job script and stop.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
) -> None:
    """Run a sweep: scenarios x points x draws x replicates with common random numbers.

    Given again after an interruption, it goes on where it was.
    """
    from experiments.config import load_config
    from experiments.runner import run_sweep

    chosen, settings = load_config(config), _settings(job or [])
    if engine is not None:
        chosen = chosen.model_validate({**chosen.model_dump(), "engine": engine})
    if show_job:
        _show_job(cluster, settings)
        return
    use_compilation_cache()
    base, clinics = _base(parameters_file, fit_dir, chosen.draws)
    path = run_sweep(chosen, out_dir, progress=not quiet, base_parameters=base, clinics=clinics, cluster=cluster,
                     job=settings)  # fmt: skip
    out.print(f"results: {path}\nnext: clinictwin report {out_dir}{f' --fit {fit_dir}' if fit_dir else ''}")


def _base(parameters_file: Path | None, fit_dir: Path | None, draws: int | None) -> tuple[Any, Any]:
    """(parameters, clinics or None) of a file, of a fit, or the defaults."""
    from abm.parameters import Parameters, load

    if fit_dir is None:
        return Parameters() if parameters_file is None else load(parameters_file), None
    if parameters_file is not None:
        raise ValueError("--fit and --parameters: met both, expected one of them (a fit brings its parameters)")
    from experiments.clinics import fitted_clinics

    return fitted_clinics(fit_dir, draws)


def _settings(said: list[str]) -> dict[str, str]:
    for one in said:
        if "=" not in one:
            raise ValueError(f"--job: met {one!r}, expected NAME=VALUE, as in cores=16")
    return dict(one.split("=", 1) for one in said)


def _show_job(cluster: str | None, settings: dict[str, str]) -> None:
    from experiments.cluster import job_settings, slurm_cluster

    if cluster != "slurm":
        raise ValueError("--show-job: expected --cluster slurm")
    settings_checked = job_settings(settings)
    settings_checked.pop("jobs")
    with slurm_cluster(settings_checked) as made:
        typer.echo(made.job_script())


def configs() -> None:
    """The experiment files that ship with the package."""
    from experiments.config import shipped_configs

    for name, description in shipped_configs().items():
        out.print(f"[bold]{name}[/]  {description}")


def schema(
    save: Annotated[Path | None, typer.Option(help="Write it to this file instead of printing.")] = None,
) -> None:
    """The JSON Schema of experiment files, for editors.

    With the YAML language server, a file's first line `# yaml-language-server: $schema=experiment.schema.json` turns it
    on.
    """
    from experiments.schema import schema_text

    if save is None:
        typer.echo(schema_text(), nl=False)
        return
    save.write_text(schema_text(), encoding="utf-8")
    out.print(
        f"wrote {save}; name it in a file's first line: # yaml-language-server: $schema={save.name}", markup=False
    )
