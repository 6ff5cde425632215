"""The tables of the quality report, as printed cells: the same on the page and on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from calibration.event_log import LATE_HOURS
from calibration.stream_quality import Quality
from calibration.stream_quality.outliers import IMPOSSIBLE
from experiments.report_tables import Cell, Table

MOST_ROWS = 40  # of a table in print; its CSV file has all
CALENDAR_CHARACTERS = 100  # of a line
MARKS, FEW_MARK = " ░▒▓█", "?"
DAY_HOURS, HOUR_MINUTES = 24, 60


def shortened(frame: pd.DataFrame) -> str:
    """What a table's note says of the rows that are not printed."""
    return f"The first {MOST_ROWS} of {len(frame):,} rows. " if len(frame) > MOST_ROWS else ""


def coverage(quality: Quality) -> Table:
    """Which days each stream covers, for how many people, and its gaps."""
    rows = []
    for r in _rows(quality.streams[quality.streams["first_day"].notna()]):
        if pd.isna(r["gaps"]):
            gaps, longest = f"of {_people(r['gaps'], quality)} people", "–"
        else:
            gaps = f"{r['gaps']}, of {r['people_with_gaps']} people" if r["gaps"] else "none"
            longest = f"{r['longest_gap_days']} days" if r["gaps"] else "–"
        usual = f"{r['usual_interval_days']:.0f} d" if np.isfinite(r["usual_interval_days"]) else "–"
        rows.append([Cell(r["stream"]), Cell(_people(r["people"], quality)), Cell(f"{r['observations']:,.0f}"),
                     Cell(_day(r["first_day"]), f"to {_day(r['last_day'])}"), Cell(usual), Cell(gaps),
                     Cell(longest)])  # fmt: skip
    columns = ("Stream", "People", "Observations", "Days", "Usual interval", "Gaps", "Longest gap")
    note = (f"Calendar days in {quality.timezone}. A gap is longer than a weekend and than three usual intervals of a "
            "person's days with observations; absence is not told apart from a silent source.")  # fmt: skip
    return Table("Coverage and gaps by stream", columns, rows, "streams", note)


