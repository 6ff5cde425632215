"""The Twin page: everybody's risk, what lies ahead and why, alerts, how fresh the data are; or only groups."""

from __future__ import annotations

import functools
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import solara

from calibration.suppression import hide_small_groups
from calibration.twin import TwinReport, open_twin
from experiments.server.clinic import Lines
from experiments.server.served import served
from experiments.server.widgets import Choice, Heading, Table, Waiting, Words, percent, use_work

BANDS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of risk, as groups are shown
STALE_DAYS = {"survey": 100}  # a quarterly survey is not stale sooner (assumed)
STALE_AFTER_DAYS = 7  # any other stream (assumed)
MOST_DRIVERS, DAYS_SHOWN = 8, 120
LOOK_SECONDS = 5.0  # between looks at the folder
HIDDEN = "fewer than the smallest group shown"


@solara.component_vue("vue/risks.vue")
def Risks(rows: list[dict[str, Any]], chosen: str = "", event_pick: Any = None) -> None:
    """Bars of risk."""


def stamp_of(folder: Path) -> int:
    """When a twin's folder was changed last, in nanoseconds; 0 if it is not there."""
    return max((path.stat().st_mtime_ns for path in folder.glob("*")), default=0) if folder.is_dir() else 0


def read(folder: Path) -> TwinReport:
    """The twin, read again only when it has changed, once for all who look."""
    return _read(folder, stamp_of(folder))


@functools.lru_cache(maxsize=2)
def _read(folder: Path, stamp: int) -> TwinReport:
    return open_twin(folder)


@solara.component
def TwinPage() -> None:
    """The page."""
    solara.Title("Twin")
    Heading("The twin: who is at risk, and why", 1)
    folder = served().twin
    if folder is None:
        Words("None is served: `clinictwin twin LOG --out TWIN` begins one, `clinictwin serve --twin TWIN` shows it.")
    else:
        Reading(folder)


@solara.component
def Reading(folder: Path) -> None:
    """The twin, once it is read, and again when a process that follows a log has changed it."""
    again, set_again = solara.use_state(0)
    last = solara.use_ref(None)

    def watch(cancelled: threading.Event) -> None:
        seen = stamp_of(folder)
        while not cancelled.wait(LOOK_SECONDS):
            now = stamp_of(folder)
            if now != seen:
                seen = now
                set_again(lambda number: number + 1)

    solara.use_thread(watch, dependencies=[folder], intrusive_cancel=False)
    work = use_work(lambda tell: read(folder), [folder, again])
    last.current = work.value or last.current
    Waiting(work, "Reading the twin")
    if last.current is not None:
        Told(last.current)


@solara.component
def Told(report: TwinReport) -> None:
    """What the twin tells."""
    only_groups = served().groups_only
    shown, set_shown = solara.use_state("groups" if only_groups else "people")
    ranked = report.risk[report.risk["filled"]].sort_values("risk", ascending=False)
    chosen, set_chosen = solara.use_state(str(ranked["who"].iloc[0]) if len(ranked) else "")
    Words(
        f"As of {report.plan.date(report.day)}: {len(ranked)} of {len(report.risk)} posts filled. Risk is the chance "
        "of level 3 or more on the single-item burnout scale. It is for arranging work; it must not be used to judge, "
        "rank, hire, pay or dismiss anybody, nor as a diagnosis."
    )
    with solara.Div(classes=["ct-card"]):
        if not only_groups:
            Choice("Show", [("people", "each physician"), ("groups", "groups only")], shown, set_shown)
        if shown == "groups" or only_groups:
            Groups(report)
        else:
            Risks(rows=risk_rows(report, ranked), chosen=chosen, event_pick=lambda who: pick(who, ranked, set_chosen))
    if shown == "people" and not only_groups and chosen:
        OnePhysician(report, chosen)
    Alerts(report, only_groups or shown == "groups")
    Freshness(report)


def pick(who: Any, ranked: pd.DataFrame, act: Any) -> None:
    """Choose somebody who is in the table."""
    if who in set(ranked["who"]):
        act(who)


