"""`clinictwin cfir` and `clinictwin challenges`: the implementation science of putting a twin into a clinic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

out = Console(soft_wrap=True, highlight=False)

OutFolder = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
FrameKey = Annotated[str, typer.Option("--frame", help="cfir2, re_aim, nasss or parihs.")]
MergeFile = Annotated[
    Path | None, typer.Option("--merge", help="Merge list with every row decided ('merge' or 'keep apart').")
]
OwnThemes = Annotated[
    list[str] | None, typer.Option("--theme", help="A theme of your study, instead of the paper's seven; repeat.")
]


Replicates = Annotated[int, typer.Option(min=2, help="Simulated years of each scenario.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random draw.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Do not say what is being simulated.")]
ParametersFile = Annotated[
    Path | None, typer.Option("--parameters", help="YAML file with the parameters that differ from the defaults.")
]


def register(app: typer.Typer, refusing: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Add the commands to the command line; ``refusing`` turns refusals into messages."""
    cfir = typer.Typer(no_args_is_help=True, help="Frames, interview guides, coded interviews, comparison of sources.")
    for name, command in (
        ("constructs", constructs),
        ("guide", guide),
        ("catalogue", catalogue),
        ("code", code),
        ("codebook", codebook),
        ("compare", compare),
    ):
        cfir.command(name)(refusing(command))
    app.add_typer(cfir, name="cfir")
    challenges = typer.Typer(no_args_is_help=True, help="What the paper's challenges do to a simulated clinic.")
    for name, command in (
        ("list", list_challenges),
        ("impact", impact),
        ("answers", answers),
        ("readiness", readiness),
    ):
        challenges.command(name)(refusing(command))
    app.add_typer(challenges, name="challenges")


def _show(title: str, columns: tuple[str, ...], rows: Any) -> None:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


def constructs(
    frame: FrameKey = "cfir2",
    out_file: Annotated[Path | None, typer.Option("--out", help="Write it as a REFI-QDA codebook (.qdc).")] = None,
) -> None:
    """The constructs of a frame with their meaning, or the frame as a codebook for coding tools."""
    from experiments.implementation.frames import load_frame
    from experiments.implementation.refi_qda import write_codebook

    chosen = load_frame(frame)
    if out_file is not None:
        write_codebook(chosen, out_file)
        out.print(f"codebook: {escape(str(out_file))}")
        return
    rows = [(d.name, c.name, c.key, c.meaning) for d in chosen.domains for c in d.constructs]
    rows += [(d.name, f"role: {r.name}", r.key, r.meaning) for d in chosen.domains for r in d.roles]
    _show(
        f"{chosen.title}: {len(chosen.constructs)} constructs, {len(chosen.roles)} roles",
        ("domain", "construct", "code", "meaning"),
        rows,
    )
    out.print(escape(chosen.source))


def guide(
    group: Annotated[str, typer.Option(help="Stakeholder group, such as engineer; see the message of a wrong one.")],
    frame: FrameKey = "cfir2",
    out_file: Annotated[Path | None, typer.Option("--out", help="File to write instead of printing.")] = None,
) -> None:
    """An interview guide for one stakeholder group, in Markdown."""
    from experiments.implementation.frames import load_frame
    from experiments.implementation.guide import interview_guide

    text = interview_guide(group, load_frame(frame))
    if out_file is None:
        typer.echo(text, nl=False)
    else:
        out_file.write_text(text, encoding="utf-8")
        out.print(f"guide: {escape(str(out_file))}")


def catalogue(out_dir: OutFolder = Path("challenges")) -> None:
    """The paper's challenges: every count and table computed, and its two sources as CSV for `cfir compare`."""
    from experiments.implementation import catalogue as paper
    from experiments.implementation.comparison_report import write_catalogue

    _show("challenges", ("what", "number"), paper.counts().items())
    out.print(f"catalogue: {escape(str(write_catalogue(out_dir)))}")


def code(
    files: Annotated[list[Path], typer.Argument(help="Coded excerpts: .csv or REFI-QDA projects (.qdpx).")],
    out_dir: OutFolder,
    frame: FrameKey = "cfir2",
    merge: MergeFile = None,
    theme: OwnThemes = None,
    with_names: Annotated[
        bool, typer.Option("--with-names", help="Keep identifiers and names in the outputs.")
    ] = False,
) -> None:
    """A study of your own: agreement of coders, merge list, saturation, member-check sheets, list of challenges."""
    from experiments.implementation.catalogue import THEMES
    from experiments.implementation.frames import load_frame
    from experiments.implementation.merging import read_decisions
    from experiments.implementation.study import read_excerpts, write_study

    chosen = load_frame(frame)
    excerpts, notes = read_excerpts(files, chosen, theme or THEMES)
    page = write_study(excerpts, chosen, out_dir, None if merge is None else read_decisions(merge), with_names, notes)
    for words in notes:
        out.print(escape(words))
    out.print(f"study: {escape(str(page))}")
    if merge is None:
        out.print(f"decide every row of {escape(str(out_dir / 'merge.csv'))}, then run again with --merge")


