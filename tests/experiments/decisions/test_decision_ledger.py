"""The ledger: who decided what; nothing is lost, changed unseen, or decided twice."""

import datetime as dt
import multiprocessing
import shutil
import sqlite3

import pytest

from experiments.decisions import BrokenChain, Conflict, Ledger, LedgerError, interventions_of
from experiments.decisions.chain import entry_hash

LATER = dt.date(2026, 7, 1)


@pytest.fixture
def ledger(advice, tmp_path):
    opened = Ledger(tmp_path / "decisions.sqlite")
    opened.propose(advice)
    return opened


def best(ledger):
    return ledger.items()["id"].iloc[0]


def edit(path, statement, *values, guards=True):
    """Change the file as somebody with SQLite's own tools would."""
    with sqlite3.connect(path) as connection:
        if not guards:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in names:
                connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement, values)
    connection.close()


def test_every_recommendation_is_proposed_once_with_its_evidence(ledger, advice):
    ours = [i for i in advice.table["id"] if i != "nothing"]
    assert list(ledger.items()["id"]) == ours  # the best first
    assert ledger.propose(advice) == [] and len(ledger.entries()) == len(ours)
    item = ledger.item(ours[0])
    assert item.state == "proposed" and item.basis["data"] == advice.basis.data
    assert item.recommendation["burnout_risk"] == advice.table["burnout_risk"].iloc[0]
    assert {row["measure"] for row in item.path} >= {"burnout_risk", "work_outside_work_8"}
    with pytest.raises(ValueError, match="'nothing': met no such recommendation"):
        ledger.propose(advice, ["nothing"])


def test_from_proposal_to_undoing(ledger):
    chosen = best(ledger)
    item = ledger.decide(
        chosen, "approve", by="  Ada  Lovelace ", reason="evenings are too long", on=dt.date(2026, 3, 5)
    )
    assert item.state == "approved" and item.start.isoformat() == item.recommendation["start"]
    item = ledger.decide(chosen, "enact", by="Ben", on=LATER)
    assert item.start == LATER and item.end is None
    item = ledger.decide(chosen, "undo", by="Ada Lovelace", reason="too dear", on=LATER + dt.timedelta(days=10))
    assert item.end == LATER + dt.timedelta(days=10 + item.recommendation["notice_days"])
    assert list(item.history["state"]) == ["proposed", "approved", "enacted", "undone"]
    assert list(item.history["by"])[1:] == ["Ada Lovelace", "Ben", "Ada Lovelace"]
    assert ledger.items().set_index("id").loc[chosen, "actions"] == ""
    assert ledger.verify() == (len(ledger.entries()), ledger.entries()["hash"].iloc[-1])


def test_decisions_come_back_as_interventions_from_their_date(ledger):
    first = dt.date(2026, 3, 2)
    for identifier in ledger.items()["id"]:
        if "pod" in ledger.item(identifier).recommendation["reach"]:
            pod = ledger.decide(identifier, "approve", by="Ada", on=first)
    undone = best(ledger)
    ledger.decide(undone, "approve", by="Ada", on=LATER)
    ledger.decide(undone, "undo", by="Ada", reason="enough", on=LATER + dt.timedelta(days=30))
    never = ledger.items()["id"].iloc[-1]
    ledger.decide(never, "approve", by="Ada", on=LATER)
    ledger.decide(never, "undo", by="Ada", reason="a mistake", on=first)
    changes = {change.kind: change for change in interventions_of(ledger, first)}
    assert set(changes) == {"extra_medical_assistant", "scribe"}
    assert changes["extra_medical_assistant"].start_day == (pod.start - first).days
    assert changes["extra_medical_assistant"].pods == tuple(pod.recommendation["pods"])
    assert changes["scribe"].start_day == (LATER - first).days
    assert changes["scribe"].end_day == changes["scribe"].start_day + 30 + 30  # and 30 days of notice
    assert {c.kind for c in interventions_of(ledger, LATER + dt.timedelta(days=90))} == {"extra_medical_assistant"}


@pytest.mark.parametrize(
    ("action", "words", "says"),
    [
        ("approve", {"by": "  "}, "by: met '  ', expected the name of who decides"),
        ("approve", {"by": "123"}, "by: met '123'"),
        ("reject", {"by": "Ada"}, "reason: met none, expected why, to reject"),
        ("enact", {"by": "Ada"}, "possible: approve, reject"),
        ("burn", {"by": "Ada"}, "action: met 'burn', expected one of approve, reject, enact, undo"),
        ("approve", {"by": "Ada", "seen": "approved"}, "while you saw it approved"),
    ],
)
def test_what_is_refused_leaves_the_ledger_as_it_was(ledger, action, words, says):
    before = ledger.verify()
    with pytest.raises(LedgerError) as refusal:
        ledger.decide(best(ledger), action, **words)
    assert says in str(refusal.value)
    assert ledger.verify() == before


def test_advice_is_approved_while_it_holds_and_a_replay_has_its_own_today(ledger, advice):
    first = dt.date.fromisoformat(advice.basis.date)
    too_late = first + dt.timedelta(days=advice.basis.days + 1)
    with pytest.raises(LedgerError, match=f"approval on {too_late} of advice from {first}.*ask for new advice"):
        ledger.decide(best(ledger), "approve", by="Ada", on=too_late)
    payloads = [{**told, "basis": {**told["basis"], "date": "1999-03-01"}} for told in advice.proposals().values()]
    replayed = Ledger(ledger.path.with_name("replay.sqlite"))
    replayed.propose(_Told({"replayed": payloads[0]}))
    assert replayed.decide("replayed", "approve", by="Ada").history["state"].iloc[-1] == "approved"
    item = replayed.decide("replayed", "undo", by="Ada", reason="at once")
    assert item.end == dt.date(1999, 3, 1)


