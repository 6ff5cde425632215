"""`clinictwin ingest`, `map`, `dead-letters` and `pseudonym-key`: from a hospital's extracts into an event log."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import batched, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.terminal import printable

if TYPE_CHECKING:
    from calibration.event_log import DeadLetter, EventLog
    from calibration.pseudonyms import Pseudonyms
    from experiments.ingesting import Intake

SHOWN_LETTERS = 20
RETRIED_AT_ONCE = 10_000  # in one transaction
EXTRACTS = ("csv", "ndjson", "parquet")  # kinds whose refused records are tried again with a mapping
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

LogFile = Annotated[Path, typer.Option("--log", help="The event log; made if there is none.")]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", help="YAML file that says what the columns are; see `clinictwin map`.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key", help="File with the pseudonym key, mode 0600 (or CLINICTWIN_PSEUDONYM_KEY in the environment)."
    ),
]
Zone = Annotated[str | None, typer.Option("--timezone", help="The clinic's, for times without an offset from UTC.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit status 1 if anything was refused.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


def register(app: typer.Typer, refusing: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Add the commands to the command line; ``refusing`` turns refusals into messages."""
    for name, command in (("ingest", ingest), ("map", propose), ("dead-letters", dead_letters),
                          ("pseudonym-key", pseudonym_key)):  # fmt: skip
        app.command(name)(refusing(command))


def ingest(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files, or addresses that begin with their kind: watch:incoming/, mqtts://broker/topic."),
    ],
    log: LogFile,
    mapping: MappingFile = None,
    key: KeyFile = None,
    timezone: Zone = None,
    received_at: Annotated[
        str | None, typer.Option(help="When the material was received, if it does not say: 2024-01-31T06:00:00Z "
                                      "(default: a file's modification time).")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with brokers and watched folders until Ctrl-C or SIGTERM.")
    ] = False,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Read sources into an event log: each observation once, whatever comes late, twice, corrected or broken."""
    from calibration.event_log import EventLog
    from calibration.sources import SourceError, load_mapping, open_address
    from calibration.sources.extracts import Options
    from calibration.sources.times import check_zone
    from experiments.ingesting import Intake, take_all

    pseudonyms = _key(key)
    options = Options(
        mapping=None if mapping is None else load_mapping(mapping),
        pseudonyms=pseudonyms,
        timezone=None if timezone is None else check_zone(timezone),
        received_at=None if received_at is None else _instant(received_at),
        reader=str(log.resolve()),
    )
    if options.mapping is not None and options.mapping.needs_key and pseudonyms is None:
        raise ValueError("--key: missing; the mapping names people whom a pseudonym key must rename. "
                         "`clinictwin pseudonym-key FILE` makes one")  # fmt: skip
    with EventLog(log) as opened:
        if pseudonyms is not None:
            opened.use_key(pseudonyms)
        intakes, refused = [], 0
        for address in sources:
            try:
                intakes.append(Intake(open_address(address, options)))
            except SourceError as error:
                err.print(f"[bold red]refused[/]: {escape(str(error))}")
                refused += 1
        ingested = opened.ingests()["ingest"].max()
        stopped = take_all(intakes, log, follow=follow, console=err, quiet=quiet)
        _show(intakes)
        _show_drift(opened, 0 if ingested != ingested else int(ingested))
        waiting = sum(number for _, _, number in opened.waiting())
    if stopped:
        out.print("stopped; the same command goes on from here")
    if waiting:
        out.print(f"{waiting:,} refused records wait in the log: clinictwin dead-letters {escape(str(log))}")
    if strict and (refused or any(intake.total.refused or intake.stopped for intake in intakes)):
        raise typer.Exit(1)


def propose(
    file: Annotated[Path, typer.Argument(help="CSV, NDJSON or Parquet extract.")],
    out_file: Annotated[Path | None, typer.Option("--out", help="YAML file to write instead of printing.")] = None,
    timezone: Zone = None,
) -> None:
    """Propose a mapping file from an extract's column names and first records, to be checked by a person."""
    from calibration.sources.propose import propose_mapping
    from calibration.sources.times import check_zone

    text = propose_mapping(file, None if timezone is None else check_zone(timezone))
    if out_file is None:
        typer.echo(text, nl=False)
        return
    with out_file.open("x", encoding="utf-8") as target:
        target.write(text)
    out.print(f"proposed: {escape(str(out_file))}; check it, then: clinictwin ingest {escape(str(file))} "
              f"--mapping {escape(str(out_file))} --log clinic.log")  # fmt: skip


