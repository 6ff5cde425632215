"""The report of a sweep: tables as CSV, figures as PNG and SVG, and one HTML page that holds all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from abm.layout import Layout, make_layout
from abm.parameters import ENTRIES
from calibration.exports import write_csv
from calibration.suppression import SMALLEST_CELL
from experiments import effects, figures
from experiments import report_tables as tables
from experiments import report_words as words
from experiments.analysis import value_page
from experiments.analysis.pages import Section, read_analysis, saved_analyses
from experiments.analysis.value import DRAWS, flows, turnover_costs, worth
from experiments.analysis.who_gains import who_gains
from experiments.effects import BASELINE, ReportError
from experiments.outcome_groups import NEEDED, clinic_values
from experiments.page import Drawn, data_uri, fill_in, save_figures, write_page
from experiments.provenance import layout_digest
from experiments.report_fit import FitSection, fit_section
from experiments.results import open_results, pool_draws

PAGE = "report.html"
NOT_FOR_INDIVIDUALS = (
    "These are risks of simulated posts under assumed rules, made to compare changes of a clinic's work. They must not "
    "be used to judge, rank, hire, pay or dismiss a physician, nor as a diagnosis."
)
ABOUT_OUTCOMES = (
    "First row: the level without any change. Other rows: paired differences to it, with their intervals in the second "
    "line; ✓ is better and ✗ worse where the interval excludes no change. Access, population, well-being, "
    "workload and equity are read {window}; costs and turnover over the whole {run}, as amounts a year. EHR-Time8 and "
    "WOW8 are EHR minutes per 8 hours of scheduled patient time: all of them, and those outside scheduled time."
)
TIME_PANELS = {
    "burned_out": ("Burnout prevalence", "% of physicians"),
    "exhaustion": ("Exhaustion", "0 to 100"),
    "change_fatigue": ("Change fatigue", "0 to 100"),
}
TRADE_OFFS = {
    "visits_kept": "change in visits kept (a week)",
    "net": "change in income minus turnover and cost (thousand USD a year)",
}
# names of the files that some report writes: what a new report does not write again is removed
TABLE_NAMES = ("scenarios", "outcomes", "number_needed", "over_time", "physicians", "physician_groups", "worth",
               "who_gains_groups",
               "fit_table", "fit_effects", "fit_risk")  # fmt: skip
FIGURE_NAMES = ("burnout_by_scenario", "dose_response", "over_time", "physicians", "who_gains", "trade_offs", "worth",
                "who_gains_groups",
                "fit_parameters", "fit_risk")  # fmt: skip


class Analysis(NamedTuple):
    """Every number of a report; ``best`` has the lowest prevalence, no interval tells ``near`` from it."""

    facts: pd.DataFrame
    outcomes: pd.DataFrame
    needed: pd.DataFrame
    over_time: pd.DataFrame
    physicians: pd.DataFrame
    groups: pd.DataFrame
    worth: pd.DataFrame
    gains: pd.DataFrame
    best: str | None
    near: list[str]

    def rows(self, measure: str) -> pd.DataFrame:
        """Rows of one measure, one a scenario, in the store's order."""
        return self.outcomes[self.outcomes["measure"] == measure].reset_index(drop=True)


def write_report(results_dir: str | Path, fit_dir: str | Path | None = None, *,
                 smallest_cell: int = SMALLEST_CELL) -> Path:  # fmt: skip
    """Write the report of a finished sweep into its folder; returns the path of the page.

    Beside the page ``report.html``, which needs nothing else, are ``figures/`` (PNG and SVG) and ``tables/`` (CSV).
    ``fit_dir`` is a folder of `clinictwin fit`: the page then has a section about the fit. Analyses in folders inside
    the sweep's (`clinictwin sensitivity --out SWEEP/sensitivity`, and so on) have sections too. Groups of fewer than
    ``smallest_cell`` people of a fitted clinic are not shown (`calibration.suppression`). Raises ReportError on
    results or a fit that no report can be made of, ResultsError if there are no finished results, OSError if the folder
    cannot be written.
    """
    return report_of(pool_draws(open_results(results_dir)), results_dir, fit_dir, smallest_cell=smallest_cell)


