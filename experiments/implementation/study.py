"""One's own study, from coded excerpts to a source for the comparison: steps 3 to 6 of the paper's method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.figures import PALETTE, WIDTH, house_style
from experiments.implementation import refi_qda
from experiments.implementation.agreement import Agreement, agreement
from experiments.implementation.catalogue import THEMES
from experiments.implementation.excerpts import Excerpt, check, read_csv
from experiments.implementation.frames import Frame, ImplementationError
from experiments.implementation.masking import mask_label, numbered
from experiments.implementation.member_check import sheets
from experiments.implementation.merging import plain, propose
from experiments.implementation.pages import Part, write_page
from experiments.implementation.records import write_table
from experiments.implementation.saturation import Saturation, saturation


def read_excerpts(
    paths: Iterable[Path], frame: Frame, themes: Iterable[str] = THEMES
) -> tuple[Sequence[Excerpt], list[str]]:
    """(excerpts of all files, .csv and .qdpx; notes on what was left out). Raises ImplementationError."""
    themes = list(themes)
    found: list[Excerpt] = []
    notes = []
    for path in paths:
        kind = path.suffix.lower()
        if kind not in (".csv", ".qdpx"):
            hint = "; a codebook has no excerpts, see `clinictwin cfir codebook`" if kind == ".qdc" else ""
            raise ImplementationError(f"{path}: met a file of kind {kind!r}, expected .csv or .qdpx{hint}")
        if kind == ".csv":
            found += read_csv(path, frame, themes)
            continue
        project = refi_qda.read_project(path, frame, themes)
        found += project.excerpts
        if project.left_out:
            notes.append(
                f"{project.left_out} codings of a .qdpx project are not of plain text (pictures, sound, pages) and "
                "were left out."
            )
    return check(found), notes


def challenge_table(excerpts: Sequence[Excerpt], merges: Mapping[str, str], called: Mapping[str, str]) -> pd.DataFrame:
    """One row a challenge, de-duplicated: label, theme, its codes, interviews (by number), excerpts."""
    into = {plain(label): target for label, target in merges.items()}
    rows: dict[str, dict[str, object]] = {}
    for one in excerpts:
        if not one.challenge:
            continue
        label = into.get(plain(one.challenge), one.challenge)
        row = rows.setdefault(
            plain(label), {"label": label, "theme": "", "codes": {}, "interviews": {}, "excerpts": {}}
        )
        row["theme"] = row["theme"] or one.theme
        for name, value in (("codes", one.code), ("interviews", called[one.interview]), ("excerpts", one.excerpt)):
            row[name][value] = None  # type: ignore[index]
    if not rows:
        raise ImplementationError(
            "excerpts: met no challenge in any row, expected the column 'challenge' (or codes "
            "below the frame's, in a .qdpx) to name some"
        )
    table = pd.DataFrame(rows.values())
    for name in ("codes", "interviews"):
        table[name] = ["; ".join(values) for values in table[name]]
    table["excerpts"] = [len(values) for values in table["excerpts"]]
    return table


def write_study(
    excerpts: Sequence[Excerpt],
    frame: Frame,
    folder: Path,
    merges: Mapping[str, str] | None = None,
    with_names: bool = False,
    notes: Sequence[str] = (),
) -> Path:
    """Everything of a study: `challenges.csv` for the comparison, `merge.csv` to be decided on if no merges are given,
    member-check sheets, agreement and saturation on a page. Returns the page's path.

    Interviews and coders appear as numbers, and what looks like a name is masked, unless ``with_names``.
    """
    interviews = {one.interview: one.interview for one in excerpts}
    coders = {one.coder: one.coder for one in excerpts}
    names = [] if with_names else [*interviews, *coders]
    called = interviews if with_names else numbered(interviews, "interview")
    called_coder = coders if with_names else numbered(coders, "coder")
    if not with_names:
        excerpts = [replace(one, challenge=mask_label(one.challenge, names)) for one in excerpts]
    table = challenge_table(excerpts, merges or {}, called)
    label_of = {plain(label): target for label, target in (merges or {}).items()}
    found: dict[str, list[str]] = {name: [] for name in interviews}
    for one in excerpts:
        if one.challenge:
            found[one.interview].append(plain(label_of.get(plain(one.challenge), one.challenge)))
    agreed, enough = agreement(excerpts), saturation(found)
    folder.mkdir(parents=True, exist_ok=True)
    write_table(table, folder / "challenges.csv")
    if merges is None:
        write_table(propose(list(table["label"])), folder / "merge.csv")
    for number, sheet in enumerate(sheets(excerpts, frame, called, names, with_names).values(), start=1):
        (folder / "member-check").mkdir(exist_ok=True)
        (folder / "member-check" / f"interview-{number}.md").write_text(sheet, encoding="utf-8")
    parts = [_agreement_part(agreed, called_coder), _saturation_part(enough), _codes_part(excerpts, frame)]
    lead = [
        f"{len({e.excerpt for e in excerpts})} excerpts of {len(interviews)} interviews by {len(coders)} coders, "
        f"coded in {frame.name}.",
        enough.sentence,
        *notes,
    ]
    parts.append(Part("Challenges", tables=[("challenges", "Challenges after de-duplication.", table)]))
    return write_page(folder, "study", "Coded interviews", lead, parts)


def _agreement_part(agreed: Agreement | None, called: Mapping[str, str]) -> Part:
    if agreed is None:
        return Part("Agreement of coders", ["One coder: nothing to compare. Let a second person code at least a part."])
    pairs = agreed.pairs.replace({"coder": dict(called), "other coder": dict(called)})
    tables = [
        (
            "agreement",
            "Agreement beyond chance (alpha: 0.8 and more is sufficient, below 0.667 is not).",
            agreed.overall,
        ),
        ("agreement_pairs", "Cohen's kappa of each pair of coders.", pairs),
        ("agreement_codes", "Krippendorff's alpha of each code, given or not.", agreed.codes),
    ]
    return Part("Agreement of coders", ["A coder's codes of one excerpt count as one label together."], tables=tables)


def _saturation_part(enough: Saturation) -> Part:
    with house_style():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        ax = figure.subplots()
        for name, style, words in (("found", "o-", "in the order held"), ("expected", "--", "mean over all orders")):
            ax.plot(
                enough.curve["interviews"],
                enough.curve[name],
                style,
                label=words,
                color=PALETTE[0 if name == "found" else 1],
            )
        ax.set(xlabel="interviews", ylabel="different challenges", ylim=(0, None))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(frameon=False)
    return Part(
        "Saturation",
        [enough.sentence],
        tables=[("saturation", "Challenges by interview.", enough.curve)],
        figures=[("saturation", "Different challenges found after each interview.", figure)],
    )


def _codes_part(excerpts: Sequence[Excerpt], frame: Frame) -> Part:
    used = pd.Series([frame.construct_of(e.code) for e in excerpts]).value_counts()
    rows = [(d.name, c.name, int(used.get(c.key, 0))) for d in frame.domains for c in d.constructs]
    table = pd.DataFrame(rows, columns=["domain", "construct", "codings"])
    silent = [name for name, count in zip(table["construct"], table["codings"], strict=True) if not count]
    words = f"{len(silent)} of {len(table)} constructs were never used" + (f": {', '.join(silent)}." if silent else ".")
    return Part(
        "Use of the frame",
        [words, f"Outside the frame: {int(used.get('none', 0))} codings."],
        tables=[("constructs", "Codings by construct (sub-constructs with theirs).", table)],
    )
