"""The Decide page: advice with its evidence, approve, reject, enact or undo it, and the ledger of who decided what."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import solara

from experiments.decisions import Item, Ledger, LedgerError, advise, observed_levels, realised_effects
from experiments.decisions.states import allowed_actions
from experiments.report_words import interval, number, signed
from experiments.server.served import served
from experiments.server.widgets import Heading, Press, Table, Tell, Waiting, Words, sentence, use_work

LABELS = {"approve": "Approve", "reject": "Reject", "enact": "Mark as enacted", "undo": "Undo"}
MARKS = {"better": "✓ better", "worse": "✗ worse", "": "within noise"}
TONES = {"better": "good", "worse": "bad"}
RECENT_DAYS = 31  # advice older than that is of a replay, whose own date counts (assumed)
HEADS = {"work_outside_work_8": "WOW8 (min)", "third_next_available": "Third next available (days)",
         "net": "Net (1000 USD/year)"}  # fmt: skip


@solara.component_vue("vue/decision.vue")
def Decision(item: str, actions: list[list[str]], who: str, on: str, event_decide: Any = None) -> None:
    """The form; ``event_decide`` is called with [action, name, reason, date]."""


@solara.component
def DecidePage() -> None:
    """The page."""
    solara.Title("Decide")
    Heading("Decide: advice, its evidence, and who decided what", 1)
    ledger = solara.use_memo(open_ledger, [])
    if served().ledger is None:
        Words("No ledger is served: `clinictwin serve --ledger decisions.sqlite` keeps decisions in that file.")
    elif isinstance(ledger, str):
        Words(ledger, alert=True)
    else:
        Board(ledger)


def open_ledger() -> Ledger | str | None:
    """The ledger, or the sentence that says why it cannot be opened."""
    path = served().ledger
    try:
        return None if path is None else Ledger(path)
    except (ValueError, OSError, ImportError) as error:
        return sentence(error) if not isinstance(error, ImportError) else f"the ledger needs a package: {error}"


@solara.component
def Board(ledger: Ledger) -> None:
    """Ask for advice; the recommendations; the chosen one with its evidence and form; the ledger."""
    changes, set_changes = solara.use_state(0)
    asked, set_asked = solara.use_state(0)
    chosen, set_chosen = solara.use_state("")
    who, set_who = solara.use_state("")
    said, set_said = solara.use_state(("", False))
    items, broken = read_items(ledger)

    def decide(told: list[Any]) -> None:
        action, name, reason, date = (part if isinstance(part, str) else "" for part in told)
        set_who(name)
        try:
            item = next(i for i in items if i.id == current)
            done = ledger.decide(item.id, action, by=name, reason=reason, on=day_of(date), seen=item.state)
            set_said((f"Written down: {done.id} is {done.state} by {name.strip()}.", False))
        except (ValueError, OSError) as error:
            set_said((f"Not done. {sentence(error)}", True))
        set_changes(changes + 1)

    def advised() -> None:
        set_changes(changes + 1)

    if broken:
        Words(broken, alert=True)
        return
    if served().advice_from is not None:
        with solara.Div(classes=["ct-card"]):
            Press("Ask for advice", lambda: set_asked(asked + 1), main=not items)
            if asked:
                Asking(ledger, served().advice_from, asked, advised)
    if not items:
        Words("Nothing was proposed yet. Advice comes from a fit or a twin: the button above, or `clinictwin advise`.")
        return
    current = chosen if chosen in {i.id for i in items} else items[0].id
    Recommendations(items, current, set_chosen)
    if said[0]:
        Words(said[0], alert=said[1], role="status")
    item = next(i for i in items if i.id == current)
    with solara.Div(classes=["ct-card"]):
        InWords(item)
        Decision(item=item.id, actions=[[a, LABELS[a]] for a in allowed_actions(item.state)], who=who,
                 on=usual_date(item).isoformat(), event_decide=decide)  # fmt: skip
    with solara.Div(classes=["ct-card"]):
        Evidence(item)
    if served().twin is not None:
        Realised(ledger, served().twin, changes)
    Entries(ledger, changes)


def read_items(ledger: Ledger) -> tuple[list[Item], str]:
    """(items, newest advice first; the sentence that says why they cannot be read)."""
    try:
        return ledger.all_items(), ""
    except (ValueError, OSError) as error:
        return [], sentence(error)
    except Exception as error:  # of the database's driver, whose kinds differ: a damaged file must be a sentence here
        return [], f"{ledger.path}: the ledger cannot be read ({type(error).__name__}); restore it from a copy"


def day_of(text: str) -> dt.date | None:
    """A date as a form gives it. Raises LedgerError."""
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise LedgerError(f"from: met {text!r:.40}, expected a date such as 2026-03-02") from None


def usual_date(item: Item) -> dt.date:
    """The date a decision counts from, if nobody says otherwise."""
    today, advised = dt.date.today(), dt.date.fromisoformat(item.basis["date"])
    return today if abs((today - advised).days) <= RECENT_DAYS else advised


@solara.component
def Asking(ledger: Ledger, folder: Path, asked: int, advised: Any) -> None:
    """Advice being simulated: how far it is, a button that stops it, and doing nothing when it is done."""

    def make(tell: Tell) -> Any:
        found = advise(folder, ledger=ledger, pairs=served().pairs, progress=tell)
        new = ledger.propose(found)
        advised()
        return found, len(new)

    work = use_work(make, [asked])
    Waiting(work, "Simulating each change against doing nothing:")
    if work.value is not None:
        found, new = work.value
        nothing = found.effects[(found.effects["id"] == "nothing") & (found.effects["measure"] == "burnout_risk")]
        level = nothing.iloc[0]
        better = int((found.table["reading"] == "better").sum())
        Words(f"{new} new recommendations; {better} lower the burnout risk beyond noise. Doing nothing: burnout risk "
              f"{number(level['level'])} % in the last quarter year looked at. {found.trust.words}",
              role="status")  # fmt: skip


@solara.component
def Recommendations(items: list[Item], chosen: str, choose: Any) -> None:
    """All that was proposed; doing nothing is their common measure."""
    rows, tones = [], []
    for item in items:
        what = item.recommendation
        rows.append([
            what["title"], item.state, what["start"],
            f"{signed(what['burnout_risk'])} ({interval(what['burnout_risk_low'], what['burnout_risk_high'])})",
            *(signed(what[name]) for name in HEADS), MARKS[what["reading"]],
        ])  # fmt: skip
        tones.append(TONES.get(what["reading"], ""))
    rows.append(["do nothing", "always possible", "", "0.0", *("0.0" for _ in HEADS), "what all are held against"])
    tones.append("")
    with solara.Div(classes=["ct-card"]):
        Heading("Recommendations")
        Table(["What", "State", "From", "Burnout risk (points), 90 %", *HEADS.values(), "Reading"], rows,
              numbers=(2, 3, 4, 5, 6), keys=[i.id for i in items], chosen=chosen, act=choose, tones=tones,
              caption="Differences to doing nothing; choose one for its evidence")  # fmt: skip


@solara.component
def InWords(item: Item) -> None:
    """What speaks for a recommendation, what against it, how it is undone, and what it rests on."""
    what, basis = item.recommendation, item.basis
    Heading(what["title"][:1].upper() + what["title"][1:])
    Words(f"State: {item.state}. For {what['who']} ({what['people']} physicians), {what['dose']:g} "
          f"{what['dose_unit']}, from {item.start}{f' until {item.end}' if item.end else ''}; "
          f"{what['yearly_cost']:,.0f} USD a year (assumed).")  # fmt: skip
    Words(f"For it: {what['drivers']}.")
    Words(f"Against it: {what['against']}.")
    Words(f"To undo it: {what['undo']}{f', until {item.undo_until}' if item.undo_until else ''}.")
    Words(f"In {100 * what['chance_better']:.0f} % of {basis['pairs']} pairs of simulated clinics the risk is lower "
          f"with it. Simulated {basis['days']} days ahead from {basis['date']}, {basis['source']} {basis['folder']}, "
          f"data {basis['data']}, model {basis['model']}.", hint=True)  # fmt: skip


@solara.component
def Evidence(item: Item) -> None:
    """What was simulated of a recommendation, who gains, how it goes over time, and its history."""
    Heading("Evidence")
    rows = [[e["label"], f"{number(e['level'])} {e['unit']}", signed(e["difference"]),
             interval(e["low"], e["high"]), MARKS[e["reading"]]]
            for e in item.effects if e["difference"] is not None]  # fmt: skip
    Table(["Measure", "With it", "Difference", "90 %", "Reading"], rows, numbers=(1, 2, 3),
          caption="All that was simulated")  # fmt: skip
    if not served().groups_only:
        known = [p for p in item.people if p["difference"] is not None and p["risk"] is not None]
        Table(["Who", "Risk now (%)", "Change (points)", "90 %", "Reached"], [
            [p["who"], number(p["risk"], 0), signed(p["difference"]), interval(p["low"], p["high"]),
             "yes" if p["reached"] else "no"] for p in sorted(known, key=lambda p: p["difference"])
        ], numbers=(1, 2, 3), caption="Who gains, the most first")  # fmt: skip
    course = [p for p in item.path if p["measure"] == "burnout_risk" and p["level"] is not None]
    if course:
        Table(["Weeks after the start", "Doing nothing (%)", "With it (%)", "Difference, 90 %"], [
            [f"{p['days'] / 7:.0f}", number(p["nothing"]), number(p["level"]),
             f"{signed(p['difference'])} ({interval(p['low'], p['high'])})"] for p in course
        ], numbers=(0, 1, 2, 3), caption="Burnout risk over time")  # fmt: skip
    Table(["When", "State", "By", "Reason"], [[r.at, r.state, r.by, r.reason] for r in item.history.itertuples()],
          caption="Its history")  # fmt: skip


def with_interval(value: float, low: float, high: float) -> str:
    """A difference and its interval; nothing where it is not known yet."""
    return "" if value != value else f"{signed(value)} ({interval(low, high)})"


@solara.component
def Realised(ledger: Ledger, folder: Path, changes: int) -> None:
    """What became of past decisions, as far as the twin can tell."""
    work = use_work(lambda tell: realised_effects(ledger, observed_levels(folder)), [changes])
    if work.error:
        Words(f"What became of past decisions cannot be told: {work.error}", hint=True)
    if work.value is None or not len(work.value):
        return
    with solara.Div(classes=["ct-card"]):
        Heading("Was past advice right?")
        rows = [
            [r.title, r.measure.replace("_", " "), with_interval(r.forecast, r.forecast_low, r.forecast_high),
             with_interval(r.realised, r.realised_low, r.realised_high), r.verdict]
            for r in work.value.itertuples()
        ]  # fmt: skip
        Table(["Decision", "Measure", "Forecast", "Realised", "Verdict"], rows, numbers=(2, 3))


@solara.component
def Entries(ledger: Ledger, changes: int) -> None:
    """The ledger itself, newest entry first, and whether its chain is whole; read again after each of ``changes``."""
    try:
        seal, entries, problem = ledger.verify(), ledger.entries(), ""
    except (ValueError, OSError) as error:
        seal, entries, problem = None, ledger.entries(), sentence(error)
    with solara.Div(classes=["ct-card"]):
        Heading("Ledger")
        if seal is None:
            Words(problem, alert=True)
        else:
            Words(f"{seal.entries} entries, the chain is whole; its head is {seal.head[:12]}.", hint=True)
        rows = [[r.number, r.at, r.item, r.state, r.by, r.reason, r.hash[:8]] for r in entries.iloc[::-1].itertuples()]
        Table(["Entry", "At (UTC)", "Item", "State", "By", "Reason", "Hash"], rows)
