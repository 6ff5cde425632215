"""Where a policy fails, in words, a table and a figure."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from abm.parameters import ENTRIES
from experiments.analysis.discovery import FEWEST_FAILURES, Box, Discovery
from experiments.analysis.pages import Section
from experiments.figures import INK, PALETTE, WIDTH
from experiments.outcome_groups import MEASURES
from experiments.page import Drawn
from experiments.report_tables import Cell, Table
from experiments.report_words import listed, number

MOST_FOREMOST = 2  # parameters of a box that are drawn


def discovery_section(found: Discovery, policy: str, measure: str,
                      criterion: str) -> tuple[Section, dict[str, Drawn], dict[str, pd.DataFrame]]:  # fmt: skip
    """(section, figures, tables of numbers) of a scenario discovery."""
    said = _sentences(found, policy, measure, criterion)
    section = Section("discovery", f"When {policy} fails", _about(found, criterion), said,
                      [] if found.box is None else [_table(found, found.box)])  # fmt: skip
    drawn = {}
    if found.box is not None:
        drawn["discovery"] = Drawn(
            discovery_figure(found, found.box),
            f"Sampled clinics in which the policy works or fails, over {listed(_foremost(found.box))}. {said[-1]}",
            "Left: sampled clinics; crosses are those in which the policy fails, the box is where it does by the two "
            "parameters named first. Right: coverage and density of the boxes on the way from all runs to the "
            "smallest; the diamond is the one that is named.",
        )
    numbers = {"discovery_runs": found.runs}
    if len(found.trajectory):
        numbers["discovery_boxes"] = found.trajectory[["coverage", "density", "mass", "res_dim"]]
    return section, drawn, numbers


def _about(found: Discovery, criterion: str) -> str:
    return (
        f"{len(found.runs):,} clinics were sampled over {len(found.names)} uncertain parameters, each over the middle "
        "90 % of its prior, and run with and without the policy on the same draws. The policy fails where "
        f"{criterion}. The box is PRIM's, with "
        "at most four parameters, made from one half of the clinics and held against the other half."
    )


def criterion_words(measure: str, least_gain: float | None, limit: float | None) -> str:
    """'burnout risk improves by less than 5 points', 'is above 50 %', or both."""
    m = MEASURES[measure]
    parts = [] if least_gain is None else [f"improves by less than {number(least_gain)} {m.unit_of_difference}"]
    if limit is not None:
        parts.append(f"is {'below' if m.better > 0 else 'above'} {number(limit)} {m.unit} with it")
    return f"{m.label.lower()} {' or '.join(parts)}"


def _sentences(found: Discovery, policy: str, measure: str, criterion: str) -> list[str]:
    m, percent = MEASURES[measure], lambda share: f"{number(100 * share, 0)} %"
    said = [f"With {policy}, {m.label.lower()} improves by {number(found.runs['gain'].mean())} {m.unit_of_difference} "
            f"on average over the sampled clinics. It fails, since {criterion}, in {percent(found.fails)} of "
            "them."]  # fmt: skip
    box = found.box
    if box is None and len(found.trajectory):
        return [*said, "No region stands out: no limit on a parameter does more than a random split would."]
    if box is None:
        few = "few" if found.fails < 0.5 else "many"
        return [*said, f"That is too {few} to describe: a half of the clinics needs {FEWEST_FAILURES} of either kind."]
    inside = (f"of the clinics inside {percent(box.fresh_density)} fail (everywhere: {percent(found.fails)}), and it "
              f"holds {percent(box.fresh_coverage)} of all failures, counted on clinics that the region was not made "
              f"from; on its own {percent(box.density)} and {percent(box.coverage)}")  # fmt: skip
    if box.holds:
        return [*said, f"It fails mostly where {conditions(box)}: {inside}."]
    return [*said, "No region stands out that holds on clinics it was not made from. The best guess does no better "
                   f"than chance there ({conditions(box)}: {inside})."]  # fmt: skip


def conditions(box: Box) -> str:
    """'recovery_rate is below 0.21 1/h and ...'."""
    parts = []
    for name, (low, high) in box.limits.items():
        unit = "" if ENTRIES[name].unit == "1" else f" {ENTRIES[name].unit}"
        if low is not None and high is not None:
            parts.append(f"{name} is between {low:.3g} and {high:.3g}{unit}")
        else:
            parts.append(
                f"{name} is {'above' if high is None else 'below'} {(low if high is None else high):.3g}{unit}"
            )
    return listed(parts)


def _table(found: Discovery, box: Box) -> Table:
    rows = []
    for name, (low, high) in box.limits.items():
        e, values = ENTRIES[name], found.runs[name]
        rows.append([
            Cell(name, e.meaning), Cell(f"{values.min():.3g} to {values.max():.3g}", e.unit),
            Cell("–" if low is None else f"{low:.3g}"), Cell("–" if high is None else f"{high:.3g}"),
        ])  # fmt: skip
    return Table("The region in which the policy fails", ("Parameter", "Sampled range", "Above", "Below"), rows,
                 "discovery_runs", "All conditions hold together.")  # fmt: skip


def _foremost(box: Box) -> list[str]:
    return list(box.limits)[:MOST_FOREMOST]


def discovery_figure(found: Discovery, box: Box) -> Figure:
    """Runs over the box's first two parameters, and the peeling trajectory."""
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)
    left, right = figure.subplots(1, 2)
    x, y = (*_foremost(box), "gain")[:2]
    fails = found.runs["fails"].to_numpy(bool)
    left.plot(found.runs[x][~fails], found.runs[y][~fails], "o", color="#b5b5b5", markersize=3.5, label="works")
    left.plot(found.runs[x][fails], found.runs[y][fails], "x", color=PALETTE[1], markersize=5, label="fails")
    sides = [box.limits.get(name, (None, None)) for name in (x, y)]
    (x0, x1), (y0, y1) = ((found.runs[name].min() if low is None else low, found.runs[name].max() if high is None
                           else high) for name, (low, high) in zip((x, y), sides, strict=True))  # fmt: skip
    left.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=INK, linewidth=1.6))
    left.set(xlabel=f"{x} ({ENTRIES[x].unit})", ylabel=f"{y} ({ENTRIES[y].unit})" if y in ENTRIES else y)
    left.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, frameon=False, fontsize=9)
    right.plot(found.trajectory["coverage"], found.trajectory["density"], ".-", color=PALETTE[0])
    right.plot(box.coverage, box.density, "D", color=PALETTE[1], markersize=8)
    right.set(xlabel="coverage: share of failures inside", ylabel="density: share inside that fails")
    for ax in (left, right):
        ax.xaxis.label.set_size(10)
        ax.yaxis.label.set_size(10)
    return figure