def calendar(quality: Quality) -> list[str]:
    """The coverage calendar in characters, a line a stream: the fuller, the more of its people were observed."""
    days = quality.covered.shape[1]
    if not days:
        return []
    step = -(-days // CALENDAR_CHARACTERS)
    width = max(len(str(stream)) for stream in quality.covered.index)
    lines = []
    for stream, people in quality.covered.iterrows():
        number = people.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        share = number / max(1.0, np.nanmax(number, initial=0.0))
        marks = [_mark(share[start : start + step]) for start in range(0, days, step)]
        lines.append(f"{stream!s:{width}} {''.join(marks)}")
    each = "a day" if step == 1 else f"{step} days"
    few = f", {FEW_MARK} fewer than {quality.smallest_cell} people" if any(FEW_MARK in line for line in lines) else ""
    return [*lines, f"{'':{width}} from {_day(quality.first_day)}, {each} a character{few}"]


def _mark(share: np.ndarray) -> str:
    """Days of one character: their mean share of people."""
    if np.isnan(share).all() or (np.isnan(share).any() and np.nansum(share) == 0):
        return FEW_MARK
    return MARKS[int(np.ceil(np.nanmean(share) * (len(MARKS) - 1)))]


def deliveries(quality: Quality) -> Table:
    """Latency, and what became of the records, by stream."""
    rows = []
    for r in _rows(quality.streams):
        late = f"{100 * r['late_share']:.1f} %" if pd.notna(r["late_share"]) else "–"
        counts = [Cell(_count(r[name])) for name in ("read", "duplicate", "corrected", "refused")]
        rows.append([Cell(r["stream"]), Cell(hours(r["median_hours"]), f"9 in 10: {hours(r['ninth_decile_hours'])}"),
                     Cell(hours(r["longest_hours"])), Cell(late), *counts,
                     Cell(_count(r["suspect"]), f"failed: {_count(r['failed'])}")])  # fmt: skip
    columns = (
        "Stream",
        "Latency, median",
        "Longest",
        "Late",
        "Read",
        "Duplicates",
        "Corrections",
        "Refused",
        "Suspect",
    )
    note = (f"Latency: elapsed time from measurement to first receipt; late: {LATE_HOURS:.0f} hours or more. Records "
            "read, duplicates, corrections and refusals are of all ingests, so a source read twice counts twice; "
            "suspect and failed are what the sources themselves say of current values.")  # fmt: skip
    return Table("Latency, duplicates and corrections by stream", columns, rows, "streams", note)


def faults(quality: Quality) -> list[Table]:
    """How many people each fault concerns."""
    rows = [[Cell(r["stream"]), Cell(r["measure"] or "the whole stream"), Cell(r["fault"]),
             Cell(_people(r["people"], quality))] for r in _rows(quality.faults)]  # fmt: skip
    columns = ("Stream", "Measure", "Fault", "People")
    return [Table("People concerned by each fault", columns, rows, "faults")] if rows else []


def failures(quality: Quality) -> list[Table]:
    """Failing sensors, one by one."""
    frame = quality.failures
    rows = []
    for r in _rows(frame.head(MOST_ROWS)):
        until = "goes on" if r["goes_on"] else f"until {_day(r['until'])}"
        value = f"{r['value']:g}" if np.isfinite(r["value"]) else "–"
        rows.append([Cell(r["who"]), Cell(r["stream"]), Cell(r["measure"] or "all"), Cell(r["fault"]),
                     Cell(_day(r["since"]), until), Cell(value)])  # fmt: skip
    columns = ("Person", "Stream", "Measure", "Fault", "Since", "Value")
    note = shortened(frame) + "Newest first. Value: what the sensor repeats."
    return [Table("Failing sensors by person", columns, rows, "failures", note)] if rows else []


def gaps(quality: Quality) -> list[Table]:
    """The longest gaps, one by one."""
    rows = [[Cell(r["who"]), Cell(r["stream"]), Cell(_day(r["first_day"]), f"to {_day(r['last_day'])}"),
             Cell(f"{r['days']:,}")] for r in _rows(quality.gaps.head(MOST_ROWS))]  # fmt: skip
    columns = ("Person", "Stream", "Without observations", "Days")
    return [Table("Gaps by person", columns, rows, "gaps", shortened(quality.gaps))] if rows else []


def outliers(quality: Quality) -> list[Table]:
    """Outliers by person and measure: how many, and the farthest."""
    frame = quality.outliers
    if frame.empty:
        return []
    counted = outliers_by_person(frame)
    rows = []
    for r in _rows(counted.head(MOST_ROWS)):
        middle = "–" if pd.isna(r["middle"]) else f"{r['middle']:.4g}"
        spreads = r["why"] if r["why"] == IMPOSSIBLE else f"{r['spreads']:+.1f} own spreads"
        rows.append([Cell(r["who"]), Cell(r["stream"]), Cell(r["measure"]), Cell(f"{r['outliers']:,}"),
                     Cell(f"{r['value']:g}", _day(r["day"])), Cell(middle), Cell(spreads)])  # fmt: skip
    columns = ("Person", "Stream", "Measure", "Outliers", "The farthest", "Own middle", "How far")
    note = shortened(counted) + "An outlier is unusual, not wrong: short days and emergencies are among them."
    return [Table("Outliers by person and measure", columns, rows, "outliers", note)]


def outliers_by_person(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a person and measure: the farthest outlier, with the number of ``outliers``; most first."""
    keys = ["who", "stream", "measure"]
    far = frame.assign(size=frame["spreads"].abs().fillna(np.inf)).sort_values("size", ascending=False, kind="stable")
    farthest = far.drop_duplicates(keys).set_index(keys)
    number = frame.groupby(keys).size().rename("outliers")
    result = farthest.join(number).reset_index().drop(columns="size")
    return result.sort_values(["outliers", *keys], ascending=[False, True, True, True], ignore_index=True)


def refusals(quality: Quality) -> list[Table]:
    """Refused records that wait, by reason."""
    rows = [[Cell(r.reason, "" if r.example == r.reason else r.example), Cell(f"{r.records:,}"),
             Cell(f"{r.sources:,}")] for r in quality.reasons[:MOST_ROWS]]  # fmt: skip
    note = "Second lines: an example. `clinictwin dead-letters` lists the records."
    return (
        [Table("Refused records by reason", ("Reason", "Records", "Sources"), rows, "refusals", note)] if rows else []
    )


def ingests(quality: Quality) -> list[Table]:
    """The newest ingests."""
    frame = quality.ingests
    rows = []
    for r in _rows(frame.iloc[::-1].head(MOST_ROWS)):
        started = r["started_at"].tz_convert(quality.timezone)
        ended = "" if pd.notna(r["finished_at"]) else "no end noted"
        counts = [Cell(_count(r[n])) for n in ("read", "new", "duplicate", "late", "corrected", "refused")]
        rows.append([Cell(r["source"]), Cell(r["kind"]), Cell(f"{started:%Y-%m-%d %H:%M}", ended), *counts])
    columns = ("Source", "Kind", "Begun", "Read", "New", "Duplicate", "Late", "Corrected", "Refused")
    note = shortened(frame) + "Newest first. No end noted: stopped, interrupted, or a retry."
    return [Table("Ingests", columns, rows, "ingests", note)] if rows else []


def drifts(quality: Quality) -> list[Table]:
    """What changed from one ingest of a source to the next."""
    rows = [[Cell(d.source), Cell(f"{d.ingest}"), Cell(d.change)] for d in quality.drifts[::-1][:MOST_ROWS]]
    columns = ("Source", "Ingest", "Changed since the ingest before")
    return [Table("Schema drift", columns, rows, "drift", "Newest first.")] if rows else []


def numbers(quality: Quality, *, people: bool) -> dict[str, pd.DataFrame]:
    """The tables' numbers, by the name of their CSV file; rows about single people only with ``people``."""
    frames = {
        "streams": quality.streams, "coverage": quality.covered.T.rename_axis("day").reset_index(),
        "faults": quality.faults, "refusals": pd.DataFrame(quality.reasons, columns=["reason", "records", "sources",
                                                                                     "example"]),
        "ingests": quality.ingests.assign(description=quality.ingests["description"].map(json.loads).map(str)),
        "drift": pd.DataFrame(quality.drifts, columns=["ingest", "source", "kind", "change"]),
    }  # fmt: skip
    if people:
        frames |= {"failures": quality.failures, "gaps": quality.gaps, "outliers": quality.outliers}
    return {name: frame for name, frame in frames.items() if not frame.empty}


def hours(value: float) -> str:
    """A length of time, given in hours, in the unit that suits it."""
    if not np.isfinite(value):
        return "–"
    if value < 1:
        return f"{HOUR_MINUTES * value:.0f} min"
    return f"{value:.1f} h" if value < 2 * DAY_HOURS else f"{value / DAY_HOURS:.1f} d"


def plain(table: Table) -> tuple[Sequence[str], Iterable[list[str]]]:
    """Columns and rows as texts."""
    return table.columns, ([f"{c.text}\n{c.note}" if c.note else c.text for c in row] for row in table.rows)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _people(number: Any, quality: Quality) -> str:
    return f"fewer than {quality.smallest_cell}" if pd.isna(number) else f"{number:,}"


def _count(number: Any) -> str:
    return "–" if pd.isna(number) else f"{number:,.0f}"


def _day(day: Any) -> str:
    return "–" if pd.isna(day) else f"{day:%Y-%m-%d}"