def codebook(
    file: Annotated[Path, typer.Argument(help="REFI-QDA codebook (.qdc) or project (.qdpx).")],
    frame: FrameKey = "cfir2",
) -> None:
    """Which codes of a codebook the frame has, and which lie outside."""
    from experiments.implementation.frames import load_frame
    from experiments.implementation.refi_qda import read_codebook

    chosen = load_frame(frame)
    rows = read_codebook(file, chosen)
    _show(
        f"{sum(bool(code) for _, code in rows)} of {len(rows)} codes lie in {chosen.name}",
        ("code", "construct"),
        [(name, code or "outside the frame") for name, code in rows],
    )


def compare(
    sources: Annotated[list[Path], typer.Argument(help="CSV files with columns label and theme; one a source.")],
    out_dir: OutFolder,
    merge: MergeFile = None,
    theme: OwnThemes = None,
) -> None:
    """What two or more sources share and what each has alone: tables, Venn and UpSet figures."""
    from experiments.implementation import comparison as comparing
    from experiments.implementation.catalogue import THEMES
    from experiments.implementation.comparison_report import write_comparison
    from experiments.implementation.merging import read_decisions

    found = comparing.compare(
        [comparing.read_source(path, theme or THEMES) for path in sources],
        None if merge is None else read_decisions(merge),
    )
    for words in comparing.sentences(found):
        out.print(escape(words))
    out.print(f"comparison: {escape(str(write_comparison(found, out_dir)))}")


def list_challenges(
    theme: Annotated[str, typer.Option(help="Only those of this theme.")] = "",
    why: Annotated[bool, typer.Option("--why", help="What each does in the model, in a sentence.")] = False,
) -> None:
    """The challenges: theme, who knows of each, CFIR construct, and whether the model can weigh it."""
    from abm.spelling import nearest
    from experiments.implementation.catalogue import THEMES
    from experiments.implementation.mechanisms import mechanisms

    if theme and theme not in THEMES:
        raise ValueError(f"--theme: met {theme!r}{nearest(theme, THEMES)} (there are {', '.join(THEMES)})")
    rows = [(key, one) for key, one in mechanisms().items() if not theme or one.challenge.theme == theme]
    if why:
        for _, one in rows:
            out.print(escape(one.sentence))
        return
    _show(
        f"{len(rows)} challenges",
        ("challenge", "theme", "known", "construct", "mapped"),
        [
            (k, m.challenge.theme, m.challenge.community, m.challenge.construct, "yes" if m.mapped else "no")
            for k, m in rows
        ],
    )


def _clinics(parameters_file: Path | None, replicates: int, seed: int) -> Any:
    from abm.parameters import Parameters, load
    from experiments.compilation import use_compilation_cache
    from experiments.implementation.impact_runs import Clinics

    use_compilation_cache()
    return Clinics(Parameters() if parameters_file is None else load(parameters_file), replicates=replicates, seed=seed)


def impact(
    out_dir: OutFolder,
    replicates: Replicates = 12,
    seed: Seed = 0,
    pairs: Annotated[int, typer.Option(min=0, max=20, help="Challenges, the highest-ranked, to try two by two.")] = 8,
    parameters_file: ParametersFile = None,
    quiet: Quiet = False,
) -> None:
    """Simulate what each challenge costs of the burnout reduction that the twin's programme promises (minutes)."""
    from experiments.implementation.impact import top
    from experiments.implementation.impact_report import write_impact

    told = (lambda _: None) if quiet else (lambda words: out.print(f"simulating {words}"))
    page, found = write_impact(_clinics(parameters_file, replicates, seed), out_dir, pairs, told)
    for words in top(found.ranking):
        out.print(escape(words))
    out.print(f"impact: {escape(str(page))}")


def answers(
    out_file: Annotated[Path, typer.Option("--out", help="YAML file to write.")] = Path("answers.yaml"),
) -> None:
    """A form to rate CFIR's constructs in your clinic, for `challenges readiness`."""
    from experiments.implementation.readiness import form

    with out_file.open("x", encoding="utf-8") as target:
        target.write(form())
    out.print(f"form: {escape(str(out_file))}")


def readiness(
    file: Annotated[Path, typer.Argument(help="Ratings of constructs and challenges, -2 to 2, as YAML.")],
    out_dir: OutFolder,
    replicates: Replicates = 8,
    seed: Seed = 0,
    parameters_file: ParametersFile = None,
) -> None:
    """Which challenges matter in your clinic, in which order to act, and which strategy pays (a minute or two)."""
    from experiments.implementation.readiness import read_answers, write_readiness

    rated = read_answers(file)
    page = write_readiness(rated, _clinics(parameters_file, replicates, seed), out_dir)
    out.print(f"readiness: {escape(str(page))}")
