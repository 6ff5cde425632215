"""The tables of a report's page: rows of printed cells, made from the tables of numbers that become its CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from abm.interventions import KINDS
from experiments.effects import BASELINE, FULL_TIME, NOT_MEASURED, PART_TIME
from experiments.outcome_groups import AIMS, MEASURES
from experiments.report_words import MINUS, NINETY, interval, number, signed


class Cell(NamedTuple):
    """A printed value, a quieter second line, and "better", "worse" or "" for its shade."""

    text: str
    note: str = ""
    reading: str = ""


class Table(NamedTuple):
    """A table as it is printed; ``csv`` is the name of the file with its numbers. The first cell heads its row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    csv: str
    note: str = ""
    folder: str = ""  # where tables/ is, from the page on


def _difference(row: pd.Series, digits: int) -> Cell:
    if not np.isfinite(row["difference"]):
        return Cell(NOT_MEASURED)
    text = signed(row["difference"], digits)
    reading = (
        str(row.get("reading", "")) if text[0] in f"+{MINUS}" else ""
    )  # nothing is made of what is printed as zero
    return Cell(text, interval(row["low"], row["high"], digits), reading)


def _level(row: pd.Series, digits: int) -> Cell:
    if not np.isfinite(row["level"]):
        return Cell(NOT_MEASURED)
    return Cell(number(row["level"], digits), interval(row["level_low"], row["level_high"], digits))


def compared(facts: pd.DataFrame) -> Table:
    """What each scenario is: the kinds' meanings, the dose with its unit, the yearly cost."""
    rows = []
    for row in facts.itertuples():
        kinds = [k for k in row.kind.split(" + ") if k]
        meaning = "; ".join(KINDS[k].meaning if k in KINDS else k for k in kinds) or "nothing changes"
        single = KINDS.get(kinds[0]) if len(kinds) == 1 else None
        dose = (
            f"{row.dose:g} ({single.dose_unit})" if single and np.isfinite(row.dose) else "" if not kinds else "several"
        )
        cost = "–" if not kinds else number(row.yearly_cost, 0) if row.yearly_cost else "none of its own"
        rows.append([Cell(row.scenario), Cell(meaning), Cell(dose or "–"), Cell(cost)])
    columns = ("Scenario", "What it is", "Dose", "USD a year in full use (assumed)")
    return Table("The scenarios", columns, rows, "scenarios")


def burnout(outcomes: pd.DataFrame) -> Table:
    """Burnout prevalence and risk by scenario, best prevalence first."""
    by = outcomes.set_index(["measure", "scenario"])
    prevalence = outcomes[outcomes["measure"] == "burned_out"].sort_values("difference", na_position="last")
    order = [BASELINE] + [s for s in prevalence["scenario"] if s != BASELINE]
    rows = []
    for scenario in order:
        share, risk = by.loc[("burned_out", scenario)], by.loc[("burnout_risk", scenario)]
        if scenario == BASELINE:
            change = [Cell("–"), _level(risk, 1), Cell("–"), Cell("–"), Cell("the reference")]
        else:
            pairs = f"{int(share['pairs_lower'])} of {int(share['replicates'])}" if share["replicates"] else "–"
            change = [_difference(share, 1), _level(risk, 1), _difference(risk, 1), Cell(pairs), Cell(share["verdict"])]
        rows.append([Cell(scenario), _level(share, 1), *change])
    columns = ("Scenario", "Prevalence (%)", "Difference (points)", "Risk (%)", "Difference (points)",
               "Prevalence lower in", "Prevalence against baseline")  # fmt: skip
    note = (
        f"Second lines: {NINETY} intervals over replicates. Prevalence: share of this clinic's physicians at level 3 "
        "or more of the single-item burnout scale. Risk: the model's chance of that level for people with the same "
        "workload and state, whatever their personal threshold; it is steadier than prevalence. "
        "“Lower in”: pairs of runs, with and without the change on the same chance, in which it was lower."
    )
    return Table("Burnout by intervention", columns, rows, "outcomes", note)


def needed(frame: pd.DataFrame) -> Table | None:
    """Number-needed style summary; None if no scenario clearly lowers prevalence."""
    if frame.empty:
        return None
    rows = []
    for row in frame.sort_values("physicians_per_case").to_dict("records"):
        cost = Cell("no cost of its own")
        if row["yearly_cost"]:
            ends = interval(row["usd_per_case_low"] / 1000, row["usd_per_case_high"] / 1000, 0)
            cost = Cell(number(row["usd_per_case"] / 1000, 0), ends)
        people = interval(row["physicians_per_case_low"], row["physicians_per_case_high"])
        ends = interval(row["dose_per_case_low"], row["dose_per_case_high"])
        doses = Cell(number(row["dose_per_case"]), ends) if np.isfinite(row["dose_per_case"]) else Cell("–")
        rows.append([Cell(row["scenario"]), Cell(number(row["physicians_per_case"]), people), doses, cost])
    columns = ("Scenario", "Physicians in the clinic per one fewer burned out", "Physicians at dose 1 per one fewer",
               "Thousand USD a year per one fewer")  # fmt: skip
    note = (
        "Only scenarios whose prevalence is clearly lower; intervals are the inverted ends of the difference's. The "
        "third column counts physicians who work at dose 1 of a single change (one scribe each, say); the last counts "
        "the change's own assumed cost, not lost or gained income: see the net in "
        "“Cost and efficiency”."
    )
    return Table("How much for one burned-out physician fewer", columns, rows, "number_needed", note)


