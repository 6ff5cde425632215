"""The report about an event log's quality: what it says in short, its sections, its page and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from calibration.exports import write_csv
from calibration.stream_quality import Quality
from calibration.suppression import shown_count
from experiments import figures, quality_figures
from experiments import quality_tables as tables
from experiments.page import Drawn, fill_in, save_figures, write_page
from experiments.report_tables import Table

PAGE = "quality.html"
FIGURE_NAMES = ("coverage", "latency", "failing_sensors")
TABLE_NAMES = ("streams", "coverage", "faults", "refusals", "ingests", "drift", "failures", "gaps", "outliers")
WITH_PEOPLE = (
    "It holds rows about single people, by pseudonym, for those who mend the sources: do not pass it on. With "
    "--no-people they are left out. Groups of fewer than {smallest} people are not shown."
)
WITHOUT_PEOPLE = (
    "It holds no rows about single people, and of groups of fewer than {smallest} people no numbers. A data holder may "
    "ask for a larger threshold: --min-cell."
)


class Section(NamedTuple):
    """A part of the report; ``nothing`` stands where there is no table."""

    name: str
    title: str
    about: str
    tables: list[Table]
    nothing: str
    figures: Sequence[str] = ()


def sections(quality: Quality, *, people: bool) -> list[Section]:
    """The report's parts, the same on the page and on the terminal."""
    some = quality.observations > 0
    single = [*tables.failures(quality), *tables.outliers(quality), *tables.gaps(quality)] if people else []
    return [
        Section("coverage", "Coverage and gaps", "Which days the streams cover, and for how many people.",
                [tables.coverage(quality)] if some else [], "The log holds no observations.", ("coverage",)),
        Section("latency", "Latency, duplicates, corrections", "When observations came, and how often.",
                [tables.deliveries(quality)] if len(quality.streams) else [], "Nothing was ever read.", ("latency",)),
        Section("people", "Failing sensors and outliers", "Sensors that are flat-lined, stuck, saturated or dead, and "
                "values far from a person's own.", [*tables.faults(quality), *single], "Nothing was found.",
                ("failing_sensors",)),
        Section("refused", "Refused records", "What could not be taken in, and waits to be mended.",
                tables.refusals(quality), "No refused records wait."),
        Section("drift", "Schema drift", "Columns, types, units and codes that changed from one ingest of a source to "
                "the next, and medians that jumped as by a change of unit.", tables.drifts(quality),
                "No change was noticed."),
        Section("ingests", "Sources and their ingests", "What was read, and when.", tables.ingests(quality),
                "Nothing was ever ingested."),
    ]  # fmt: skip


def in_short(quality: Quality) -> list[str]:
    """The findings, in sentences."""
    if not quality.observations:
        said = [f"The log holds no observations; {len(quality.ingests):,} ingests are noted."]
    else:
        many = shown_count(quality.people, quality.smallest_cell)
        said = [f"{quality.observations:,} observations of {many} people, from {quality.first_day:%Y-%m-%d} to "
                f"{quality.last_day:%Y-%m-%d}."]  # fmt: skip
    said += [f"The stream {name} is silent for everybody since {day:%Y-%m-%d}."
             for name, day in quality.silent_streams.items()]  # fmt: skip
    now = quality.failures[quality.failures["goes_on"].astype(bool)]
    if len(now):
        said.append(
            f"Sensors or sources of {shown_count(now['who'].nunique(), quality.smallest_cell)} people fail now."
        )
    late = quality.streams[quality.streams["late_share"].fillna(0) > 0].sort_values("late_share", ascending=False)
    if len(late):
        worst = late.iloc[0]
        said.append(
            f"Latest of all comes {worst['stream']}: {100 * worst['late_share']:.1f} % of its observations late."
        )
    if quality.reasons:
        records = sum(reason.records for reason in quality.reasons)
        said.append(f"{records:,} refused records wait, most often because: {quality.reasons[0].reason}")
    if quality.drifts:
        newest = quality.drifts[-1]
        said.append(f"{len(quality.drifts):,} changes of what the sources look like, the last in {newest.source}: "
                    f"{newest.change}.")  # fmt: skip
    return said


def privacy(quality: Quality, *, people: bool) -> str:
    """Who may see the report."""
    return (WITH_PEOPLE if people else WITHOUT_PEOPLE).format(smallest=quality.smallest_cell)


def write_quality(quality: Quality, title: str, folder: Path, *, people: bool) -> Path:
    """Write the page, which needs nothing else, and beside it ``figures/`` (PNG, SVG) and ``tables/`` (CSV) to a folder
    that is made if need be; returns the page's path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = sections(quality, people=people)
    with figures.house_style():
        pictures = save_figures(draw(quality, people=people), folder / "figures", FIGURE_NAMES)
    text = fill_in("quality.html.j2", title=title, facts=facts(quality), sentences=in_short(quality),
                   privacy=privacy(quality, people=people), sections=parts, pictures=pictures)  # fmt: skip
    numbers = tables.numbers(quality, people=people)
    (folder / "tables").mkdir(exist_ok=True)
    for name in TABLE_NAMES:
        path = folder / "tables" / f"{name}.csv"
        if name in numbers:
            write_csv(numbers[name], path)
        else:
            path.unlink(missing_ok=True)
    return write_page(folder / PAGE, text)


def facts(quality: Quality) -> list[str]:
    """What stands under the title."""
    return [f"calendar of {quality.timezone}", f"groups of {quality.smallest_cell} people or more"]


def draw(quality: Quality, *, people: bool) -> dict[str, Drawn]:
    """The figures, by name; those that have nothing to show are left out."""
    drawn = {}
    if quality.observations:
        drawn["coverage"] = Drawn(
            quality_figures.coverage_calendar(quality.covered, quality.smallest_cell),
            f"Calendar of {len(quality.covered)} streams over {quality.covered.shape[1]} days: the darker, the more of "
            "the stream's people were observed.",
            "Coverage calendar: people observed on each day, as a share of the most that the stream ever had on a day.",
        )
    timed = quality.streams[quality.streams["median_hours"].notna()]
    if len(timed):
        drawn["latency"] = Drawn(
            quality_figures.latency(timed),
            "Time from measurement to receipt by stream: " + "; ".join(
                f"{r.stream} {tables.hours(r.median_hours)}" for r in timed.itertuples()) + ".",
            "Latency from measurement to first receipt.",
        )  # fmt: skip
    if people and len(quality.failures):
        drawn["failing_sensors"] = Drawn(
            quality_figures.failing_sensors(quality.failures),
            f"Bars of {len(quality.failures)} failures of single people's sensors over time.",
            f"Failing sensors, newest first, at most {quality_figures.MOST_SENSORS}; an arrow: it goes on.",
        )
    return drawn
