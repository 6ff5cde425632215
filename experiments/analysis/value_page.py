"""What changes are worth and who gains, as a report shows it: tables, sentences and figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.effects import BASELINE
from experiments.figures import INK, MOST_NAMES, PALETTE, QUIET, WIDTH, Look, short
from experiments.outcome_groups import MEASURES
from experiments.page import Drawn
from experiments.report_tables import Cell, Table
from experiments.report_words import NINETY, interval, number, signed

PARTS = {"turnover_saved": "turnover avoided", "income": "income from visits", "cost": "cost of the change"}
ABOUT_WORTH = (
    "Net is turnover avoided plus change in income minus the change's own cost. Leavers avoided are those expected "
    "from burnout and exhaustion, or those counted where scenarios change how people leave; each is valued at a cost "
    "drawn from 0.27 to 0.96 million USD (Hamidi 2018). Yearly costs of changes and income per visit are assumed. "
    "Careers are longer than the run: turnover avoided later is not counted."
)


def worth_table(worth: pd.DataFrame, weeks: float) -> Table | None:
    """Money by scenario, best net first; None if there is nothing."""
    if worth.empty:
        return None
    rows = []
    for row in worth.sort_values("net", ascending=False).to_dict("records"):
        cell = lambda n, d=0, r=row: Cell(signed(r[n], d), interval(r[f"{n}_low"], r[f"{n}_high"], d))  # noqa: E731
        roi = Cell("–") if not np.isfinite(row["roi"]) else cell("roi", 2)
        rows.append([
            Cell(row["scenario"]), cell("leavers_avoided", 2), cell("turnover_saved"), cell("income"),
            Cell(number(row["cost"], 0), "assumed" if row["cost"] else ""), cell("net"), roi,
            Cell(f"{number(100 * row['pays'], 0)} %"), Cell(_week(row, weeks), _week_interval(row)),
        ])  # fmt: skip
    columns = ("Scenario", "Leavers avoided (a year)", "Turnover avoided", "Income", "Cost", "Net",
               "Return on cost", "Draws with net above 0", "Breaks even in week")  # fmt: skip
    note = (
        f"Money in thousand USD a year. Second lines: the middle {NINETY} over draws of a leaver's cost and resampled "
        "replicates. Return: net over cost."
    )
    return Table("What it is worth", columns, rows, "worth", note)


def _week(row: dict[str, float], weeks: float) -> str:
    value = row["break_even_week"]
    return f"not in {weeks:.0f}" if not np.isfinite(value) else "the first period" if value == 0 else f"{value:.0f}"


def _week_interval(row: dict[str, float]) -> str:
    ends = [row["break_even_week_low"], row["break_even_week_high"]]
    return " to ".join("later" if not np.isfinite(end) else f"{end:.0f}" for end in ends)


def gains_tables(gains: pd.DataFrame, best: str | None) -> list[Table]:
    """Levels under the baseline and change under ``best`` of every group; none without a best scenario."""
    if gains.empty or best is None:
        return []
    base = gains[gains["scenario"] == BASELINE]
    changed = gains[gains["scenario"] == best].set_index(["grouping", "group", "measure"])
    rows = []
    for row in base.to_dict("records"):
        after = changed.loc[(row["grouping"], row["group"], row["measure"])]
        digits, better = MEASURES[row["measure"]].digits, MEASURES[row["measure"]].better
        sign = {"lower": -1, "higher": 1}.get(str(after["verdict"]), 0) * better
        rows.append([
            Cell(f"{row['grouping']}: {row['group']}"), Cell(f"{row['label']} ({row['unit']})"),
            Cell(number(row["level"], digits), interval(row["level_low"], row["level_high"], digits)),
            Cell(signed(after["difference"], digits), interval(after["low"], after["high"], digits),
                 {1: "better", -1: "worse", 0: ""}[sign]),
        ])  # fmt: skip
    columns = ("Group", "Measure", "Level under the baseline", f"Change with {best}")
    note = f"Second lines: {NINETY} intervals. All scenarios are in the file."
    return [Table(f"Who gains and who loses with {best}", columns, rows, "who_gains_groups", note)]


def worth_figures(worth: pd.DataFrame, gains: pd.DataFrame, best: str | None,
                  look: Mapping[str, Look]) -> dict[str, Drawn]:  # fmt: skip
    """Figures of money by scenario and of change by group, where there is something to draw."""
    drawn: dict[str, Drawn] = {}
    if len(worth):
        first, last = worth.loc[worth["net"].idxmax()], worth.loc[worth["net"].idxmin()]
        drawn["worth"] = Drawn(
            money_figure(worth),
            f"Bars of turnover avoided, income and cost by scenario. Net from {signed(first['net'], 0)} thousand USD a "
            f"year ({first['scenario']}) to {signed(last['net'], 0)} ({last['scenario']}).",
            "What makes the net of each scenario, in thousand USD a year. Diamond: net, with the middle 90 % over "
            "draws of a leaver's cost and replicates.",
        )
    of_best = gains[(gains["scenario"] == best) & (gains["measure"] == "burnout_risk")] if len(gains) else gains
    if best is not None and len(of_best):
        drawn["who_gains_groups"] = Drawn(
            groups_figure(of_best, look[best].colour),
            f"Change of burnout risk with {best} in {len(of_best)} groups of physicians, from "
            f"{signed(of_best['difference'].min())} to {signed(of_best['difference'].max())} points.",
            f"Change of burnout risk with {best} by group of physicians, with 90 % intervals. Groups overlap: each "
            "grouping splits all physicians.",
        )
    return drawn


def money_figure(worth: pd.DataFrame) -> Figure:
    """Stacked bars of the parts of each scenario's net, best on top."""
    rows = worth.sort_values("net", ascending=False).iloc[:MOST_NAMES].reset_index(drop=True)
    figure = Figure(figsize=(WIDTH, 1.5 + 0.32 * len(rows)), layout="constrained")
    ax = figure.subplots()
    y = np.arange(len(rows))
    parts = {name: rows[name].to_numpy(float) * (-1 if name == "cost" else 1) for name in PARTS}
    above, below = np.zeros(len(rows)), np.zeros(len(rows))
    for (name, values), colour in zip(parts.items(), (PALETTE[2], PALETTE[0], PALETTE[1]), strict=True):
        ax.barh(y, values, left=np.where(values >= 0, above, below), color=colour, height=0.62, label=PARTS[name])
        above, below = above + np.maximum(values, 0), below + np.minimum(values, 0)
    error = np.stack([rows["net"] - rows["net_low"], rows["net_high"] - rows["net"]])
    ax.errorbar(rows["net"], y, xerr=np.maximum(error, 0), fmt="D", color=INK, markersize=5, capsize=3, label="net")
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(y, [short(s) for s in rows["scenario"]])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel="thousand USD a year")
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    return figure


def groups_figure(rows: pd.DataFrame, colour: str) -> Figure:
    """Dot plot of a change by group, groupings apart from each other."""
    figure = Figure(figsize=(WIDTH, 1.2 + 0.27 * len(rows) + 0.15 * rows["grouping"].nunique()), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)
    ax = figure.subplots()
    step = rows["grouping"].ne(rows["grouping"].shift()).cumsum().to_numpy()
    y = np.arange(len(rows)) + 0.6 * step
    error = np.stack([rows["difference"] - rows["low"], rows["high"] - rows["difference"]]).astype(float)
    ax.errorbar(rows["difference"], y, xerr=np.nan_to_num(error), fmt="o", color=colour, capsize=3, markersize=5)
    ax.axvline(0, color=QUIET, linewidth=1)
    ax.set_yticks(y, [f"{r.grouping}: {r.group}" for r in rows.itertuples()])
    ax.tick_params(axis="y", labelsize=8.5)
    ax.set(ylim=(y[-1] + 0.7, y[0] - 0.7), xlabel="change of burnout risk (points)")
    ax.xaxis.set_major_locator(MaxNLocator(7))
    ax.grid(axis="y", visible=False)
    return figure