def report_of(data: xr.Dataset, folder: str | Path, fit_dir: str | Path | None = None, *,
              smallest_cell: int = SMALLEST_CELL) -> Path:  # fmt: skip
    """Like :func:`write_report`, of a Dataset in memory: dims (scenario, replicate, day, physician)."""
    folder = Path(folder)
    data = effects.check_results(data)
    data = data[[name for name in NEEDED if name in data]].load()
    # the people of a fitted clinic are real ones; those of a scenario are not
    is_real = fit_dir is not None or bool(data.attrs.get("draws"))
    found = analyse(data, smallest_cell if is_real else 1)
    with figures.house_style():
        fit = None if fit_dir is None else fit_section(fit_dir, smallest_cell)
        drawn = draw(data, found) | ({n: Drawn(*d) for n, d in fit.drawings.items()} if fit else {})
        pictures = save_figures(drawn, folder / "figures", FIGURE_NAMES)
    _save_tables(_numbers(found) | (fit.numbers if fit else {}), folder / "tables")
    analyses, of_analyses = _analyses(folder)
    return write_page(folder / PAGE, render(data, found, pictures | of_analyses, fit, analyses))


def _analyses(folder: Path) -> tuple[list[Section], dict[str, dict[str, Any]]]:
    """Sections and pictures of the analyses inside a sweep's folder; files are named from that folder on."""
    sections, pictures = [], {}
    for path in saved_analyses(folder):
        section, of_one, _ = read_analysis(path)
        prefix = path.name
        tables_of_one = [t._replace(csv=t.csv, folder=f"{prefix}/") for t in section.tables]
        renamed = {f"{prefix}:{name}": p | {"folder": f"{prefix}/"} for name, p in of_one.items()}
        sections.append(dataclasses.replace(section, name=f"analysis-{len(sections)}", tables=tables_of_one,
                                            figures=tuple(f"{prefix}:{name}" for name in section.figures)))  # fmt: skip
        pictures |= renamed
    return sections, pictures


def analyse(data: xr.Dataset, smallest_cell: int = 1) -> Analysis:
    """All numbers of the report, from results as :func:`experiments.effects.check_results` returns them.

    Groups of people are not compared if one of them has fewer than ``smallest_cell``.
    """
    outcomes = effects.outcome_table(data)
    prevalence = outcomes[outcomes["measure"] == "burned_out"]
    best = effects.best_scenario(prevalence)
    values = clinic_values(data)["burned_out"]
    near = [n for n in effects.not_told_apart(values, best) if n != BASELINE] if best else []
    p = words.used_parameters(data)
    money = pd.DataFrame()
    if {"exhaustion", "visit_revenue"} <= set(data):
        found = flows(data, p, words.first_use(data))
        money = worth(found, [str(s) for s in data["scenario"].values], turnover_costs(p, DRAWS))
    return Analysis(
        effects.scenario_facts(data), outcomes, effects.number_needed(prevalence, data.sizes["physician"]),
        effects.over_time(data, tuple(TIME_PANELS)), effects.by_physician(data),
        effects.by_group(data, smallest_cell=smallest_cell), money,
        who_gains(data, _default_layout(data), smallest_cell), best, near,
    )  # fmt: skip


def _default_layout(data: xr.Dataset) -> Layout | None:
    """The clinic's layout where it is the default one of its size: whose traits are known, and nobody's."""
    try:
        layout = make_layout(data.sizes["physician"])
    except ValueError:
        return None
    return layout if data.attrs.get("layout") == layout_digest(layout) else None


