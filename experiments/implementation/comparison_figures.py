"""Figures of a comparison: two overlapping circles for two sources, an UpSet plot for any number."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from scipy.optimize import brentq

from experiments.figures import INK, PALETTE, QUIET, WIDTH, short
from experiments.implementation.comparison import Comparison

MOST_REGIONS = 30  # combinations drawn in an UpSet plot


def venn(comparison: Comparison) -> Figure:
    """Two circles whose areas, and whose overlap, are in proportion to the counts."""
    if len(comparison.sources) != 2:
        raise ValueError(f"venn: met {len(comparison.sources)} sources, expected 2")
    left, right = comparison.sources
    both = int(comparison.regions.get(f"{left} + {right}", 0))
    radii = np.sqrt([comparison.size(left) / np.pi, comparison.size(right) / np.pi])
    gap = _distance(*radii, both)
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    ax = figure.subplots()
    for x, radius, colour in ((0.0, radii[0], PALETTE[0]), (gap, radii[1], PALETTE[1])):
        ax.add_patch(Circle((x, 0), radius, facecolor=colour, alpha=0.35, edgecolor=colour, linewidth=1.5))
    edges = (-radii[0], gap - radii[1], radii[0], gap + radii[1])
    places = ((edges[0] + edges[1]) / 2, (edges[1] + edges[2]) / 2, (edges[2] + edges[3]) / 2)
    for x, count in zip(places, (comparison.size(left) - both, both, comparison.size(right) - both), strict=True):
        if count:
            ax.text(x, 0, str(count), ha="center", va="center", fontsize=17, color=INK)
    top = max(radii) * 1.08
    for x, name, side in ((edges[0], left, "left"), (edges[3], right, "right")):
        size = comparison.size(name)
        ax.text(x, top, f"{textwrap.fill(short(name), 24)}\n{size} challenges", ha=side, va="bottom", color=INK)
    ax.text(places[1], -top, "shared", ha="center", va="top", color=QUIET)
    ax.set(xlim=(edges[0] - 0.3, edges[3] + 0.3), ylim=(-top * 1.12, top * 1.35), aspect="equal")
    ax.axis("off")
    return figure


def _distance(a: float, b: float, overlap: float) -> float:
    """Distance of two circles' centres of radii a and b at which they share ``overlap`` of area."""
    if overlap <= 0:
        return 1.05 * (a + b)
    if overlap >= np.pi * min(a, b) ** 2 * (1 - 1e-9):
        return abs(a - b)

    def shared(d: float) -> float:
        angle_a = np.arccos(np.clip((d * d + a * a - b * b) / (2 * d * a), -1, 1))
        angle_b = np.arccos(np.clip((d * d + b * b - a * a) / (2 * d * b), -1, 1))
        kite = 0.5 * np.sqrt(max((a + b - d) * (d + a - b) * (d - a + b) * (d + a + b), 0.0))
        return float(a * a * angle_a + b * b * angle_b - kite)

    return float(brentq(lambda d: shared(d) - overlap, abs(a - b) + 1e-9, a + b - 1e-9))


def upset(comparison: Comparison) -> Figure:
    """UpSet plot (Lex et al. 2014): a column for each combination of sources, its size above its dots."""
    regions = comparison.regions.sort_values(ascending=False, kind="stable").iloc[:MOST_REGIONS]
    names = list(comparison.sources)
    figure = Figure(figsize=(WIDTH, 2.6 + 0.34 * len(names)), layout="constrained")
    bars, dots = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 0.36 * len(names)))
    x = np.arange(len(regions))
    bars.bar(x, regions.to_numpy(), width=0.6, color=PALETTE[0])
    for at, count in zip(x, regions, strict=True):
        bars.text(at, count, str(count), ha="center", va="bottom", color=INK)
    bars.set(ylabel="challenges")
    bars.margins(y=0.14)
    bars.grid(axis="x", visible=False)
    for at, region in zip(x, regions.index, strict=True):
        there = [i for i, name in enumerate(names) if name in str(region).split(" + ")]
        dots.plot([at] * len(names), range(len(names)), "o", color="#dddddd", markersize=8)
        dots.plot([at] * len(there), there, "o-", color=INK, markersize=8)
    dots.set_yticks(range(len(names)), [f"{short(name)} ({comparison.size(name)})" for name in names])
    dots.set(ylim=(len(names) - 0.5, -0.5), xlim=(-0.6, len(regions) - 0.4), xticks=[])
    dots.grid(visible=False)
    return figure


def themes(comparison: Comparison) -> Figure:
    """Challenges by theme, stacked by the combination of sources that found them."""
    cells = comparison.by_theme.drop(index="all", columns="all")
    figure = Figure(figsize=(WIDTH, 1.5 + 0.38 * len(cells)), layout="constrained")
    ax = figure.subplots()
    y, start = np.arange(len(cells)), np.zeros(len(cells))
    for number, region in enumerate(cells.columns[:MOST_REGIONS]):
        values = cells[region].to_numpy()
        ax.barh(y, values, left=start, color=PALETTE[number % len(PALETTE)], label=str(region))
        for at, value, left in zip(y, values, start, strict=True):
            if value:
                ax.text(left + value / 2, at, str(value), ha="center", va="center", color="white", fontsize=9)
        start = start + values
    ax.set_yticks(y, list(cells.index))
    ax.set(xlabel="challenges", ylim=(len(cells) - 0.4, -0.6))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return figure