def physician_groups(frame: pd.DataFrame) -> list[Table]:
    """Full-time against part-time physicians: the baseline's levels, and how each scenario changes the gap."""
    if frame.empty:
        return []
    by = frame.set_index(["measure", "group", "scenario"])
    names = {m: f"{MEASURES[m].label} ({MEASURES[m].unit})" for m in dict.fromkeys(frame["measure"])}
    levels = [
        [Cell(label), *(_level(by.loc[(m, g, BASELINE)], MEASURES[m].digits) for g in (FULL_TIME, PART_TIME, "gap"))]
        for m, label in names.items()
    ]
    note = f"Second lines: {NINETY} intervals over replicates."
    tables = [Table("Full-time and part-time physicians under the baseline",
                    ("Measure", "Full time", "Part time", "Gap: part minus full time"), levels,
                    "physician_groups", note)]  # fmt: skip
    changes = [
        [Cell(scenario), *(_difference(by.loc[(m, "gap", scenario)], MEASURES[m].digits) for m in names)]
        for scenario in dict.fromkeys(frame["scenario"])
        if scenario != BASELINE
    ]
    if changes:
        note = f"Below zero: part-time physicians gain more (or lose less). {note}"
        tables.append(Table("Change of the gap, part minus full time", ("Scenario", *names.values()), changes,
                            "physician_groups", note))  # fmt: skip
    return tables


def physicians(frame: pd.DataFrame, best: str | None) -> Table:
    """Risk of each post under the baseline and the best scenario, sorted by the baseline's risk."""
    baseline = frame[frame["scenario"] == BASELINE].sort_values("risk", ascending=False)
    other = frame[frame["scenario"] == best].set_index("physician") if best else None
    rows = []
    for row in baseline.to_dict("records"):
        fte = f"{row['fte']:.1f}" if np.isfinite(row["fte"]) else "–"
        cells = [Cell(str(row["physician"])), Cell(str(row["pod"]) if row["pod"] >= 0 else "–"), Cell(fte), _risk(row)]
        if other is not None:
            of_best = other.loc[row["physician"]]
            change = Cell(
                signed(of_best["difference"]), interval(of_best["difference_low"], of_best["difference_high"])
            )
            cells += [_risk(of_best), change]
        rows.append(cells)
    columns = ["Post", "Pod", "FTE", "Risk, baseline (%)"] + (
        [f"Risk, {best} (%)", "Difference (points)"] if best else []
    )
    return Table("Burnout risk by physician's post", columns, rows, "physicians",
                 f"Second lines: {NINETY} intervals of the mean over replicates.")  # fmt: skip


def _risk(row: pd.Series) -> Cell:
    if not np.isfinite(row["risk"]):
        return Cell(NOT_MEASURED)
    return Cell(number(row["risk"]), interval(row["low"], row["high"]))


def _assumed(cell: Cell) -> Cell:
    """A cost that is given, not simulated: it has no interval."""
    return cell._replace(note="assumed")


def by_aim(outcomes: pd.DataFrame) -> list[Table]:
    """The outcome table, one table an aim: the baseline's level, then every scenario's difference to it."""
    tables = []
    measured = outcomes.groupby("measure")["level"].apply(lambda v: v.notna().any())
    by = outcomes.set_index(["measure", "scenario"])
    for aim, title in AIMS.items():
        names = [n for n, m in MEASURES.items() if m.aim == aim and measured.get(n, False)]
        if not names:
            continue
        rows = []
        for scenario in [BASELINE, *(s for s in dict.fromkeys(outcomes["scenario"]) if s != BASELINE)]:
            make = _level if scenario == BASELINE else _difference
            cells = {n: make(by.loc[(n, scenario)], MEASURES[n].digits) for n in names}
            if "intervention_cost" in cells:
                cells["intervention_cost"] = Cell("–") if scenario == BASELINE else _assumed(cells["intervention_cost"])
            rows.append([Cell(scenario, "level" if scenario == BASELINE else ""), *cells.values()])
        columns = ["Scenario", *(f"{MEASURES[n].label} ({MEASURES[n].unit})" for n in names)]
        tables.append(Table(title, columns, rows, "outcomes"))
    return tables
