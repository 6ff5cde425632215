"""The Experiments page: a sweep's scenarios compared, each measure, dose, physician; and the analyses in its folder."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import solara

from experiments import effects, figures
from experiments import report as reporting
from experiments import report_words as words
from experiments.analysis.pages import AnalysisError, Section, read_analysis, saved_analyses
from experiments.effects import BASELINE, ReportError
from experiments.outcome_groups import AIMS, MEASURES, NEEDED
from experiments.report_words import interval, number, signed
from experiments.results import STORE, ResultsError, open_results
from experiments.server.served import served
from experiments.server.widgets import (
    Choice,
    Heading,
    Picture,
    Stopped,
    Table,
    Tell,
    Waiting,
    Words,
    csv_uri,
    drawing,
    png,
    use_work,
)

READINGS = {"better": "✓ better", "worse": "✗ worse", "": ""}
TONES = {"better": "good", "worse": "bad", "": ""}


class Shown(NamedTuple):
    """What the page shows of a sweep; pictures are ready to be sent."""

    title: str
    question: str
    facts: list[str]
    sentences: list[str]
    outcomes: pd.DataFrame
    pictures: list[dict[str, str]]


class Kept(NamedTuple):
    """Analyses found in a sweep's folder, and the sentences of those that cannot be read."""

    sections: list[tuple[Section, dict[str, dict[str, Any]]]]
    refused: list[str]


@solara.component
def ExperimentsPage() -> None:
    """The page."""
    solara.Title("Experiments")
    Heading("Experiments: what a change would do", 1)
    sweeps = served().sweeps
    if sweeps:
        Chosen(dict(sweeps))
    else:
        Words("None is served: `clinictwin sweep demo --out SWEEP` runs one, `serve --sweep SWEEP` shows it.")


@solara.component
def Chosen(sweeps: dict[str, Path]) -> None:
    """One of the sweeps, read beside the page."""
    name, set_name = solara.use_state(next(iter(sweeps)))
    work = use_work(lambda tell: (shown(sweeps[name], tell), kept(sweeps[name])), [name])
    if len(sweeps) > 1:
        Choice("Sweep", [(n, n) for n in sweeps], name, set_name)
    Waiting(work, f"Reading {name}:")
    if work.value is not None:
        sweep, analyses = work.value
        Sweep(sweep)
        for message in analyses.refused:
            Words(message, alert=True)
        for section, pictures in analyses.sections:
            AnalysisCard(section, pictures)


def shown(folder: Path, tell: Tell) -> Shown:
    """The sweep, computed once for all who look, and again when its store has changed.

    Raises ResultsError, ReportError, and whatever reading a broken store raises, in a sentence (ValueError).
    """
    store = folder / STORE
    stamp = store.stat().st_mtime_ns if store.is_dir() else 0
    tell("its store", 0.1)
    try:
        data = effects.check_results(open_results(folder))
        tell("its outcomes", 0.2)
        return _shown(folder, stamp, _Held(data, tell))
    except (ResultsError, ReportError, Stopped):
        raise
    except Exception as error:  # reading a damaged store fails in ways of its own for each part of it
        raise ValueError(f"{folder}: the store cannot be read ({type(error).__name__}: {error}); it may be damaged: "
                         "run the sweep again in a new folder") from None  # fmt: skip


