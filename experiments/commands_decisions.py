"""`clinictwin advise`, `decide` and `decisions`: advice with its evidence, and who decided what about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from experiments.decisions import Advice, Item

SHOWN = 8  # recommendations of which everything is told
out = Console(soft_wrap=True, highlight=False)

LedgerFile = Annotated[Path, typer.Option("--ledger", help="The ledger of decisions; made if there is none.")]
DEFAULT_LEDGER = Path("decisions.sqlite")


def register(app: typer.Typer, refusing: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Add the commands to the command line; ``refusing`` turns refusals into messages."""
    app.command("advise")(refusing(advise))
    app.command("decide")(refusing(decide))
    group = typer.Typer(help="What was proposed and decided, by whom and why, and what became of it.")
    group.callback(invoke_without_command=True)(refusing(decisions))
    group.command("verify")(refusing(verify))
    app.add_typer(group, name="decisions")


def advise(
    folder: Annotated[Path, typer.Argument(help="Folder of a fit or of a twin.")],
    ledger_file: LedgerFile = DEFAULT_LEDGER,
    months: Annotated[int, typer.Option(help="How far ahead.")] = 6,
    pairs: Annotated[int, typer.Option(help="Clinics drawn, each simulated with and without a change.")] = 32,
    kind: Annotated[list[str] | None, typer.Option(help="Try only this kind (again for more).")] = None,
    on: Annotated[str | None, typer.Option("--on", help="Date of a fit's advice: 2026-03-02 (default: today).")] = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for all tables as CSV.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
) -> None:
    """What to change, ranked, each against doing nothing, with the evidence; written down to be decided on."""
    from calibration.progress import progress_bar
    from experiments.compilation import use_compilation_cache
    from experiments.decisions import Ledger
    from experiments.decisions import advise as find

    ledger, date = Ledger(ledger_file), _date(on, "--on")
    use_compilation_cache()
    with progress_bar("advice", 1.0, not quiet) as report:
        found = find(folder, ledger=ledger, months=months, pairs=pairs, kinds=kind or None, on=date, progress=report)
    new = ledger.propose(found)
    _print_advice(found)
    if out_dir is not None:
        _write(found, out_dir)
    out.print(f"{len(new)} of {len(found.table) - 1} are new in {escape(str(ledger_file))}")
    best = found.table[found.table["reading"] == "better"]["id"]
    if len(best):
        out.print(f'next: clinictwin decide {best.iloc[0]} approve --by "YOUR NAME" --reason "..." '
                  f"--ledger {escape(str(ledger_file))}")  # fmt: skip
    else:
        out.print("nothing that was tried lowers the burnout risk beyond noise: doing nothing is the best of it")


def _print_advice(found: Advice) -> None:
    from experiments.report_words import number, signed

    basis = found.basis
    out.print(f"advice of {basis.date} from the {basis.source} {escape(basis.folder)} (data {basis.data}, model "
              f"{basis.model}): {basis.pairs} pairs of clinics, {basis.days} days ahead")  # fmt: skip
    out.print(found.trust.words)
    shown = Table(title="difference to doing nothing, with the expected change's 90 % interval", title_justify="left")
    for name in ("rank", "id", "what", "from", "burnout risk (points)", "WOW8 (min)", "third next (days)",
                 "wait (min)", "net (1000 USD/year)", "reading"):  # fmt: skip
        shown.add_column(name, overflow="fold")
    for row in found.table.to_dict("records"):
        cells = [f"{signed(row[n], d)} ({number(row[f'{n}_low'], d)} to {number(row[f'{n}_high'], d)})"
                 for n, d in (("burnout_risk", 1), ("work_outside_work_8", 0), ("third_next_available", 1), ("wait", 1),
                              ("net", 0))]  # fmt: skip
        if row["id"] == "nothing":
            cells = ["0"] * len(cells)
        what = f"{row['kind']}, {row['reach']}" if row["kind"] else row["title"]
        verdict = row["reading"] or ("" if row["id"] == "nothing" else row["verdict"])
        shown.add_row(str(row["rank"]), row["id"], what, str(row["start"]), *cells, verdict)
    _wide().print(shown)
    for row in found.table.head(SHOWN).to_dict("records"):
        out.print(f"[bold]{row['rank']}. {row['id']}[/] {escape(row['title'])}")
        out.print(f"   why: {escape(row['drivers'])}\n   against: {escape(row['against'])}")
        if row["undo"]:
            out.print(f"   undo: {escape(row['undo'])}")


