"""Figures of a fit beside the truth, where the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration.diagnostics.recovery import recovered_parameters, recovered_traits
from calibration.fit_result import Fit
from calibration.simulated import SimulatedClinic
from experiments.figures import PALETTE, QUIET, WIDTH, short

TRAIT_COLUMNS = 3


def recovery(found: Fit, truth: SimulatedClinic) -> Figure:
    """Estimates against the truth: population parameters on their prior's scale, physicians' traits, and their risk."""
    parameters, traits = recovered_parameters(found, truth), recovered_traits(found, truth)
    effects = list(dict.fromkeys(traits["effect"]))
    rows = -(-(len(effects) + 1) // TRAIT_COLUMNS)
    above = 1.4 + 0.24 * len(parameters)
    figure = Figure(figsize=(WIDTH, above + 2.5 * rows), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[above, 2.5 * rows])
    _parameters(top.subplots(), parameters)
    panels = bottom.subplots(rows, TRAIT_COLUMNS, squeeze=False).ravel()
    for ax, effect in zip(panels, effects, strict=False):
        _against_truth(ax, traits[traits["effect"] == effect], effect, "standard deviations")
    risk = found.risk.assign(estimate=100 * found.risk["risk"], truth=100 * truth.risk)
    risk = risk.assign(low=100 * risk["low"], high=100 * risk["high"])
    _against_truth(panels[len(effects)], risk, "burnout risk", "%")
    for ax in panels[len(effects) + 1 :]:
        ax.remove()
    return figure


def _parameters(ax: Axes, table: pd.DataFrame) -> None:
    rows = table.sort_values("contraction", ascending=False).reset_index(drop=True)
    width = rows["prior_high"] - rows["prior_low"]
    scaled = {name: (rows[name] - rows["prior_low"]) / width for name in ("estimate", "low", "high", "truth")}
    y = np.arange(len(rows))
    ax.hlines(y, 0, 1, color="#cfcfcf", linewidth=7)
    ax.hlines(y, scaled["low"], scaled["high"], color=PALETTE[0], linewidth=2.5, label="90 % interval")
    ax.plot(scaled["estimate"], y, "o", color=PALETTE[0], markersize=5, label="estimate")
    ax.plot(scaled["truth"], y, "D", color=PALETTE[1], markersize=5, label="truth")
    ax.set_yticks(y, [short(name) for name in rows["name"]])
    ax.set_xticks([0, 0.5, 1], ["prior's low end", "middle", "prior's high end"])
    covered = int(rows["covers"].sum())
    ax.set(ylim=(len(rows) - 0.4, -0.6), title=f"Population: {covered} of {len(rows)} intervals hold the truth")
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=3, frameon=False)


def _against_truth(ax: Axes, rows: pd.DataFrame, title: str, unit: str) -> None:
    lengths = np.abs(np.stack([rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]]))
    ax.errorbar(rows["truth"], rows["estimate"], yerr=lengths, fmt="o", color=PALETTE[0], markersize=3, elinewidth=0.6)
    ends = [min(rows["truth"].min(), rows["low"].min()), max(rows["truth"].max(), rows["high"].max())]
    ax.plot(ends, ends, color=QUIET, linewidth=1, linestyle="--")
    ax.set_title(title)
    ax.set_xlabel(f"truth ({unit})", fontsize=8.5)
    ax.set_ylabel(f"estimate ({unit})", fontsize=8.5)
