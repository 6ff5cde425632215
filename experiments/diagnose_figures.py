"""The figures of `clinictwin diagnose`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from calibration.diagnostics.ranks import RankCheck
from experiments.figures import PALETTE, QUIET, WIDTH, short

GOAL = (0.88, 0.92)  # share of 90 % intervals that should hold the truth
COLUMNS = 4
TITLE_CHARACTERS = 24  # of a line


def coverage(table: pd.DataFrame) -> Figure:
    """Share of 90 % intervals that hold the truth, with two standard errors of the clinics' chance."""
    rows = table.sort_values(["truth", "kind", "share"], kind="stable").reset_index(drop=True)
    rows = rows.assign(label=np.where(rows["name"] == "all", "all of " + rows["kind"], rows["name"]))
    labels = list(dict.fromkeys(rows["label"]))
    figure = Figure(figsize=(WIDTH, 1.2 + 0.24 * len(labels)), layout="constrained")
    ax = figure.subplots()
    ax.axvspan(*(100 * g for g in GOAL), color="#e8efe8", label="goal, 88 to 92 %")
    for k, (truth, some) in enumerate(rows.groupby("truth", sort=False)):
        y = np.array([labels.index(label) for label in some["label"]]) + 0.18 * k
        ax.errorbar(100 * some["share"], y, xerr=200 * some["standard_error"].fillna(0), fmt="oD"[k % 2],
                    color=PALETTE[k], markersize=4, elinewidth=0.8, label=f"truth: {truth}")  # fmt: skip
    ax.set_yticks(range(len(labels)), [short(label) for label in labels])
    ax.set(xlabel="intervals that hold the truth (%)", xlim=(0, 105), ylim=(len(labels) - 0.3, -0.7))
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower left", frameon=True, fontsize=8)
    return figure


def rank_bands(checks: Mapping[str, RankCheck]) -> Figure:
    """Distribution functions of the truths' ranks less their expectation, in the band of all points at once."""
    rows = -(-len(checks) // COLUMNS)
    figure = Figure(figsize=(WIDTH, 0.4 + 1.5 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
    for ax, (name, check) in zip(panels, checks.items(), strict=False):
        off = PALETTE[0] if check.inside else PALETTE[1]
        ax.fill_between(check.points, check.low - check.points, check.high - check.points, color="#e3e3e3", step="mid")
        ax.plot(check.points, check.ecdf - check.points, color=off, linewidth=1.2)
        title = textwrap.fill(name.replace("_", " ") + ("" if check.inside else " (outside)"), TITLE_CHARACTERS)
        ax.set_title(title, fontsize=7.5)
        ax.tick_params(labelsize=7)
    for ax in panels[len(checks) :]:
        ax.remove()
    figure.supxlabel("rank of the truth among posterior draws", fontsize=9)
    figure.supylabel("share below, less the rank", fontsize=9)
    return figure


def stream_value(table: pd.DataFrame) -> Figure:
    """How uncertain a physician's risk is by design of the observations."""
    rows = table.sort_values("risk_deviation", ignore_index=True)
    figure = Figure(figsize=(WIDTH, 1.0 + 0.24 * len(rows)), layout="constrained")
    ax = figure.subplots()
    y = np.arange(len(rows))
    ax.barh(y, rows["risk_deviation"], xerr=2 * rows["risk_error"], color=PALETTE[0], height=0.6,
            error_kw={"elinewidth": 0.8, "ecolor": QUIET})  # fmt: skip
    ax.plot(rows["burned_out_deviation"], y, "D", color=PALETTE[1], markersize=4, label="of being burned out")
    ax.set_yticks(y, [short(name) for name in rows["design"]])
    ax.set(xlabel="standard deviation of a physician's risk (points)",
           ylim=(len(rows) - 0.4, -0.6))  # fmt: skip
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper right", frameon=True, fontsize=8)
    return figure


def skill(table: pd.DataFrame) -> Figure:
    """Skill of forecasters against persistence, by measure, all blocks and clinics of a world together."""
    worlds = list(dict.fromkeys(table["world"]))
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    panels = figure.subplots(1, len(worlds), squeeze=False, sharey=True).ravel()
    names = [n for n in dict.fromkeys(table["forecaster"]) if n != "persistence"]
    measures = list(dict.fromkeys(table["measure"]))
    for ax, world in zip(panels, worlds, strict=True):
        here = table[table["world"] == world]
        for k, name in enumerate(names):
            mean = here[here["forecaster"] == name].groupby("measure")["skill"].mean().reindex(measures)
            y = np.arange(len(measures)) + 0.2 * (k - 1)
            ax.plot(np.maximum(mean, -3), y, "osD"[k % 3], color=PALETTE[k], markersize=5, label=name)
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.set_title(f"truth: {world}", fontsize=9)
        ax.set_yticks(range(len(measures)), [short(m) for m in measures])
        ax.grid(axis="y", visible=False)
    panels[0].invert_yaxis()
    figure.supxlabel("skill: 1 less the score over that of persistence (right is better)", fontsize=9)
    panels[-1].legend(frameon=True, fontsize=7)
    return figure