def _write(found: Advice, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("table", "effects", "path", "people"):
        getattr(found, name).to_csv(folder / f"advice-{name}.csv", index=False)
    out.print(f"tables: {escape(str(folder))}")


def decide(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Of a recommendation: clinictwin decisions.")],
    action: Annotated[str, typer.Argument(help="approve, reject, enact (it has begun) or undo.")],
    by: Annotated[str, typer.Option("--by", help="Name of who decides.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; needed to reject and to undo.")] = "",
    on: Annotated[
        str | None,
        typer.Option("--on", help="Date from which it counts (default: today; in a replay, the newest advice's)."),
    ] = None,
    seen: Annotated[
        str | None, typer.Option("--seen", help="The state you saw; if it is another by now, nothing is written.")
    ] = None,
    ledger_file: LedgerFile = DEFAULT_LEDGER,
) -> None:
    """Approve, reject, enact or undo a recommendation. It is written down for good, with name, time and reason."""
    ledger = _existing(ledger_file)
    item = ledger.decide(identifier, action, by=by, reason=reason, on=_date(on, "--on"), seen=seen)
    out.print(f"{item.id} is {item.state}: {escape(item.recommendation['title'])}")
    out.print(_when(item))
    out.print(f"note this to find out later whether the ledger was changed: {ledger.verify().head}")


def _when(item: Item) -> str:
    if item.state == "rejected":
        return "it will not be proposed again for these data"
    if item.end is not None:
        return "it never began" if item.end <= item.start else f"it holds from {item.start} until {item.end}"
    until = "any time" if item.undo_until is None else f"until {item.undo_until}"
    return f"it holds from {item.start}; it can be undone {until}: clinictwin decide {item.id} undo"


def decisions(
    context: typer.Context,
    ledger_file: LedgerFile = DEFAULT_LEDGER,
    twin: Annotated[Path | None, typer.Option("--twin", help="A twin's folder: what became of the decisions.")] = None,
    log: Annotated[Path | None, typer.Option("--log", help="The event log of that twin, for WOW8 and access.")] = None,
    item: Annotated[str | None, typer.Option("--item", help="Tell the whole history of one.")] = None,
) -> None:
    """Everything that was proposed, newest first, and how it stands; with --twin, whether the advice was right."""
    context.obj = ledger_file
    if context.invoked_subcommand is not None:
        return
    ledger = _existing(ledger_file)
    if item is not None:
        one = ledger.item(item)
        out.print(f"{one.id} is {one.state}: {escape(one.recommendation['title'])}")
        out.print(f"why: {escape(one.recommendation['drivers'])}\nagainst: {escape(one.recommendation['against'])}")
        _print(
            one.history[["number", "at", "state", "by", "reason", "data", "sequence", "model", "git_revision"]],
            "history",
        )
        return
    items = ledger.items()
    _print(
        items[["id", "state", "kind", "who", "start", "end", "by", "at", "reason", "actions"]], f"{len(items)} items"
    )
    if twin is not None:
        _print_realised(ledger, twin, log)


def _print_realised(ledger: Any, twin: Path, log: Path | None) -> None:
    from experiments.decisions import observed_levels, realised_effects, trust_in

    found = realised_effects(ledger, observed_levels(twin, log))
    _print(found.drop(columns="title"), "what became of the decisions")
    out.print(trust_in(found).words)


def verify(
    context: typer.Context,
    ledger_file: Annotated[Path | None, typer.Option("--ledger", help="The ledger of decisions.")] = None,
    head: Annotated[
        str | None, typer.Option("--head", help="A hash noted earlier, which must be part of the ledger.")
    ] = None,
) -> None:
    """Check that nothing in the ledger was changed or removed; exit status 1 and the first broken link if it was."""
    from experiments.decisions import BrokenChain

    ledger = _existing(ledger_file or context.obj)
    try:
        seal = ledger.verify(head)
    except BrokenChain as broken:
        out.print(f"[bold red]broken[/]: {escape(str(broken))}")
        raise typer.Exit(1) from None
    out.print(f"{seal.entries} entries, each following the one before; head: {seal.head}")


def _existing(path: Path) -> Any:
    from experiments.decisions import Ledger

    if not path.is_file():
        raise ValueError(f"{path}: met no file, expected a ledger of decisions; `clinictwin advise` makes one")
    return Ledger(path)


def _date(text: str | None, option: str) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{option}: met {text!r}, expected a date such as 2026-03-02") from None


def _wide() -> Console:
    return out if out.is_terminal else Console(width=240, soft_wrap=True)


def _print(data: pd.DataFrame, title: str) -> None:
    shown = Table(title=title, title_justify="left")
    for column in data.columns:
        shown.add_column(str(column), justify="right" if data[column].dtype.kind in "if" else "left", overflow="fold")
    for row in data.itertuples(index=False):
        shown.add_row(*("" if v is None else f"{v:.3g}" if isinstance(v, float) else escape(str(v)) for v in row))
    _wide().print(shown)
