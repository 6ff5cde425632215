"""`clinictwin quality`: how good the streams in an event log are, on the terminal and as a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.terminal import printable

if TYPE_CHECKING:
    from experiments.report_tables import Table as Printed

SHOWN_ROWS = 10  # of a table on the terminal
PIPED_WIDTH = 160  # characters of a line that goes to no terminal


def register(app: typer.Typer, refusing: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Add the command to the command line; ``refusing`` turns refusals into messages."""
    app.command("quality")(refusing(quality))


def quality(
    log: Annotated[Path, typer.Argument(help="The event log.", exists=True, dir_okay=False)],
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for the report as a page, with figures and tables.")
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="The clinic's: its calendar days are counted.")] = "UTC",
    min_cell: Annotated[
        int, typer.Option("--min-cell", min=1, help="Groups of fewer people are not shown (1: all are).")
    ] = 5,
    people: Annotated[bool, typer.Option(help="Rows about single people, by pseudonym.")] = True,
) -> None:
    """Coverage, latency, gaps, duplicates, outliers, failing sensors, refusals and schema drift of an event log."""
    from calibration.event_log import EventLog
    from calibration.sources.times import check_zone
    from calibration.stream_quality import assess
    from experiments.quality_report import in_short, privacy, sections, write_quality
    from experiments.quality_tables import calendar

    check_zone(timezone)
    with EventLog(log) as opened:
        found = assess(opened, timezone=timezone, smallest_cell=min_cell)
    out = Console(soft_wrap=False, highlight=False)
    if not out.is_terminal:
        out = Console(soft_wrap=False, highlight=False, width=PIPED_WIDTH)
    for sentence in in_short(found):
        out.print(escape(printable(sentence)))
    for part in sections(found, people=people):
        out.print(f"\n[bold]{escape(part.title)}[/]")
        for line in calendar(found) if part.name == "coverage" else []:
            out.print(escape(line))
        for table in part.tables:
            _print(out, table)
        if not part.tables:
            out.print(part.nothing)
    out.print(f"\n{escape(privacy(found, people=people))}")
    if out_dir is not None:
        out.print(f"report: {escape(str(write_quality(found, log.name, out_dir, people=people)))}")


def _print(out: Console, table: Printed) -> None:
    from experiments.quality_tables import plain

    columns, rows = plain(table)
    every = list(rows)
    shown = Table(title=escape(table.caption), title_justify="left", title_style="italic")
    for name in columns:
        shown.add_column(escape(name), overflow="fold")
    for row in every[:SHOWN_ROWS]:
        shown.add_row(*("\n".join(escape(printable(line)) for line in text.split("\n")) for text in row))
    out.print(shown)
    if len(every) > SHOWN_ROWS:
        out.print(f"... and more rows; the page (--out) has the first {len(every):,}", style="dim")
    if table.note:
        out.print(escape(table.note), style="dim")
