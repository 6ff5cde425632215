"""Figures of impact: tornado of losses, heat map of interactions, groups, and what is bought back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.figures import INK, PALETTE, QUIET, WIDTH, house_style, short
from experiments.implementation.catalogue import COMMUNITIES

MOST_BARS = 25
COLOURS = dict(zip(COMMUNITIES, (PALETTE[0], PALETTE[1], PALETTE[2]), strict=True))


def tornado(ranking: pd.DataFrame) -> Figure:
    """Share of the promise lost by challenge: typical (solid) and severe (pale), coloured by who knows of it."""
    rows = ranking.head(MOST_BARS)
    with house_style():
        figure = Figure(figsize=(WIDTH + 1, 1.7 + 0.27 * len(rows)), layout="constrained")
        ax = figure.subplots()
        y = np.arange(len(rows))
        colours = [COLOURS[community] for community in rows["community"]]
        ax.barh(y, rows["severe_lost"], color=colours, alpha=0.35, height=0.75)
        ax.barh(y, rows["typical_lost"], color=colours, height=0.45)
        for name, size in (("severe", 1.0), ("typical", 1.6)):
            ends = [rows[f"{name}_lost"] - rows[f"{name}_low"], rows[f"{name}_high"] - rows[f"{name}_lost"]]
            if np.isfinite(ends).all():
                ax.errorbar(rows[f"{name}_lost"], y, xerr=ends, fmt="none", ecolor=INK, elinewidth=size)
        ax.set_yticks(y, [short(label) for label in rows["label"]], fontsize=9)
        ax.set(
            xlabel="share of the promised reduction lost (%): solid typical, pale severe strength",
            ylim=(len(rows) - 0.4, -0.6),
        )
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.grid(axis="y", visible=False)
        handles = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)
    return figure


def interactions(pairs: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Heat map of pairs: together minus the sum of both alone, in points of the share lost."""
    keys = list(dict.fromkeys([*pairs["first"], *pairs["second"]]))
    grid = np.full((len(keys), len(keys)), np.nan)
    for row in pairs.itertuples():
        i, j = sorted((keys.index(row.first), keys.index(row.second)))
        grid[j, i] = row.interaction
    with house_style():
        figure = Figure(figsize=(WIDTH + 1, 2.2 + 0.5 * len(keys)), layout="constrained")
        ax = figure.subplots()
        most = max(float(np.nanmax(np.abs(grid))), 1e-9)
        image = ax.imshow(grid[1:, :-1], cmap="RdBu_r", vmin=-most, vmax=most)
        for (i, j), value in np.ndenumerate(grid[1:, :-1]):
            if np.isfinite(value):
                ax.text(
                    j,
                    i,
                    f"{value:+.0f}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="white" if abs(value) > 0.6 * most else INK,
                )
        names = [short(labels[key]) for key in keys]
        ax.set_yticks(range(len(keys) - 1), names[1:], fontsize=9)
        ax.set_xticks(range(len(keys) - 1), names[:-1], fontsize=9, rotation=35, ha="right")
        ax.grid(visible=False)
        figure.colorbar(image, ax=ax, label="together minus sum of both alone\n(% of the promise)", shrink=0.8)
    return figure


def groups_figure(groups: pd.DataFrame) -> Figure:
    """Themes and communities: mean loss of one challenge, and of all together."""
    with house_style():
        figure = Figure(figsize=(WIDTH + 1, 1.6 + 0.36 * len(groups)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        y = np.arange(len(groups))
        left.barh(y, groups["mean_lost"], color=PALETTE[0], height=0.6)
        left.set(xlabel="mean loss of one (%)", ylim=(len(groups) - 0.4, -0.6))
        right.barh(y, groups["together_lost"], color=PALETTE[1], height=0.6)
        right.axvline(100, color=QUIET, linewidth=1, linestyle="--")
        right.set(xlabel="loss of all together (%)")
        names = [f"{row.group} ({row.mapped})" for row in groups.itertuples()]
        left.set_yticks(y, names, fontsize=9)
        for ax in (left, right):
            ax.grid(axis="y", visible=False)
    return figure


def bought_back_figure(
    table: pd.DataFrame,
    name: str,
    value: str = "bought_back",
    low: str = "low",
    high: str = "high",
    unit: str = "points of burnout risk bought back, first year",
) -> Figure:
    """What is bought back, with intervals, one row a line of the table."""
    rows = table.head(MOST_BARS)
    with house_style():
        figure = Figure(figsize=(WIDTH, 1.3 + 0.3 * max(len(rows), 2)), layout="constrained")
        ax = figure.subplots()
        y = np.arange(len(rows))
        ends = np.array([rows[value] - rows[low], rows[high] - rows[value]])
        ax.barh(y, rows[value], color=PALETTE[2], height=0.6)
        if np.isfinite(ends).all():
            ax.errorbar(rows[value], y, xerr=ends, fmt="none", ecolor=INK, elinewidth=1.2)
        ax.set_yticks(y, [short(str(label)) for label in rows[name]], fontsize=9)
        ax.set(xlabel=unit, ylim=(len(rows) - 0.4, -0.6))
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.grid(axis="y", visible=False)
    return figure