class _Told:
    """An advice of other days, as a ledger asks it."""

    def __init__(self, told):
        self._told = told

    def proposals(self, identifiers=None):
        return self._told


def test_what_has_become_permanent_is_not_undone(ledger):
    items = ledger.items()
    panel = items.loc[items["kind"] == "panel_reduction", "id"].iloc[0]
    item = ledger.decide(panel, "approve", by="Ada", on=dt.date(2026, 3, 3))
    late = item.undo_until + dt.timedelta(days=1)
    with pytest.raises(LedgerError, match=f"met an undo on {late}, expected one until {item.undo_until}"):
        ledger.decide(panel, "undo", by="Ada", reason="too late", on=late)
    assert ledger.decide(panel, "undo", by="Ada", reason="in time", on=item.undo_until).state == "undone"


def test_the_file_takes_new_entries_at_its_end_only(ledger):
    for statement in (
        "UPDATE entry SET by = 'Eve' WHERE number = 1",
        "DELETE FROM entry WHERE number = 1",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE number = 1",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            edit(ledger.path, statement)
    assert ledger.verify().entries == len(ledger.entries())


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE entry SET by = 'Eve' WHERE number = 3", r"first broken link: entry 3 \(proposed, item .*was altered"),
        ("UPDATE entry SET payload = replace(payload, '0', '1') WHERE number = 2", "first broken link: entry 2"),
        ("DELETE FROM entry WHERE number = 2", "first broken link: entry 3 .*expected entry 2"),
        ("UPDATE entry SET number = 99 WHERE number = 2", "first broken link: entry 3"),
    ],
)
def test_tampering_is_found_and_the_first_broken_link_named(ledger, statement, says):
    ledger.decide(best(ledger), "approve", by="Ada")
    edit(ledger.path, statement, guards=False)
    with pytest.raises(BrokenChain, match=says):
        ledger.verify()


def test_a_ledger_written_anew_or_cut_short_lacks_the_head_noted_before(ledger):
    noted = ledger.decide(best(ledger), "approve", by="Ada").history["hash"].iloc[-1]
    assert ledger.verify(noted).head == noted
    cut = ledger.path.with_name("cut.sqlite")
    shutil.copy(ledger.path, cut)
    edit(cut, "DELETE FROM entry WHERE number = (SELECT max(number) FROM entry)", guards=False)
    with pytest.raises(BrokenChain, match="the end was cut off, or the ledger was written anew"):
        Ledger(cut).verify(noted)
    last = dict(zip([c[1] for c in _columns(ledger.path)], _last(ledger.path), strict=True))
    forged = entry_hash({**last, "by": "Eve"})  # who knows the rule can make a chain that holds
    edit(ledger.path, "UPDATE entry SET by = 'Eve', hash = ? WHERE number = ?", forged, last["number"], guards=False)
    with pytest.raises(BrokenChain, match=r"the guard .* was taken off"):
        ledger.verify()
    with pytest.raises(BrokenChain, match="none of them with the hash"):
        ledger.verify(noted)


def _columns(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("PRAGMA table_info(entry)").fetchall()


def _last(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT * FROM entry ORDER BY number DESC LIMIT 1").fetchone()


def test_files_of_something_else_are_refused(tmp_path):
    text, other = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("not a database, but longer than the hundred bytes that SQLite looks at first " * 4)
    edit(other, "CREATE TABLE mine (x)")
    for path in (text, other, tmp_path, tmp_path / "nowhere" / "d.sqlite"):
        with pytest.raises(LedgerError, match=r"expected|no ledger of decisions"):
            Ledger(path)
    with sqlite3.connect(other) as connection:
        assert [name for (name,) in connection.execute("SELECT name FROM sqlite_master")] == ["mine"]


def _decide(path, identifier, action, by, gate, results):
    opened = Ledger(path)
    gate.wait()
    try:
        opened.decide(identifier, action, by=by, reason="at the same moment")
        results.put((by, "written"))
    except Conflict as conflict:
        results.put((by, str(conflict)))


def test_of_two_processes_that_decide_the_same_item_one_is_refused(ledger):
    context = multiprocessing.get_context("spawn")
    chosen, others = best(ledger), list(ledger.items()["id"][1:3])
    gate, results = context.Barrier(4), context.Queue()
    jobs = [
        (chosen, "approve", "Ada"),
        (chosen, "reject", "Ben"),
        (others[0], "approve", "Cleo"),
        (others[1], "reject", "Dan"),
    ]
    children = [context.Process(target=_decide, args=(ledger.path, *job, gate, results)) for job in jobs]
    for child in children:
        child.start()
    said = dict(results.get(timeout=120) for _ in children)
    for child in children:
        child.join()
    assert said["Cleo"] == said["Dan"] == "written"  # other items are nobody's conflict
    winner, loser = sorted(("Ada", "Ben"), key=lambda name: said[name] != "written")
    assert said[winner] == "written" and f"that {winner} {ledger.item(chosen).state} at" in said[loser]
    assert list(ledger.item(chosen).history["by"]) == ["clinictwin advise", winner]
    assert ledger.verify().entries == len(ledger.entries())
