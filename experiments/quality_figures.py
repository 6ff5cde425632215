"""The figures of the quality report: coverage calendar, latency, and failing sensors over time."""

from __future__ import annotations

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from calibration.event_log import LATE_HOURS
from experiments.figures import INK, PALETTE, QUIET, WIDTH, short

MOST_COLUMNS = 400  # days drawn one by one; a longer log is drawn by week
MOST_SENSORS = 40  # failing sensors drawn in one figure
FEW = "#c9b37e"  # a hidden cell
SHARES = ListedColormap(["#ffffff", *sns.light_palette(PALETTE[0], 6).as_hex()[1:]])
LEAST_HOURS = 0.01  # of a logarithmic axis: half a minute
TICKS = {1 / 60: "1 min", 1 / 6: "10 min", 1.0: "1 h", 6.0: "6 h", 24.0: "1 d", 168.0: "1 week", 720.0: "30 d",
         8766.0: "1 year", 87_660.0: "10 years"}  # fmt: skip


def coverage_calendar(covered: pd.DataFrame, smallest_cell: int) -> Figure:
    """Share of each stream's people observed on each day; NA: too few to be shown."""
    hidden = covered.isna()
    number = covered.astype("Float64").fillna(0.0).astype(float)
    share = number.div(number.max(axis=1).clip(lower=1), axis=0)
    per = "day"
    if share.shape[1] > MOST_COLUMNS:
        per = "week"
        week = pd.DatetimeIndex(share.columns).to_period("W").start_time
        share, hidden = (
            share.T.groupby(week).mean().T,
            hidden.T.groupby(week).any().T & (share.T.groupby(week).sum().T == 0),
        )
    figure = Figure(figsize=(WIDTH, 1.5 + 0.42 * len(share)), layout="constrained")
    ax = figure.subplots()
    step = np.timedelta64(1 if per == "day" else 7, "D")
    days = pd.DatetimeIndex(share.columns).to_numpy()
    edges = mdates.date2num(np.append(days, days[-1] + step))
    drawn = ax.pcolormesh(edges, np.arange(len(share) + 1), share.to_numpy(), cmap=SHARES, vmin=0, vmax=1)
    few = np.ma.masked_where(~hidden.to_numpy(), hidden.to_numpy(float))
    ax.pcolormesh(edges, np.arange(len(share) + 1), few, cmap=ListedColormap([FEW]))
    ax.set_yticks(np.arange(len(share)) + 0.5, [str(name) for name in share.index])
    ax.invert_yaxis()
    ax.grid(visible=False)
    _dates(ax)
    ax.set_title(f"Share of each stream's people observed, by {per}")
    figure.colorbar(drawn, ax=ax, ticks=[0, 0.5, 1], label="share of the most people", aspect=12)
    if hidden.to_numpy().any():
        ax.legend(handles=[Patch(color=FEW, label=f"fewer than {smallest_cell} people")], frameon=False,
                  loc="upper left", bbox_to_anchor=(0, -0.16), fontsize=8.5)  # fmt: skip
    return figure


def latency(streams: pd.DataFrame) -> Figure:
    """Median, ninth decile and longest time from measurement to receipt, by stream."""
    figure = Figure(figsize=(WIDTH, 1.3 + 0.36 * len(streams)), layout="constrained")
    ax = figure.subplots()
    y = np.arange(len(streams))
    hours = {name: streams[name].clip(lower=LEAST_HOURS) for name in
             ("median_hours", "ninth_decile_hours", "longest_hours")}  # fmt: skip
    ax.hlines(y, hours["ninth_decile_hours"], hours["longest_hours"], color=QUIET, linewidth=1)
    ax.hlines(y, hours["median_hours"], hours["ninth_decile_hours"], color=PALETTE[0], linewidth=4)
    ax.plot(
        hours["median_hours"], y, "o", color=PALETTE[0], label="median; thick: up to nine in ten; thin: the longest"
    )
    ax.axvline(LATE_HOURS, color=INK, linewidth=1, linestyle="--", label=f"late: {LATE_HOURS:.0f} hours")
    ax.set(xscale="log", xlabel="time from measured to received", ylim=(len(streams) - 0.4, -0.6))
    least, most = hours["median_hours"].min(), max(LATE_HOURS, hours["longest_hours"].max())
    shown = {h: text for h, text in TICKS.items() if least / 6 <= h <= 6 * most}
    ax.set_xticks(list(shown), list(shown.values()))
    ax.set_xticks([], minor=True)
    ax.set_yticks(y, list(streams["stream"]))
    ax.grid(axis="y", visible=False)
    ax.legend(frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(0, -0.22), ncols=2)
    return figure


def failing_sensors(failures: pd.DataFrame) -> Figure:
    """When which sensor failed, newest first: a bar from since to until, an arrow where it goes on."""
    rows = failures.head(MOST_SENSORS).reset_index(drop=True)
    faults = list(dict.fromkeys(failures["fault"]))
    colour = {fault: PALETTE[i % len(PALETTE)] for i, fault in enumerate(faults)}
    figure = Figure(figsize=(WIDTH, 1.3 + 0.26 * max(len(rows), 2)), layout="constrained")
    ax = figure.subplots()
    for y, row in enumerate(rows.itertuples()):
        since, until = mdates.date2num(row.since), mdates.date2num(row.until) + 1
        ax.barh(y, until - since, left=since, height=0.6, color=colour[row.fault])
        if row.goes_on:
            ax.plot(until, y, ">", color=colour[row.fault], markersize=6)
    ax.set_yticks(range(len(rows)), [short(f"{row.who} {row.measure or row.stream}") for row in rows.itertuples()])
    ax.set(ylim=(len(rows) - 0.4, -0.6))
    ax.tick_params(axis="y", labelsize=8)
    ax.grid(axis="y", visible=False)
    _dates(ax)
    ax.legend(handles=[Patch(color=colour[fault], label=fault) for fault in faults], frameon=False, fontsize=8.5)
    return figure


def _dates(ax: Axes) -> None:
    ax.xaxis_date()
    locator = mdates.AutoDateLocator(minticks=3, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