def dead_letters(
    log: Annotated[Path, typer.Argument(help="The event log.", exists=True)],
    retry: Annotated[bool, typer.Option("--retry", help="Try them again; extracts with the mended --mapping.")] = False,
    mapping: MappingFile = None,
    source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
    timezone: Zone = None,
    dismiss: Annotated[
        bool, typer.Option("--dismiss", help="Take them off the list: they came in some other way, or never will.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="How many to list; the summary counts all.")] = SHOWN_LETTERS,
    strict: Strict = False,
) -> None:
    """List the records that were refused, with reason, source and offset, or try them again."""
    from calibration.event_log import EventLog

    with EventLog(log) as opened:
        if retry:
            _retry(opened, source, mapping, timezone)
        if dismiss:
            opened.dismiss(opened.dead_letters(source))
            out.print("dismissed; the log keeps them as settled")
        waiting = [entry for entry in opened.waiting() if source is None or entry[0] == source]
        _list(waiting, islice(opened.dead_letters(source), show), show)
    if strict and waiting:
        raise typer.Exit(1)


def pseudonym_key(
    file: Annotated[Path, typer.Argument(help="File to write, mode 0600; keep it apart from the log.")],
) -> None:
    """Make a new random key from which people's pseudonyms are computed."""
    from calibration.pseudonyms import new_key

    new_key(file)
    out.print(f"new key: {escape(str(file))}. Without it the same people cannot be recognised in later extracts; "
              "with it pseudonyms can be traced back. Keep it safe and apart from the log.")  # fmt: skip


def _key(path: Path | None) -> Pseudonyms | None:
    from calibration.pseudonyms import load_key

    return load_key(path)


def _instant(text: str) -> dt.datetime:
    from calibration.sources.times import TimeReading, read_times

    instants, reasons = read_times([text], TimeReading())
    if reasons[0] is not None:
        raise ValueError(f"--received-at: {reasons[0]}")
    instant: dt.datetime = instants[0].to_pydatetime()
    return instant


def _show(intakes: list[Intake]) -> None:
    """What became of the records, by source and stream."""
    table = Table(title_justify="left")
    for name in ("source", "stream"):
        table.add_column(name, overflow="fold")
    names = ("read", "new", "duplicate", "late", "corrected", "refused")
    for name in names:
        table.add_column(name, justify="right")
    for intake in intakes:
        for stream, counts in sorted(intake.streams.items()) or [("", intake.total)]:
            title = intake.name + (" (continued)" if intake.resumed else "")
            table.add_row(escape(printable(title)), stream, *(f"{getattr(counts, name):,}" for name in names))
        for reason in intake.stopped:
            err.print(f"[bold red]refused[/]: {escape(printable(reason))}")
    if sum(max(1, len(intake.streams)) for intake in intakes) > 1:
        total = sum((intake.total for intake in intakes), start=intakes[0].total.__class__())
        table.add_row("all", "", *(f"{getattr(total, name):,}" for name in names))
    if intakes:
        out.print(table)


def _show_drift(log: EventLog, last: int) -> None:
    """What the ingests after number ``last`` changed in the look of their sources."""
    from calibration.stream_quality.drift import drifts_since

    for drift in drifts_since(log.ingests(), last)[:SHOWN_LETTERS]:
        out.print(f"[bold]changed[/] in {escape(printable(drift.source))} since the ingest before: "
                  f"{escape(printable(drift.change))}")  # fmt: skip


def _list(waiting: list[tuple[str, str, int]], letters: Iterable[DeadLetter], show: int) -> None:
    if not waiting:
        out.print("no refused records wait")
        return
    for source, stream, number in waiting:
        out.print(
            f"{escape(printable(source))}: {number:,} refused records" + (f" of stream {stream}" if stream else "")
        )
    for letter in letters:
        column = f", column {letter.field}" if letter.field else ""
        again = "" if letter.fields is not None else " [ingest the source anew]"
        text = f"{letter.number}: {letter.source}, record {letter.offset}{column}: {letter.reason}{again}"
        out.print(escape(printable(text)))
    total = sum(number for _, _, number in waiting)
    if total > show:
        out.print(f"... and {total - show:,} more")


def _retry(log: EventLog, source: str | None, mapping: Path | None, timezone: str | None) -> None:
    from calibration.sources import load_mapping
    from calibration.sources.retry import as_observations, with_mapping
    from calibration.sources.times import check_zone

    zone = None if timezone is None else check_zone(timezone)
    again = None if mapping is None else with_mapping(load_mapping(mapping), zone)
    tried: Counter[str] = Counter()
    came_in: Counter[str] = Counter()
    letters = (letter for letter in log.dead_letters(source) if letter.fields is not None)
    for (name, kind), group in groupby(letters, key=lambda letter: (letter.source, letter.kind)):
        if kind in EXTRACTS and again is None:
            raise ValueError(f"--mapping: missing; the refused records of {name} need the mended mapping")
        how = again if kind in EXTRACTS and again is not None else as_observations
        for some in batched(group, RETRIED_AT_ONCE):
            counts = log.retry(some, how)
            tried[name] += len(some)
            came_in[name] += sum(c.read - c.refused for c in counts.values())
    for name, number in tried.items():
        out.print(f"{escape(name)}: {came_in[name]:,} observations of {number:,} refused records came in")
