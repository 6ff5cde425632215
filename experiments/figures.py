"""The figures of a report: each function draws one table of `experiments.effects` and computes nothing of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from abm.interventions import KINDS
from experiments.effects import BASELINE, HIGHER, LOWER, PART_TIME

WIDTH = 8.0  # inches
LABEL_CHARACTERS = 34
MOST_LINES = 6  # families drawn in colour over time; the rest is grey
MOST_ROWS = 60  # physicians drawn in one figure
MOST_NAMES = 30  # scenarios named in one figure
INK, QUIET = "#222222", "#8a8a8a"
# of seaborn's ten colours those that show on white; a second round of them takes another mark
PALETTE = tuple(c for i, c in enumerate(sns.color_palette("colorblind").as_hex()) if i not in (6, 7, 8))
MARKS = "osD^vP"
STYLE = {
    "font.size": 10, "axes.titlesize": 10.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.edgecolor": "#666666", "grid.color": "#e3e3e3", "axes.spines.top": False, "axes.spines.right": False,
    "text.parse_math": False,  # names come from configs: a dollar sign is a dollar sign
    "svg.hashsalt": "clinictwin", "figure.dpi": 100,
}  # fmt: skip


@contextmanager
def house_style() -> Iterator[None]:
    """Seaborn's white grid and a palette that colour-blind readers can tell apart, for the figures made inside."""
    with sns.axes_style("whitegrid"), sns.plotting_context("notebook"), matplotlib.rc_context(STYLE):
        yield


