"""Advice: what to change in the clinic of a fit or of a twin, ranked, with evidence; doing nothing is among it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from abm.interventions import KINDS, yearly_cost
from experiments.decisions.basis import OF_A_TWIN, Basis, source_of
from experiments.decisions.chain import canonical
from experiments.decisions.errors import DecisionError
from experiments.decisions.evidence import HEADLINE, NOTHING, effects_table, path_table, people_table
from experiments.decisions.options import DOSE, Option, options_for
from experiments.decisions.policies import POLICIES
from experiments.decisions.simulated import Progress, of_nothing, of_option, risk_of_physicians, together
from experiments.decisions.starts import Starts, starts_of
from experiments.decisions.trust import Trust, trust_in
from experiments.decisions.words import against_words, drivers_words, nothing_words, risk_drivers, undo_words
from experiments.outcome_groups import WEEK_DAYS

if TYPE_CHECKING:
    from experiments.decisions.ledger import Ledger

PAIRS, MONTHS = 32, 6
FEWEST_MONTHS, MOST_MONTHS = 4, 24  # from four on, all that is read lies after every start
WEEKS_PER_MONTH = 365.25 / 12 / WEEK_DAYS
IDENTIFIER_LENGTH = 8  # hexadecimal digits: two of a thousand recommendations alike with a chance of 1e-4
_STEPS = ("better", "nothing", "", "worse")  # the order in which recommendations are ranked


@dataclasses.dataclass(frozen=True)
class Advice:
    """What was found; `experiments.decisions` lists the columns."""

    table: pd.DataFrame
    effects: pd.DataFrame
    path: pd.DataFrame
    people: pd.DataFrame
    basis: Basis
    trust: Trust

    def proposals(self, identifiers: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """By identifier, what a ledger keeps of a recommendation; of all but doing nothing if none are named.

        Raises DecisionError on an identifier that is not in the advice.
        """
        there = [i for i in self.table["id"] if i != NOTHING]
        chosen = there if identifiers is None else list(identifiers)
        for identifier in chosen:
            if identifier not in there:
                raise DecisionError(f"{identifier!r}: met no such recommendation, expected one of {', '.join(there)}")
        basis = self.basis.as_dict()
        tables = {"path": self.path, "effects": self.effects, "people": self.people}
        return {
            i: {"recommendation": _records(self.table[self.table["id"] == i])[0], "basis": basis,
                **{name: _records(table[table["id"] == i]) for name, table in tables.items()}}
            for i in chosen
        }  # fmt: skip


def advise(folder: str | Path, *, ledger: Ledger | None = None, months: int = MONTHS, pairs: int = PAIRS,
           kinds: Iterable[str] | None = None, on: dt.date | None = None, trust: Trust | None = None,
           progress: Progress | None = None) -> Advice:  # fmt: skip
    """Recommendations for the clinic of a fit's or a twin's folder.

    Args:
        ledger: decisions in force there are part of every simulation, and are not proposed again.
        months: how far ahead, from 4 to 24; results are read off the last quarter year, or the last half.
        pairs: clinics drawn (posterior draws of a fit, members of a twin), each simulated with and without a change.
        kinds: of changes to try; all if None.
        on: the date of a fit's advice, or the Monday after it; today if None. A twin advises from its last day.
        trust: the record of past advice (`trust_in`). If not given, that of the ledger's decisions as a twin sees them;
            for a fit, which sees nothing of what came after it, none.
        progress: called with what is simulated next, and the share of all that is done with it.

    Raises:
        DecisionError: a folder of something else, or an argument out of range. FitError, TwinError: it cannot be read.
    """
    from experiments.decisions.feedback import decided  # a ledger needs SQLAlchemy, an advice alone does not

    if not FEWEST_MONTHS <= months <= MOST_MONTHS:
        raise DecisionError(f"months: met {months}, expected {FEWEST_MONTHS} to {MOST_MONTHS}")
    weeks, tell = math.ceil(months * WEEKS_PER_MONTH), progress or (lambda _, __: None)
    tell("the clinic as it stands", 0.0)
    before = decided(ledger) if ledger is not None else []
    if trust is None:
        trust = trust_in(_record(Path(folder), ledger))
    starts = starts_of(Path(folder), before, pairs=pairs, days=weeks * WEEK_DAYS, on=on)
    tell("doing nothing", 0.2)
    records = [of_nothing(starts, weeks)]
    risk = risk_of_physicians(together(starts, [], records)).mean(("scenario", "replicate")).values
    options = options_for(risk, starts.layout, starts.who, starts.date, starts.in_force, kinds)
    if not options:
        raise DecisionError("kinds: met none that is not in force already, expected something to try")
    for option in options:
        tell(f"{option.kind} ({option.reach})", 0.8 / (len(options) + 1))
        records.append(of_option(starts, option, weeks))
    tell("evidence", 0.8 / (len(options) + 1))
    return _advice(starts, options, records, trust)


def _record(folder: Path, ledger: Ledger | None) -> pd.DataFrame | None:
    if ledger is None or source_of(folder) != OF_A_TWIN:
        return None
    from experiments.decisions.feedback import observed_levels
    from experiments.decisions.realised import realised_effects

    return realised_effects(ledger, observed_levels(folder))


def _advice(starts: Starts, options: Sequence[Option], records: Sequence[Any], trust: Trust) -> Advice:
    data = together(starts, options, records)
    identifiers = [_identifier(option, starts.basis) for option in options]
    effects = effects_table(data, identifiers, trust.widening)
    raising = risk_drivers(starts.drivers)
    rows = [_nothing_row(starts, effects)]
    for identifier, option in zip(identifiers, options, strict=True):
        rows.append(_row(identifier, option, starts, effects[effects["id"] == identifier]))
    path = path_table(data, starts, options, identifiers)
    people = people_table(data, starts, options, identifiers, raising)
    return Advice(_ranked(pd.DataFrame(rows)), effects, path, people, starts.basis, trust)


def _identifier(option: Option, basis: Basis) -> str:
    """The same for the same change on the same data and model."""
    said = [option.kind, option.pods, option.physicians, option.start.isoformat(), DOSE, basis.data, basis.model]
    return hashlib.sha256(canonical([*said, basis.sequence]).encode()).hexdigest()[:IDENTIFIER_LENGTH]


def _row(identifier: str, option: Option, starts: Starts, effects: pd.DataFrame) -> dict[str, Any]:
    kind, policy, reached = KINDS[option.kind], POLICIES[option.kind], option.members(starts.layout)
    cost = yearly_cost([option.change(0)], starts.layout)
    names = [who for who, there in zip(starts.who, reached, strict=True) if there]
    until = None if policy.undo_days is None else option.start + dt.timedelta(days=policy.undo_days)
    return {
        "id": identifier, "title": f"{option.kind.replace('_', ' ')} for {option.who}: {kind.meaning}",
        "kind": option.kind, "area": policy.area, "reach": option.reach, "who": option.who,
        "people": int(reached.sum()), "dose": DOSE, "dose_unit": kind.dose_unit, "start": option.start,
        "undo_until": until, "notice_days": policy.notice_days, **_headline(effects), "yearly_cost": cost,
        "drivers": drivers_words(effects, names, starts.drivers), "against": against_words(option, effects, cost),
        "undo": undo_words(option), "undo_days": policy.undo_days, "pods": option.pods, "physicians": option.physicians,
        "ramp_days": option.change(0).ramp_days,
    }  # fmt: skip


def _nothing_row(starts: Starts, effects: pd.DataFrame) -> dict[str, Any]:
    own = effects[effects["id"] == NOTHING]
    return {
        "id": NOTHING, "title": "do nothing", "kind": "", "area": "", "reach": "", "who": "", "people": 0, "dose": 0.0,
        "dose_unit": "", "start": starts.date, "undo_until": None, "notice_days": 0, **_headline(own),
        "yearly_cost": 0.0, "drivers": nothing_words(own), "against": "whoever is at risk stays so", "undo": "",
        "undo_days": None, "pods": None, "physicians": None, "ramp_days": 0.0,
    }  # fmt: skip


def _headline(effects: pd.DataFrame) -> dict[str, Any]:
    by_measure = effects.set_index("measure")
    risk = by_measure.loc["burnout_risk"]
    columns: dict[str, Any] = {"verdict": risk["verdict"], "reading": risk["reading"]}
    for name in HEADLINE:
        row = by_measure.loc[name]
        columns |= {name: row["difference"], f"{name}_low": row["low"], f"{name}_high": row["high"]}
    return columns | {n: risk[n] for n in ("likely_low", "likely_high", "chance_better")}


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Best first: what lowers the risk beyond noise; doing nothing; what cannot be told from it; what raises it."""
    step = table["reading"].where(table["id"] != NOTHING, "nothing").map(_STEPS.index)
    table = table.assign(_step=step).sort_values(["_step", "burnout_risk"], ignore_index=True).drop(columns="_step")
    table.insert(0, "rank", range(1, len(table) + 1))
    return table


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON takes them: dates as text, None for what is not known."""
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [int(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
