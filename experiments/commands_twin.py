"""`clinictwin twin` and `forecast`: a streaming twin of the clinic behind an event log, and what lies ahead of it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from calibration.event_log import EventLog
    from calibration.twin import Twin

SHOWN_PEOPLE, SHOWN_DRIVERS = 10, 3
out = Console(soft_wrap=True, highlight=False)

Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


def register(app: typer.Typer, refusing: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Add the commands to the command line; ``refusing`` turns refusals into messages."""
    app.command("twin")(refusing(twin))
    app.command("forecast")(refusing(forecast))


def twin(
    log: Annotated[Path, typer.Argument(help="The event log, as `clinictwin ingest` writes it.")],
    out_dir: Annotated[Path, typer.Option("--out", help="The twin's folder; one that is there goes on.")],
    fit_dir: Annotated[
        Path | None, typer.Option("--fit", help="Folder of a fit to earlier days, from which a new twin starts.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as the log grows, until Ctrl-C.")] = False,
    start: Annotated[
        str | None, typer.Option("--from", help="First day of a new twin, a Monday: 2024-07-01 (default: the log's).")
    ] = None,
    members: Annotated[int, typer.Option(min=8, help="Of a new twin's ensemble.")] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="Of a new twin.")] = 0,
    timezone: Annotated[str, typer.Option("--timezone", help="The clinic's, of a new twin.")] = "UTC",
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Ledger of decisions, which the twin takes for carried out.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run a twin over an event log, or follow one as it grows; killed at any moment, it goes on where it was."""
    from calibration.event_log import EventLog
    from calibration.twin.follow import follow as keep_following
    from calibration.twin.follow import status_line, stopping_on_signals
    from experiments.cli import use_compilation_cache

    if not log.is_file():
        raise ValueError(f"{log}: met no file, expected an event log; `clinictwin ingest` makes one")
    use_compilation_cache()
    with EventLog(log) as opened, stopping_on_signals() as stop:
        chosen = _open_or_create(out_dir, opened, fit_dir, start, members, seed, timezone)
        if ledger is not None:
            _follow_decisions(chosen, ledger)
        days = _advance(chosen, opened, stop.is_set, quiet)
        out.print(status_line(chosen, days))
        if follow and not stop.is_set():
            out.print(f"following {log}; Ctrl-C ends it")
            keep_following(chosen, opened, stop, tell=out.print)
    _print_account(out_dir)
    if stop.is_set():
        out.print("stopped; the same command goes on from here")
    out.print(f"next: clinictwin forecast {out_dir}")


def _follow_decisions(chosen: Twin, ledger: Path) -> None:
    from experiments.decisions import Ledger, tell_twin

    if not ledger.is_file():
        raise ValueError(f"{ledger}: met no file, expected a ledger of decisions; `clinictwin advise` makes one")
    tell_twin(chosen, Ledger(ledger))
    out.print(f"decisions followed: {len(chosen.plan.interventions)}")


def _open_or_create(out_dir: Path, log: EventLog, fit_dir: Path | None, start: str | None, members: int, seed: int,
                    timezone: str) -> Twin:  # fmt: skip
    from calibration.clinic import load_clinic
    from calibration.fit_result import load_fit
    from calibration.twin import Twin
    from calibration.twin.store import Store

    if Store(out_dir).exists():
        if fit_dir is not None or start is not None:
            raise ValueError(
                f"{out_dir}: met a twin that has begun, expected no --fit and no --from with it: it goes on as it is; "
                "give another --out to begin anew"
            )
        found = Twin.open(out_dir)
        out.print(f"{out_dir}: a twin of {found.plan.physicians} physicians goes on after {_last(found)}")
        return found
    try:
        first_day = None if start is None else dt.date.fromisoformat(start)
    except ValueError:
        raise ValueError(f"--from: met {start!r}, expected a date such as 2024-07-01") from None
    fit, clinic = (None, None) if fit_dir is None else (load_fit(fit_dir), load_clinic(fit_dir))
    began = time.monotonic()
    new = Twin.create(out_dir, log, fit=fit, clinic=clinic, members=members, seed=seed, timezone=timezone,
                      first_day=first_day)  # fmt: skip
    basis = "the priors" if fit is None else f"the fit in {fit_dir}"
    out.print(
        f"{out_dir}: a new twin of {new.plan.physicians} physicians, {new.engine.members:,} members from {basis}, "
        f"begun in {time.monotonic() - began:.0f} s"
    )
    if fit is not None and start is None:
        out.print(f"  what the fit saw since {new.plan.first_day} counts twice; --from begins after it")
    for assumption in new.plan.clinic.assumptions:
        out.print(f"  assumed: {assumption}")
    return new


def _last(found: Twin) -> str:
    return "nothing yet" if found.day < 0 else f"{found.plan.date(found.day)}"


def _advance(chosen: Twin, log: EventLog, stop: Callable[[], bool], quiet: bool) -> int:
    from calibration.progress import progress_bar

    began = chosen.day
    with progress_bar("twin", 1.0, not quiet) as report:
        done = 0.0

        def tell(day: int, last: int) -> None:
            nonlocal done
            share = (day - began) / max(last - began, 1)
            report(f"{chosen.plan.date(day)}", share - done)
            done = share

        return chosen.advance(log, progress=tell, stop=stop)


def _print_account(folder: Path) -> None:
    from calibration.twin import TwinError, open_twin

    try:
        report = open_twin(folder)
    except TwinError:
        return
    counts = report.account.groupby("became", sort=False)["observations"].sum()
    out.print("observations: " + ", ".join(f"{n:,} {became}" for became, n in counts.items() if n))
    risk = report.risk.sort_values("risk", ascending=False).head(SHOWN_PEOPLE)
    _print(risk[["who", "risk", "low", "high", "change", "largest_surprise"]], "highest risks of burnout")
    active = report.alerts[report.alerts["active"]] if len(report.alerts) else report.alerts
    for row in active.itertuples():
        out.print(f"[bold red]{row.kind}[/]: {row.message}")


def forecast(
    folder: Annotated[Path, typer.Argument(help="A twin's folder.")],
    months: Annotated[str, typer.Option(help="How far ahead, in months, separated by commas.")] = "1,3,6",
    quiet: Quiet = False,
) -> None:
    """Everybody's risk of burnout in some months if nothing is changed, and what raises it."""
    from calibration.twin import Twin
    from calibration.twin import forecast as look_ahead
    from experiments.cli import use_compilation_cache

    try:
        horizons = [int(m) for m in months.split(",")]
    except ValueError:
        raise ValueError(f"--months: met {months!r}, expected whole numbers such as 1,3,6") from None
    use_compilation_cache()
    chosen = Twin.open(folder)
    with nullcontext() if quiet else out.status("running ahead", spinner="line"):
        found = look_ahead(chosen, horizons)
    for number, table in found.table.groupby("months"):
        shown = table.sort_values("risk", ascending=False).head(SHOWN_PEOPLE)
        _print(
            shown[["who", "date", "risk", "low", "high", "stays", "flag"]], f"risk in {number} months, highest first"
        )
    highest = found.table.sort_values("risk", ascending=False)["who"].unique()[:SHOWN_PEOPLE]
    drivers = found.drivers[found.drivers["who"].isin(highest)].groupby("who", sort=False).head(SHOWN_DRIVERS)
    _print(drivers, "what raises or lowers these risks most, against the usual")
    out.print(f"written: {folder / 'forecast.csv'}, {folder / 'drivers.csv'}")


def _print(data: pd.DataFrame, title: str) -> None:
    shown = Table(title=title, title_justify="left")
    for column in data.columns:
        shown.add_column(str(column), justify="right" if data[column].dtype.kind in "if" else "left")
    for row in data.itertuples(index=False):
        shown.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row))
    (out if out.is_terminal else Console(width=200, soft_wrap=True)).print(shown)