def draw(data: xr.Dataset, found: Analysis) -> dict[str, Drawn]:
    """The figures, by name. Those that have nothing to show are left out."""
    look = figures.looks(found.facts)
    prevalence, risk = found.rows("burned_out"), found.rows("burnout_risk")
    window = words.span(data).window_words
    drawn: dict[str, Drawn] = {}
    others = prevalence[(prevalence["scenario"] != BASELINE) & prevalence["difference"].notna()]
    if len(others):
        panels = {"Burnout prevalence": prevalence, "Burnout risk": risk}
        drawn["burnout_by_scenario"] = Drawn(
            figures.differences(panels, look, "difference to baseline (points)"),
            f"Forest plot: differences to the baseline in burnout prevalence and risk. Prevalence: {_extremes(others)}",
            f"Difference in burnout prevalence and in burnout risk to the baseline, {window}, with 90 % intervals over "
            "replicates. Filled marks: the interval excludes no change.",
        )
        dose = figures.dose_response(prevalence, look, "difference in burnout prevalence (points)")
        if dose is not None:
            drawn["dose_response"] = Drawn(
                dose,
                "Difference in burnout prevalence against dose, a panel for each kind of change with several doses.",
                "Difference to the baseline in burnout prevalence by dose, with 90 % intervals. Dose 0: the baseline.",
            )
        drawn |= _draw_trade_offs(found, look)
    if np.isfinite(found.over_time["mean"]).any():
        coloured = figures.lines_in_colour(found.facts, prevalence)
        drawn["over_time"] = Drawn(
            figures.over_time(found.over_time, look, coloured, TIME_PANELS),
            f"Lines over {words.weeks(words.span(data).days)} of burnout prevalence, exhaustion and change fatigue: "
            f"the baseline{' and ' + words.listed(coloured) if coloured else ''}.",
            "Means over filled posts, with 90 % intervals over replicates. Dashed: the baseline. In colour: of each "
            f"kind of change the scenario that moves prevalence most, at most {figures.MOST_LINES}; grey: the others.",
        )
    if found.physicians["risk"].notna().any():
        drawn |= _draw_physicians(data, found, look, window)
    return drawn | value_page.worth_figures(found.worth, found.gains, found.best, look)


def _draw_trade_offs(found: Analysis, look: Mapping[str, figures.Look]) -> dict[str, Drawn]:
    wide = found.facts[["scenario"]].copy()
    for measure in ("burned_out", *TRADE_OFFS):
        rows = found.rows(measure)
        for column, suffix in (("difference", ""), ("low", "_low"), ("high", "_high")):
            wide[measure + suffix] = rows[column] if len(rows) else np.nan
    panels = {name: label for name, label in TRADE_OFFS.items() if wide[name].notna().any()}
    if not panels:
        return {}
    wide = wide[wide["scenario"] != BASELINE]
    return {"trade_offs": Drawn(
        figures.trade_offs(wide, look, panels, "change in burnout prevalence (points)"),
        f"Change in burnout prevalence of {len(wide)} scenarios against the change in visits kept and in net income.",
        "What lower prevalence costs: low and to the right is better. Lines through the marks: 90 % intervals.",
    )}  # fmt: skip


def _draw_physicians(data: xr.Dataset, found: Analysis, look: Mapping[str, figures.Look],
                     window: str) -> dict[str, Drawn]:  # fmt: skip
    base = found.physicians[found.physicians["scenario"] == BASELINE]
    count = data.sizes["physician"]
    shown = f" The {figures.MOST_ROWS} of {count} posts with the highest risk." if count > figures.MOST_ROWS else ""
    drawn = {"physicians": Drawn(
        figures.physicians(found.physicians, found.best, look),
        f"Burnout risk of {count} posts, under the baseline from {words.number(base['risk'].max(), 0)} to "
        f"{words.number(base['risk'].min(), 0)} %{', beside that with ' + found.best if found.best else ''}.",
        f"Burnout risk of each post {window}, sorted by the baseline's. Thick: 90 % interval of the mean over "
        f"replicates; thin: the middle 90 % of replicates, wide where a post changed hands.{shown}",
    )}  # fmt: skip
    prevalence = found.rows("burned_out").sort_values("difference", na_position="last")
    gains = figures.who_gains(found.physicians, list(prevalence["scenario"]))
    if gains is not None:
        drawn["who_gains"] = Drawn(
            gains, f"Heat map of the change in risk of {count} posts under {len(prevalence) - 1} scenarios.",
            f"Who gains and who loses: mean change in each post's burnout risk over replicates.{shown}",
        )  # fmt: skip
    return drawn


def _extremes(others: pd.DataFrame) -> str:
    first, last = others.loc[others["difference"].idxmin()], others.loc[others["difference"].idxmax()]
    return " to ".join(f"{words.signed(row['difference'])} points ({row['scenario']})" for row in (first, last))