def risk_rows(report: TwinReport, ranked: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of the bars, highest risk first."""
    soonest = report.forecast[report.forecast["months"] == report.forecast["months"].min()] \
        if len(report.forecast) else pd.DataFrame(columns=["who", "flag"])  # fmt: skip
    flags = dict(zip(soonest["who"], soonest["flag"].fillna(""), strict=True))
    return [
        {"who": r.who, "risk": 100 * r.risk, "low": 100 * r.low, "high": 100 * r.high, "flag": flags.get(r.who, ""),
         "text": f"{100 * r.risk:.0f} % ({100 * r.low:.0f}-{100 * r.high:.0f})", "change": points(r.change)}
        for r in ranked.itertuples()
    ]  # fmt: skip


def points(change: float) -> str:
    """A change of risk in words that show its direction without colour."""
    return "no change" if abs(change) < 5e-4 else f"{'▲' if change > 0 else '▼'} {abs(100 * change):.1f} points"


def group_table(report: TwinReport, smallest: int) -> pd.DataFrame:
    """Physicians by band of risk, and their mean; small groups, and what would give them away, are NA."""
    filled = report.risk[report.risk["filled"]]
    band = pd.cut(filled["risk"], BANDS, include_lowest=True, labels=[
        f"{100 * a:.0f}-{100 * b:.0f} %" for a, b in pairwise(BANDS)
    ])  # fmt: skip
    table = filled.groupby(band, observed=False)["risk"].agg(people="size", mean="mean").reset_index(names="risk")
    return hide_small_groups(table, "people", ["mean"], smallest=smallest)


@solara.component
def Groups(report: TwinReport) -> None:
    """How many physicians are in each band of risk."""
    smallest = served().smallest_cell
    table = group_table(report, smallest)
    rows = [
        [r.risk, HIDDEN if pd.isna(r.people) else int(r.people), "" if pd.isna(r.mean) else percent(float(r.mean))]
        for r in table.itertuples()
    ]
    Table(["Risk", "Physicians", "Mean risk"], rows, numbers=(1, 2))
    Words(f"Groups of fewer than {smallest} people, and those that would give them away, are not shown.", hint=True)


@solara.component
def OnePhysician(report: TwinReport, who: str) -> None:
    """One physician's forecast, drivers and course."""
    course = report.days.sel(who=who).isel(day=slice(-DAYS_SHOWN, None))
    with solara.Div(classes=["ct-card"]):
        Heading(str(who))
        with solara.Div(classes=["ct-two"]):
            with solara.Div():
                Heading("What lies ahead if nothing is changed", 3)
                ahead = report.forecast[report.forecast["who"] == who] if len(report.forecast) else report.forecast
                if len(ahead):
                    rows = [
                        [f"{r.months} month{'s' if r.months > 1 else ''} ({r.date})",
                         percent(r.risk), f"{percent(r.low)} to {percent(r.high)}",
                         percent(r.stays)]
                        for r in ahead.itertuples()
                    ]  # fmt: skip
                    Table(["Horizon", "Risk", "5 to 95 %", "Still here"], rows, numbers=(1, 2, 3))
                else:
                    Words("No forecast was made yet: `clinictwin forecast TWIN`.", hint=True)
            with solara.Div():
                Heading("What raises or lowers it most, against the usual", 3)
                drivers = report.drivers[report.drivers["who"] == who] if len(report.drivers) else report.drivers
                if len(drivers):
                    rows = [
                        [r.driver.replace("_", " "), points(r.contribution), f"{r.value:.3g}", f"{r.typical:.3g}"]
                        for r in drivers.head(MOST_DRIVERS).itertuples()
                    ]
                    Table(["Driver", "Risk in a month", "Here", "Usual"], rows, numbers=(1, 2, 3))
                else:
                    Words("Drivers come with a forecast.", hint=True)
        risk, low, high = (np.round(100 * course[n].values, 1).tolist() for n in ("risk", "risk_low", "risk_high"))
        Lines(series=[{"label": "Risk so far, with 5 to 95 %", "unit": "%", "values": risk, "low": low, "high": high}],
              marks=[])  # fmt: skip


@solara.component
def Alerts(report: TwinReport, without_names: bool) -> None:
    """Sensors that fail and measures that drift, active ones first."""
    alerts = report.alerts
    if without_names:
        alerts = alerts[alerts["who"] == ""]
    with solara.Div(classes=["ct-card"]):
        Heading("Alerts")
        if not len(alerts):
            Words("None: no sensor is disbelieved, and the clinic does what the twin expects.")
            return
        state = lambda r: "active" if r.active else f"over since {r.ended}"  # noqa: E731
        rows = [[r.kind, r.message, r.alarmed, state(r)] for r in alerts.itertuples()]
        Table(["Kind", "What", "Alarm on", "State"], rows, tones=["bad" if a else "" for a in alerts["active"]])


@solara.component
def Freshness(report: TwinReport) -> None:
    """How old each stream's last value is, over the filled posts."""
    rows, tones = [], []
    there = report.freshness[report.freshness["who"].isin(report.risk.loc[report.risk["filled"], "who"])]
    for stream, group in there.groupby("stream", sort=False):
        behind = pd.to_numeric(group["days_behind"], errors="coerce")
        limit = STALE_DAYS.get(str(stream), STALE_AFTER_DAYS)
        stale = int((behind.isna() | (behind > limit)).sum())
        newest = "never" if behind.isna().all() else f"{behind.min():.0f} days"
        state = "fresh" if not stale else f"older than {limit} days for {stale} of {len(group)}"
        rows.append([stream, newest, "never" if behind.isna().all() else f"{behind.median():.0f} days", state])
        tones.append("bad" if stale else "")
    with solara.Div(classes=["ct-card"]):
        Heading("How fresh the data are")
        Table(["Stream", "Newest value", "Median", "State"], rows, numbers=(1, 2), tones=tones)
        counts = report.account.groupby("became", sort=False)["observations"].sum()
        Words("Observations: " + ", ".join(f"{n:,} {became}" for became, n in counts.items() if n) + ".", hint=True)
