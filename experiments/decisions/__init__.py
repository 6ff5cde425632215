"""Advice with its simulated evidence, and the ledger of what people decided about it.

`advise(folder)` simulates changes in the clinic of a fit or of a twin, each against doing nothing on common random
numbers, one pair for each posterior draw or member. `Ledger(path)` keeps what was proposed, approved, rejected, enacted
and undone; nothing in it can be changed unseen. `interventions_of(ledger, first_day)` gives the decisions in force back
to a simulation, and `tell_twin(twin, ledger)` to a twin. `realised_effects` says what became of them, and `trust_in`
how far past advice was right::

    advice = advise("fit", ledger=ledger, pairs=32, months=6)     # a fit's or a twin's folder; progress=f(text, share)
    ledger.propose(advice)                                        # again: nothing new
    ledger.decide(advice.table["id"][0], "approve", by="A. Name", reason="evenings are too long")
    ledger.decide(identifier, "undo", by="A. Name", reason="patients wait longer")

An `Advice` holds (points are of 100; every difference is that to doing nothing). Its ranks follow the burnout risk
alone; what a change does to access and money stands beside it, and is for people to weigh:

``advice.table``    a row a recommendation, best first, "do nothing" among them: rank, id ("nothing" for doing nothing),
                    title, kind (of `abm.interventions.KINDS`; "" for doing nothing), area ("staffing", "process",
                    "schedule", ""), reach ("clinic", "pod" or "physicians"), who (in words), people (physicians
                    reached), dose, dose_unit, start (date), undo_until (date; None: any time), notice_days (between
                    undoing it and its end), verdict (of the burnout risk: "lower", "higher", "within noise", "too small
                    to matter", "same in every replicate"), reading ("better", "worse", ""), then change, low and high
                    of burnout_risk (points), work_outside_work_8 (min per 8 h), third_next_available (days), wait
                    (min), net (thousand USD a year: income minus turnover minus the change's cost), as in burnout_risk,
                    burnout_risk_low, burnout_risk_high; yearly_cost (USD, assumed), likely_low, likely_high (middle
                    90 % of what this one clinic's burnout risk may do), chance_better (share of the pairs with less
                    risk), drivers, against, undo (sentences). Low and high hold the expected change with 90 %, made
                    wider by the record of past advice (`advice.trust.widening`); "within noise": they hold zero.
                    For a ledger it holds ramp_days, undo_days, pods and physicians (numbers reached; None: all) as well
``advice.effects``  a row a recommendation and measure of `experiments.outcome_groups.MEASURES`: id, aim, measure,
                    label, unit, level, level_low, level_high, difference, low, high, likely_low, likely_high,
                    chance_better, verdict, reading, replicates
``advice.path``     a row a recommendation, measure (burnout_risk, work_outside_work_8, third_next_available) and two
                    weeks: id, measure, unit, days (after the start, of the middle), date, nothing (level of doing
                    nothing), nothing_low, nothing_high (middle 90 % of pairs), drift (of doing nothing since the first
                    two weeks), drift_deviation, level, difference, low, high (of the expected difference), likely_low,
                    likely_high, deviation (of pairs' differences)
``advice.people``   a row a recommendation and physician: id, who, pod, reached, risk (of doing nothing, %), difference,
                    low, high (points), drivers (from the twin; "" where it tells none)
``advice.basis``    a `Basis`: source ("fit" or "twin"), folder, date (the day the advice is from), data (digest of what
                    was observed), sequence (of the event log; -1 for a fit), model (fingerprint of the fit or twin),
                    git_revision, pairs, days (how far ahead)
``advice.trust``    the `Trust` in force: judged (past decisions that could be judged), within (of them: as forecast),
                    score (0-1, a half without a record), widening (1 or more, of intervals), words

A `Ledger` has:

``ledger.items()``    a row an item, newest first: id, state ("proposed", "approved", "rejected", "enacted", "undone"),
                      title, kind, area, who, dose, start, end (date on which it stops; None), undo_until, by, at,
                      reason (of the last entry), actions (what may be decided next, as "approve, reject")
``ledger.entries()``  a row an entry, oldest first: number, at (UTC), item, state, by, reason, data, sequence, model,
                      git_revision, hash
``ledger.item(id)``   the `Item`: id, state, recommendation (its row of ``advice.table`` as a dict, dates as text),
                      path, effects, people (its rows of those tables as lists of dicts), basis (a dict), history
                      (its entries, a table as above), start, end, undo_until (dates or None); raises LedgerError
``ledger.decide(id, action, *, by, reason="", on=None, seen=None)``  action: "approve", "reject", "enact" or "undo";
                      a name is required, and a reason to reject or undo. ``on`` is the date it counts from: if None,
                      today, or for a replayed clinic the date of the newest advice; advice is approved as long as it
                      looks ahead. ``seen`` is the state that the decider saw: if somebody was quicker, a `Conflict` is
                      raised and nothing written. Returns the Item
``ledger.verify(head=None)``  the `Seal` (entries, head: the last hash); raises `BrokenChain` naming the first broken
                      link, or that a head noted earlier is not in it

`ledger.all_items()` gives every Item, newest first. `realised_effects(ledger, observed)`: a row a decision that was
approved, and measure (of ``advice.path``): id, title, measure, unit, days (since its start), forecast, forecast_low,
forecast_high, realised, realised_low, realised_high, score (realised minus forecast, in standard deviations),
verdict ("as forecast", "better than forecast", "worse than forecast", "too early").
``observed`` is a table of date, measure, value (of the clinic), which `observed_levels(folder, log)` reads from a twin
(burnout risk) and its event log (the others; if given).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.decisions.advice import Advice, advise
    from experiments.decisions.basis import Basis
    from experiments.decisions.chain import Seal
    from experiments.decisions.errors import BrokenChain, Conflict, DecisionError, LedgerError
    from experiments.decisions.feedback import interventions_of, observed_levels, tell_twin
    from experiments.decisions.ledger import Item, Ledger
    from experiments.decisions.realised import realised_effects
    from experiments.decisions.trust import Trust, trust_in

_HOMES = {
    "Advice": "advice", "Basis": "basis", "BrokenChain": "errors", "Conflict": "errors", "DecisionError": "errors",
    "Item": "ledger", "Ledger": "ledger", "LedgerError": "errors", "Seal": "chain", "Trust": "trust",
    "advise": "advice", "interventions_of": "feedback", "observed_levels": "feedback", "realised_effects": "realised",
    "tell_twin": "feedback", "trust_in": "trust",
}  # fmt: skip
__all__ = [
    "Advice", "Basis", "BrokenChain", "Conflict", "DecisionError", "Item", "Ledger", "LedgerError", "Seal", "Trust",
    "advise", "interventions_of", "observed_levels", "realised_effects", "tell_twin", "trust_in",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