class _Held:
    """What the cache need not look at: the same folder and time is the same sweep."""

    def __init__(self, data: Any, tell: Tell) -> None:
        self.data, self.tell = data, tell

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@functools.lru_cache(maxsize=8)
def _shown(folder: Path, stamp: int, held: _Held) -> Shown:
    data, tell = held.data, held.tell
    data = data[[name for name in NEEDED if name in data]].load()
    cell = served().smallest_cell if data.attrs.get("draws") else 1
    tell("comparing scenarios", 0.2)
    found = reporting.analyse(data, cell)
    tell("drawing", 0.3)
    with drawing, figures.house_style():
        drawn = reporting.draw(data, found)
    tables = {"burnout_by_scenario": found.outcomes, "dose_response": found.rows("burned_out"),
              "over_time": found.over_time, "physicians": found.physicians, "who_gains": found.physicians,
              "trade_offs": found.outcomes}  # fmt: skip
    pictures = [
        {"name": name, "uri": png(one.figure), "alt": one.alt, "caption": one.caption,
         "csv": csv_uri(tables[name]) if name in tables else ""}
        for name, one in drawn.items()
    ]  # fmt: skip
    when = words.span(data)
    sentences = words.summary(found.outcomes, found.near, found.best, data.sizes["physician"], when)
    facts = [f"{data.sizes['physician']} physicians", words.count(data.sizes["replicate"], "replicate"),
             words.weeks(when.days)]  # fmt: skip
    return Shown(str(data.attrs.get("title") or folder.name), str(data.attrs.get("description", "")), facts,
                 [str(s) for s in sentences], found.outcomes, pictures)  # fmt: skip


def kept(folder: Path) -> Kept:
    """Analyses (sensitivity, policies, ...) inside a sweep's folder."""
    sections, refused = [], []
    for path in saved_analyses(folder):
        try:
            section, pictures, _ = read_analysis(path)
            sections.append((section, pictures))
        except AnalysisError as error:
            refused.append(str(error))
    return Kept(sections, refused)


@solara.component
def Sweep(sweep: Shown) -> None:
    """Sentences, the measures, the figures."""
    measures = list(dict.fromkeys(sweep.outcomes["measure"]))
    measure, set_measure = solara.use_state("burned_out" if "burned_out" in measures else measures[0])
    with solara.Div(classes=["ct-card"]):
        Heading(sweep.title)
        Words(sweep.question)
        Words("; ".join(sweep.facts) + ".", hint=True)
        for text in sweep.sentences:
            Words(text)
    with solara.Div(classes=["ct-card"]):
        Heading("Compare the scenarios")
        options = [(m, f"{MEASURES[m].label} ({AIMS[MEASURES[m].aim]})") for m in measures]
        Choice("Measure", options, measure, set_measure)
        rows = sweep.outcomes[sweep.outcomes["measure"] == measure]
        Compared(rows, MEASURES[measure].unit, MEASURES[measure].unit_of_difference, MEASURES[measure].digits)
    for picture in sweep.pictures:
        with solara.Div(classes=["ct-card"]):
            Picture(**picture)


@solara.component
def Compared(rows: pd.DataFrame, unit: str, unit_of_difference: str, digits: int) -> None:
    """One measure of every scenario; the baseline first, then the best reading."""
    ordered = rows.assign(first=rows["scenario"] != BASELINE).sort_values(["first", "difference"])
    cells = []
    for row in ordered.to_dict("records"):
        change = ("", "", "") if row["scenario"] == BASELINE else (
            signed(row["difference"], digits), interval(row["low"], row["high"], digits),
            READINGS[row["reading"]] or row["verdict"],
        )  # fmt: skip
        cells.append([row["scenario"], number(row["level"], digits), *change])
    Table(["Scenario", f"Level ({unit})" if unit else "Level", f"Difference ({unit_of_difference})", "90 % interval",
           "Reading"], cells, numbers=(1, 2, 3), tones=[TONES[r] for r in ordered["reading"]])  # fmt: skip


@solara.component
def AnalysisCard(section: Section, pictures: dict[str, dict[str, Any]]) -> None:
    """One analysis: its sentences, figures and tables."""
    with solara.Div(classes=["ct-card"]):
        Heading(section.title)
        Words(section.about, hint=True)
        for text in section.sentences:
            Words(text)
        for name in section.figures:
            one = pictures[name]
            Picture(name=name, uri=one["uri"], alt=one["alt"], caption=one["caption"], csv="")
        for table in section.tables:
            Table(table.columns, [[" ".join(filter(None, cell[:2])) for cell in row] for row in table.rows],
                  caption=table.caption)  # fmt: skip