def short(name: str) -> str:
    """A name as it is printed in a figure: one line; where it is too long, both ends (the dose is at the end)."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    half = LABEL_CHARACTERS // 2
    return line if len(line) <= LABEL_CHARACTERS else f"{line[: half - 1].rstrip()}…{line[-half:].lstrip()}"


class Look(NamedTuple):
    """Colour and mark of a scenario."""

    colour: str
    mark: str


def looks(facts: pd.DataFrame) -> dict[str, Look]:
    """A look for each scenario, the same for all doses of a family, different between families; ink: the baseline."""
    families = [f for f in dict.fromkeys(facts["family"]) if f != BASELINE]
    pick = lambda i: Look(PALETTE[i % len(PALETTE)], MARKS[i // len(PALETTE) % len(MARKS)])  # noqa: E731
    of_family = {f: pick(i) for i, f in enumerate(families)} | {BASELINE: Look(INK, "o")}
    return {row.scenario: of_family[row.family] for row in facts.itertuples()}


def _errors(frame: pd.DataFrame, middle: str = "difference", low: str = "low", high: str = "high") -> np.ndarray:
    errors = np.stack([frame[middle] - frame[low], frame[high] - frame[middle]])
    return np.nan_to_num(errors.astype(float))  # no interval is drawn where there is none


def differences(panels: Mapping[str, pd.DataFrame], look: Mapping[str, Look], axis: str) -> Figure:
    """Forest plot: difference to the baseline by scenario, a panel for each measure, scenarios in the first's order.

    Filled marks have an interval without zero. ``axis`` names the differences' axis, with unit.
    """
    first = next(iter(panels.values())).query("scenario != @BASELINE").sort_values("difference", na_position="last")
    order = list(first["scenario"])
    figure = Figure(figsize=(WIDTH, 1.3 + 0.3 * max(len(order), 2)), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
    for ax, (title, frame) in zip(axes, panels.items(), strict=True):
        rows = frame.set_index("scenario").loc[order].reset_index()
        errors = _errors(rows)
        for y, row in enumerate(rows.itertuples()):
            colour, mark = look[row.scenario]
            clear = row.verdict in (LOWER, HIGHER)
            ax.errorbar(row.difference, y, xerr=errors[:, y : y + 1], color=colour, elinewidth=2, capsize=4,
                        marker=mark, markersize=5.5, markerfacecolor=colour if clear else "white",
                        markeredgewidth=1.5)  # fmt: skip
        ax.axvline(0, color=INK, linewidth=1)
        ax.set(title=title, xlabel=axis, ylim=(len(order) - 0.4, -0.6))
        ax.set_yticks(range(len(order)), [short(s) for s in order])
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.grid(axis="y", visible=False)
    return figure


def dose_response(frame: pd.DataFrame, look: Mapping[str, Look], axis: str) -> Figure | None:
    """Difference to the baseline against dose, a panel for each family of several doses; None if there is no such."""
    doses = frame[frame["dose"].notna() & (frame["scenario"] != BASELINE)]
    families = [f for f, group in doses.groupby("family", sort=False) if group["dose"].nunique() > 1]
    if not families:
        return None
    columns = 2 if len(families) in (2, 4) else min(3, len(families))
    rows = -(-len(families) // columns)
    figure = Figure(figsize=(WIDTH if columns > 1 else 5.0, 2.9 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for ax, family in zip(grid.flat, families, strict=False):
        group = doses[doses["family"] == family].sort_values("dose")
        colour, mark = look[group["scenario"].iloc[0]]
        x, y = [0.0, *group["dose"]], [0.0, *group["difference"]]
        ax.plot(x, y, color=colour, linewidth=1.5)
        ax.errorbar(group["dose"], group["difference"], yerr=_errors(group), color=colour, fmt=mark, capsize=3)
        ax.plot(0, 0, "o", color="white", markeredgecolor=INK, zorder=3)
        ax.axhline(0, color=INK, linewidth=1)
        kind = KINDS.get(group["kind"].iloc[0])
        unit = textwrap.fill(f"dose ({kind.dose_unit})" if kind else "dose", 34)
        ax.set(title=textwrap.fill(short(family), 66 // columns), xlabel=unit, xlim=(-0.04 * max(x), None))
        ax.xaxis.set_major_locator(MaxNLocator(5))
    for ax in grid[:, 0]:
        ax.set_ylabel(textwrap.fill(axis, 26))
    for ax in list(grid.flat)[len(families) :]:
        ax.remove()
    return figure


def lines_in_colour(facts: pd.DataFrame, ranking: pd.DataFrame) -> list[str]:
    """Which scenarios to draw in colour over time: of each family the one that moves the measure most, at most six."""
    frame = facts[["scenario", "family"]].merge(ranking[["scenario", "difference"]], on="scenario")
    frame = frame[(frame["scenario"] != BASELINE) & frame["difference"].notna()]
    frame = frame.assign(size=frame["difference"].abs()).sort_values("size", ascending=False)
    return list(frame.drop_duplicates("family")["scenario"][:MOST_LINES])


def over_time(frame: pd.DataFrame, look: Mapping[str, Look], coloured: Sequence[str],
              titles: Mapping[str, tuple[str, str]]) -> Figure:  # fmt: skip
    """Outcomes by week: a panel for each of ``titles`` (outcome -> title, axis label), lines labelled at their end."""
    shown = [o for o in titles if o in set(frame["outcome"])]
    figure = Figure(figsize=(WIDTH, 2.7 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for ax, outcome in zip(axes, shown, strict=True):
        panel = frame[frame["outcome"] == outcome]
        ends = {}
        for scenario, line in panel.groupby("scenario", sort=False):
            dot = "o" if len(line) < 2 else None
            if scenario not in coloured and scenario != BASELINE:
                ax.plot(line["week"], line["mean"], color="#c8c8c8", linewidth=1, zorder=1, marker=dot)
                continue
            colour = look[str(scenario)].colour
            dashes = "--" if scenario == BASELINE else "-" if look[str(scenario)].mark == MARKS[0] else "-."
            ax.plot(line["week"], line["mean"], color=colour, linewidth=2, linestyle=dashes, marker=dot)
            ax.fill_between(line["week"], line["low"].astype(float), line["high"].astype(float), color=colour,
                            alpha=0.15, linewidth=0)  # fmt: skip
            ends[str(scenario)] = (line["week"].iloc[-1], line["mean"].iloc[-1])
        ax.set(title=titles[outcome][0], ylabel=titles[outcome][1])
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        label_ends(ax, ends, look, 0.105)
    axes[-1].set_xlabel("weeks since the end of the warm-up (middle of each period)")
    return figure


def label_ends(ax: Any, ends: Mapping[str, tuple[float, float]], look: Mapping[str, Look], line_height: float) -> None:
    """Names to the right of the axes, joined to their points, ``line_height`` (share of the axes' height) apart."""
    known = sorted((y, x, name) for name, (x, y) in ends.items() if np.isfinite(y))
    low, high = ax.get_ylim()
    gap = (high - low) * line_height
    places = spread([y for y, _, _ in known], gap, low + gap / 3, high)
    for (y, x, name), place in zip(known, places, strict=True):
        join = {"arrowstyle": "-", "color": look[name].colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate(short(name), (x, y), xytext=(1.04, place), textcoords=ax.get_yaxis_transform(), va="center",
                    fontsize=8.5, color=INK, annotation_clip=False, arrowprops=join | {"relpos": (0, 0.5)})  # fmt: skip
    ax.set_ylim(low, high)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places nearest to ``wanted`` (ascending) by least squares, ``gap`` apart or more, between ``low`` and ``high``.

    Where they do not fit, they start at ``low`` and run over ``high``.
    """
    blocks: list[list[float]] = []  # of wanted places, each lowered by its rank times the gap
    for rank, y in enumerate(wanted):
        blocks.append([y - rank * gap])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    level = [float(np.mean(block)) for block in blocks for _ in block]
    top = high - (len(level) - 1) * gap
    return [max(low, min(y, top)) + rank * gap for rank, y in enumerate(level)]


def physicians(frame: pd.DataFrame, best: str | None, look: Mapping[str, Look]) -> Figure:
    """Dot plot: risk of each post under the baseline and under ``best``, sorted by the baseline's, with intervals."""
    baseline = frame[frame["scenario"] == BASELINE].sort_values("risk", ascending=False).iloc[:MOST_ROWS]
    order = list(baseline["physician"])
    figure = Figure(figsize=(WIDTH, 1.4 + 0.19 * max(len(order), 4)), layout="constrained")
    ax = figure.subplots()
    shown = [BASELINE] + ([best] if best else [])
    for scenario in shown:
        rows = frame[frame["scenario"] == scenario].set_index("physician").loc[order]
        y = np.arange(len(order)) + (0.0 if len(shown) == 1 else 0.14 if scenario != BASELINE else -0.14)
        colour = look[scenario].colour
        ax.hlines(y, rows["usual_low"], rows["usual_high"], color=colour, linewidth=1, alpha=0.55)
        ax.errorbar(rows["risk"], y, xerr=_errors(rows, "risk"), fmt="o", color=colour, markersize=4.5, elinewidth=2.6,
                    markerfacecolor="white" if scenario == BASELINE else colour, label=short(scenario))  # fmt: skip
    groups = dict(zip(baseline["physician"], baseline["group"], strict=True))
    ax.set_yticks(range(len(order)), [f"{w}{' · part time' if groups[w] == PART_TIME else ''}" for w in order])
    ax.tick_params(axis="y", labelsize=8)
    ax.set(xlabel="burnout risk (% chance of level 3 or more)", ylabel="physician's post", xlim=(0, 100),
           ylim=(len(order) - 0.4, -0.6))  # fmt: skip
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return figure


def who_gains(frame: pd.DataFrame, order: Sequence[str]) -> Figure | None:
    """Heat map: change of each post's risk by scenario, posts sorted by the baseline's risk; None without scenarios."""
    ranked = frame[frame["scenario"] == BASELINE].sort_values("risk", ascending=False)["physician"].iloc[:MOST_ROWS]
    table = frame.pivot(index="scenario", columns="physician", values="difference")
    table = table.reindex(index=[s for s in order if s != BASELINE], columns=list(ranked))
    if table.empty or not np.isfinite(table.to_numpy(float)).any():
        return None
    most = float(np.nanmax(np.abs(table.to_numpy(float)))) or 1.0
    figure = Figure(figsize=(WIDTH, 2.0 + 0.26 * len(table)), layout="constrained")
    ax = figure.subplots()
    sns.heatmap(
        table, ax=ax, cmap=sns.diverging_palette(245, 35, s=90, l=50, as_cmap=True), center=0, vmin=-most, vmax=most,
        linewidths=0.3, linecolor="white", rasterized=True, xticklabels=True,
        cbar_kws={"label": "change of risk (points)", "location": "top", "aspect": 50, "shrink": 0.6, "pad": 0.02},
    )  # fmt: skip
    ax.set(xlabel="physician's post, from the highest risk under the baseline to the lowest", ylabel="")
    ax.set_yticks(np.arange(len(table)) + 0.5, [short(s) for s in table.index], rotation=0)
    ax.tick_params(axis="x", labelsize=6.5, rotation=90)
    return figure


def trade_offs(wide: pd.DataFrame, look: Mapping[str, Look], panels: Mapping[str, str], vertical: str) -> Figure:
    """Change of burnout prevalence against that of other measures (column -> axis label), with both intervals.

    ``wide`` has one row a scenario, without the baseline, and the columns burned_out, burned_out_low, burned_out_high,
    and so for each panel. All panels share the height of a scenario, which is named on the right.
    """
    rows = wide[np.isfinite(wide["burned_out"])]
    height = 1.2 + max(2.8, 0.19 * min(len(rows), MOST_NAMES))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (column, label) in zip(axes, panels.items(), strict=True):
        for row in rows.to_dict("records"):
            colour, mark = look[row["scenario"]]
            ax.axhline(row["burned_out"], color=colour, linewidth=0.6, alpha=0.4, zorder=0)
            ax.errorbar(row[column], row["burned_out"], xerr=_error(row, column), yerr=_error(row, "burned_out"),
                        color=colour, fmt=mark, elinewidth=1.3, markersize=5.5)  # fmt: skip
        ax.plot(0, 0, "D", color=INK, markersize=6)
        ax.axhline(0, color="#777777", linewidth=0.8, zorder=0)
        ax.axvline(0, color="#777777", linewidth=0.8, zorder=0)
        ax.set_xlabel(textwrap.fill(label, 34))
        ax.margins(x=0.08, y=0.06)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.grid(axis="y", visible=False)
    axes[0].set_ylabel(vertical)
    named = rows.sort_values("burned_out").iloc[: MOST_NAMES - 1]
    edge = axes[-1].get_xlim()[1]
    ends = {BASELINE: (edge, 0.0)} | {r.scenario: (edge, r.burned_out) for r in named.itertuples()}
    label_ends(axes[-1], ends, look, 0.17 / (height - 1.0))
    return figure


def _error(row: dict[str, float], column: str) -> list[list[float]]:
    """Lengths below and above for one point; nothing where there is no interval."""
    ends = row[column] - row[f"{column}_low"], row[f"{column}_high"] - row[column]
    return [[e if np.isfinite(e) else 0.0] for e in ends]


def prior_to_posterior(table: pd.DataFrame) -> Figure:
    """A fit's population parameters: each posterior interval on the scale of its prior interval (0 to 1)."""
    rows = table.sort_values("contraction", ascending=False).reset_index(drop=True)
    width = (rows["prior_high"] - rows["prior_low"]).replace(0, np.nan)
    scaled = {c: (rows[c] - rows["prior_low"]) / width for c in ("estimate", "low", "high")}
    figure = Figure(figsize=(WIDTH, 1.3 + 0.25 * max(len(rows), 3)), layout="constrained")
    ax = figure.subplots()
    y = np.arange(len(rows))
    ax.hlines(y, 0, 1, color="#cfcfcf", linewidth=7)
    for informed, colour in ((True, PALETTE[0]), (False, QUIET)):
        pick = (rows["informed"].astype(bool) == informed).to_numpy()
        ax.hlines(y[pick], scaled["low"][pick], scaled["high"][pick], color=colour, linewidth=2.5,
                  label="informed by the observations" if informed else "hardly informed")  # fmt: skip
        ax.plot(scaled["estimate"][pick], y[pick], "o", color=colour, markersize=5)
    ax.set_yticks(y, [short(n) for n in rows["name"]])
    ax.set_xticks([0, 0.5, 1], ["prior's low end", "middle", "prior's high end"])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel="90 % interval of the prior (grey) and of the posterior (colour)")
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return figure


def fitted_risk(risk: pd.DataFrame) -> Figure:
    """Dot plot of physicians' fitted risk (in %) with intervals, sorted."""
    rows = risk.sort_values("risk", ascending=False).iloc[:MOST_ROWS]
    figure = Figure(figsize=(WIDTH, 1.2 + 0.19 * max(len(rows), 4)), layout="constrained")
    ax = figure.subplots()
    y = np.arange(len(rows))
    ax.errorbar(rows["risk"], y, xerr=_errors(rows, "risk"), fmt="o", color=PALETTE[0], markersize=4.5)
    ax.set_yticks(y, [short(str(w)) for w in rows["who"]])
    ax.tick_params(axis="y", labelsize=8)
    ax.set(xlabel="burnout risk (% chance of level 3 or more)", xlim=(0, 100), ylim=(len(rows) - 0.4, -0.6))
    ax.grid(axis="y", visible=False)
    return figure
