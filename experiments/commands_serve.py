"""`clinictwin serve`: the browser app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

out = Console(soft_wrap=True)


def register(app: typer.Typer, refusing: Callable[..., Any]) -> None:
    """Add the command to the command line."""
    app.command()(refusing(serve))


def serve(
    twin: Annotated[Path | None, typer.Option(help="Folder of a twin: its risks, forecasts and alerts.")] = None,
    sweep: Annotated[
        list[Path] | None, typer.Option(help="Folder of a sweep to compare; may be given several times.")
    ] = None,
    advice_from: Annotated[
        Path | None, typer.Option(help="Folder of a fit or twin to advise from; --twin if not given.")
    ] = None,
    ledger: Annotated[Path | None, typer.Option(help="File of decisions; made if it is not there.")] = None,
    impact: Annotated[Path | None, typer.Option(help="Folder of the simulated impact of challenges.")] = None,
    physicians: Annotated[int, typer.Option(help="Of the simulated clinic; a multiple of five.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated clinic.")] = 0,
    min_cell: Annotated[int, typer.Option(min=1, help="Smaller groups of a real clinic's people are not shown.")] = 5,
    groups_only: Annotated[bool, typer.Option("--groups-only", help="Show nobody of the twin, only groups.")] = False,
    pairs: Annotated[int, typer.Option(min=8, help="Simulated pairs behind each recommendation.")] = 16,
    host: Annotated[str, typer.Option(help="Address; all but a loopback one need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
    certificate: Annotated[Path | None, typer.Option(help="PEM file, to encrypt.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
) -> None:
    """Watch the clinic, its twin and its experiments in a browser, and decide on advice.

    Without the internet, and without a token on this machine alone. Elsewhere the token is that of the environment
    variable CLINICTWIN_TOKEN, or a new one that is printed.
    """
    from abm.layout import make_layout
    from experiments.server.run import serve as run
    from experiments.server.served import Served, named

    make_layout(physicians)  # refuses a number of physicians before anything starts
    shown = Served(physicians=physicians, seed=seed, twin=twin, sweeps=named(sweep or []), ledger=ledger, impact=impact,
                   advice_from=advice_from or twin, smallest_cell=min_cell, groups_only=groups_only,
                   pairs=pairs)  # fmt: skip
    run(shown, host=host, port=port, certificate=certificate, key=key,
        announce=lambda text: out.print(text, highlight=False, markup=False))  # fmt: skip
