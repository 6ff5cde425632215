"""A sensitivity analysis in words, tables and a figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis.pages import Section
from experiments.analysis.sensitivity import CUSTOMARY_POINTS, Sensitivity, full_design_runs
from experiments.figures import INK, PALETTE, WIDTH, short
from experiments.outcome_groups import MEASURES
from experiments.page import Drawn
from experiments.report_tables import Cell, Table
from experiments.report_words import interval, listed, number, signed

MOST_ROWS = 20  # inputs in the figure and the printed table
STRONG = 0.05  # total index from which an input is named as one that matters (assumed)


def sensitivity_section(found: Sensitivity, measure: str) -> tuple[Section, dict[str, Drawn], dict[str, pd.DataFrame]]:
    """(section, figures, tables of numbers) of an analysis."""
    label = MEASURES[measure].label
    section = Section(
        "sensitivity", f"What matters for {label.lower()}", _about(found), _sentences(found, measure),
        [_table(found, measure)],
    )  # fmt: skip
    drawn = {"sensitivity": Drawn(
        sensitivity_figure(found.table, MEASURES[measure].unit_of_difference),
        f"Total and first-order indices of {label.lower()} by parameter, and its slopes beside them. Largest: "
        f"{listed(list(found.table['name'][:3]))}.",
        "Left: share of the variance that involves a parameter (total) and that it makes alone (first order), with "
        "90 % bootstrap intervals. Right: change over the range of the parameter, by the slope at the centre and, in "
        "mean size, by Morris screening.",
    )}  # fmt: skip
    return section, drawn, {"sensitivity": found.table}


def _about(found: Sensitivity) -> str:
    return (
        "Each parameter varies by itself over the middle 90 % of its prior; the ranges are in the table. A total index "
        "is the share of the outcome's variance that would go if the parameter were known; a first-order index is what "
        "it takes by itself, the rest is interaction. Both are of the parameters foremost in the screening, the others "
        f"held. All runs meet the same draws: chance alone would add {number(100 * found.chance)} % of the variance."
    )


def _sentences(found: Sensitivity, measure: str) -> list[str]:
    table, unit = found.table, MEASURES[measure].unit
    known = table[table["total"].notna()]
    strong = known[known["total_low"] >= STRONG]
    size = MEASURES[measure]
    said = [
        f"Over these ranges {size.label.lower()} is {number(found.mean)} {unit} on average, with a standard deviation "
        f"of {number(found.standard_deviation)} {size.unit_of_difference}."
    ]
    if len(strong):
        shares = [f"{row['name']} ({number(100 * row['total'], 0)} %)" for row in strong.to_dict("records")]
        said.append(f"Parameters whose total index is surely above {100 * STRONG:.0f} %: {listed(shares, 8)}.")
    said.append(f"First-order indices sum to {number(100 * known['first'].sum(), 0)} %; the rest is interaction, and "
                "error of the estimates.")  # fmt: skip
    inputs, runs = len(table), found.runs
    customary = full_design_runs(inputs)
    said.append(
        f"The slopes took {runs['slopes']:,} runs: {_ratio(customary, runs['slopes'])} of the {customary:,} that a "
        f"Sobol' analysis of all {inputs} parameters takes at {CUSTOMARY_POINTS:,} base points. Their ranking agrees "
        f"with the total indices' by a rank correlation of {number(found.slopes_against_total, 2)}, and with the "
        f"screening's by {number(found.slopes_against_morris, 2)} (screening against total indices: "
        f"{number(found.morris_against_total, 2)})."
    )
    return said


def _ratio(all_runs: int, few: int) -> str:
    return f"1 in {all_runs / few:,.0f}"


def _table(found: Sensitivity, measure: str) -> Table:
    unit = MEASURES[measure].unit_of_difference
    rows = []
    for row in found.table[:MOST_ROWS].to_dict("records"):
        index = lambda n, r=row: Cell(number(r[n], 2), interval(r[f"{n}_low"], r[f"{n}_high"], 2))  # noqa: E731
        rows.append([
            Cell(row["name"], row["meaning"]), Cell(f"{row['low']:.3g} to {row['high']:.3g}", row["unit"]),
            index("total"), index("first"),
            Cell(number(row["morris_size"]), interval(row["morris_size_low"], row["morris_size_high"])),
            Cell(signed(row["slope"])),
            Cell(signed(row["elasticity"], 2) if np.isfinite(row["elasticity"]) else "–"),
        ])  # fmt: skip
    columns = ("Parameter", "Range", "Total index", "First-order index", f"Morris: mean size ({unit})",
               f"Slope over the range ({unit})", "Elasticity (% per %)")  # fmt: skip
    note = (
        f"The {len(rows)} foremost of {len(found.table)}. Second lines of numbers: 90 % bootstrap intervals. The "
        "elasticity is the change of the outcome in % of its value for 1 % of the parameter's, at its default."
    )
    return Table("Sensitivity by parameter", columns, rows, "sensitivity", note)


def sensitivity_figure(table: pd.DataFrame, unit: str) -> Figure:
    """Indices on the left, slopes and screening on the right, one row an input, foremost on top."""
    rows = table[table["total"].notna()].iloc[:MOST_ROWS]
    figure = Figure(figsize=(WIDTH, 1.6 + 0.3 * len(rows)), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)
    left, right = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(rows))
    for name, label, shift, colour, mark in (("total", "total index", -0.14, PALETTE[0], "o"),
                                             ("first", "first-order index", 0.14, PALETTE[1], "s")):  # fmt: skip
        low, high = rows[name] - rows[f"{name}_low"], rows[f"{name}_high"] - rows[name]
        left.errorbar(rows[name], y + shift, xerr=np.maximum([low, high], 0.0), fmt=mark, color=colour, markersize=4.5,
                      label=label)  # fmt: skip
    right.barh(y, rows["morris_size"], color="#d5d5d5", label="Morris: mean size of effects")
    right.plot(rows["slope"].abs(), y, "D", color=PALETTE[2], markersize=5, label="slope at the centre, its size")
    left.set_yticks(y, [short(n) for n in rows["name"]])
    left.axvline(0, color=INK, linewidth=1)
    left.set(ylim=(len(rows) - 0.4, -0.6), xlabel="share of the variance")
    right.set(xlabel=f"change over the range ({unit})")
    for ax in (left, right):
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=8, frameon=False)
    return figure