def _numbers(found: Analysis) -> dict[str, pd.DataFrame]:
    frames = {
        "scenarios": found.facts, "outcomes": found.outcomes, "number_needed": found.needed,
        "over_time": found.over_time, "physicians": found.physicians, "physician_groups": found.groups,
        "worth": found.worth, "who_gains_groups": found.gains,
    }  # fmt: skip
    return {name: frame for name, frame in frames.items() if not frame.empty}


def _save_tables(frames: Mapping[str, pd.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        write_csv(frame, folder / f"{name}.csv")
    for name in set(TABLE_NAMES) - set(frames):
        (folder / f"{name}.csv").unlink(missing_ok=True)


def render(data: xr.Dataset, found: Analysis, pictures: dict[str, dict[str, Any]], fit: FitSection | None,
           analyses: Sequence[Section] = ()) -> str:  # fmt: skip
    """The page. Every text is escaped: names and descriptions come from configs."""
    when = words.span(data)
    if fit is not None:
        pictures = pictures | {
            f"fit_file_{name}": {"uri": data_uri(content, "image/png"), "alt": f"Figure {name} of the fit",
                                 "caption": f"From the fit's folder: {name.replace('_', ' ')}.", "file": f"{name}.png"}
            for name, content in fit.pictures.items()
        }  # fmt: skip
    return fill_in(
        "report.html.j2",
        title=str(data.attrs.get("title") or "Results of a sweep"), question=str(data.attrs.get("description", "")),
        facts=_facts(data, when), pictures=pictures, fit=fit,
        sentences=words.summary(found.outcomes, found.near, found.best, data.sizes["physician"], when),
        warnings=words.warnings(data, found.outcomes, fit.parameters if fit else None),
        not_for_individuals=NOT_FOR_INDIVIDUALS, meaning=words.drawn_from(data), about_posts=_about_posts(found),
        about_outcomes=ABOUT_OUTCOMES.format(window=when.window_words, run=words.weeks(when.days)),
        compared=tables.compared(found.facts), burnout=tables.burnout(found.outcomes),
        needed=tables.needed(found.needed), physicians=tables.physicians(found.physicians, found.best),
        groups=tables.physician_groups(found.groups), aims=tables.by_aim(found.outcomes),
        worth=value_page.worth_table(found.worth, when.days / 7), about_worth=value_page.ABOUT_WORTH,
        gains=value_page.gains_tables(found.gains, found.best), analyses=analyses,
        provenance=_provenance(data), config=str(data.attrs.get("config", "")),
    )  # fmt: skip


def _about_posts(found: Analysis) -> str:
    beside = f", and under {found.best}, the scenario with the lowest prevalence" if found.best else ""
    return (
        f"Risk of each post under the baseline{beside}. A post is a place in the clinic with its panel and schedule: "
        "where somebody leaves, a successor takes it over, and the risk is that of whoever holds it."
    )


def _facts(data: xr.Dataset, when: words.Span) -> list[str]:
    warm_up = words.weeks(float(data.attrs.get("warm_up_days", 0)))
    return [
        f"{data.sizes['physician']} physicians",
        f"{words.count(data.sizes['scenario'] - 1, 'scenario')} beside the baseline",
        f"{words.count(data.sizes['replicate'], 'replicate')} of each",
        f"{words.weeks(when.days)} after {warm_up} of warm-up",
        f"{data.attrs.get('engine', 'unknown')} engine, seed {data.attrs.get('seed', 'unknown')}",
    ]


def _provenance(data: xr.Dataset) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in data.attrs.items():
        if isinstance(value, Mapping):
            rows += [(str(key).replace("_", " "), str(inner)) for key, inner in value.items()]
        elif name not in ("title", "description", "config", "parameters"):
            rows.append((str(name).replace("warm_up", "warm-up").replace("_", " "), str(value)))
    used = words.used_parameters(data)
    changed = {n: v for n, e in ENTRIES.items() if not np.isclose(v := getattr(used, n), e.default, rtol=1e-9)}
    rows.append(("parameters that differ from the defaults",
                 ", ".join(f"{n} {v:g}" for n, v in changed.items()) or "none"))  # fmt: skip
    made = ", ".join(f"{name} {metadata.version(name)}" for name in ("seaborn", "matplotlib", "pandas"))
    return [*rows, ("report made with", made)]


__all__ = ["ReportError", "report_of", "write_report"]
