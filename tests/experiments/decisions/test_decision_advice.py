"""Advice: ranked against doing nothing on common chances, honest about noise, aware of what is decided already."""

import datetime as dt
import re

import numpy as np
import pytest
from advised_clinic import KINDS, MONDAY, MONTHS, PAIRS, PHYSICIANS

from calibration.event_log import EventLog
from calibration.observations import COLUMNS
from calibration.simulated import simulate_observations
from calibration.sources.base import OFFSET, Batch
from calibration.twin import Twin, forecast
from experiments.decisions import DecisionError, Ledger, Trust, advise, observed_levels, realised_effects, tell_twin
from experiments.outcome_groups import MEASURES


def test_recommendations_are_ranked_and_doing_nothing_is_one_of_them(advice):
    table = advice.table
    assert list(table["rank"]) == list(range(1, len(table) + 1))
    assert list(table["id"]).count("nothing") == 1
    rank = table.set_index("id")["rank"]["nothing"]
    assert (table["reading"] == "better").sum() == rank - 1  # whatever is not clearly better comes after it
    assert table["burnout_risk"][: rank - 1].is_monotonic_increasing
    nothing = table.set_index("id").loc["nothing"]
    assert nothing["burnout_risk"] == nothing["wait"] == nothing["yearly_cost"] == 0
    assert set(table["area"]) == {"staffing", "schedule", ""}
    assert {"clinic", "pod", "physicians"} <= set(table["reach"])
    # scribes for everybody take away a large part of the desk work, and cost the table's price
    best = table.iloc[0]
    assert (best["kind"], best["reach"], best["people"]) == ("scribe", "clinic", PHYSICIANS)
    assert best["burnout_risk_high"] < -2 and best["yearly_cost"] == 45_000 * PHYSICIANS
    assert "450,000 USD a year in full use (assumed)" in best["against"]
    assert "works through" in best["drivers"] and "any time: end the scribes' assignments" in best["undo"]


def test_every_recommendation_has_its_evidence(advice):
    for identifier in advice.table["id"]:
        effects = advice.effects[advice.effects["id"] == identifier]
        assert set(effects["measure"]) == set(MEASURES)
        assert (effects["replicates"] == PAIRS).all()
    offered = advice.table[advice.table["id"] != "nothing"]
    assert set(advice.path["id"]) == set(advice.people["id"]) == set(offered["id"])
    reached = advice.people.groupby("id")["reached"].sum()
    assert (reached[offered["id"]].to_numpy() == offered["people"].to_numpy()).all()
    assert (offered["start"] > MONDAY).all() and all(start.weekday() == 0 for start in offered["start"])


def test_until_it_starts_a_change_meets_exactly_the_chances_of_doing_nothing(advice):
    before, after = advice.path[advice.path["days"] <= -7], advice.path[advice.path["days"] >= 28]
    assert len(before) and (before["difference"] == 0).all() and (before["deviation"] == 0).all()
    scribes = advice.table["id"].iloc[0]
    assert (after[(after["id"] == scribes) & (after["measure"] != "third_next_available")]["difference"] < 0).all()


def test_a_bad_record_widens_intervals_until_all_is_noise(advice, folder):
    doubtful = Trust(judged=3, within=0, score=0.2, widening=1e4, words="never right")
    found = advise(folder, pairs=PAIRS, months=MONTHS, kinds=KINDS, on=MONDAY, trust=doubtful)
    assert found.table["id"].iloc[0] == "nothing"
    rest = found.table.iloc[1:]
    assert set(rest["verdict"]) == {"within noise"} and set(rest["reading"]) == {""}
    assert rest["against"].str.contains("cannot be told from noise").all()
    assert dict(zip(found.table["id"], found.table["burnout_risk"], strict=True)) == pytest.approx(
        dict(zip(advice.table["id"], advice.table["burnout_risk"], strict=True))
    )


def test_what_is_in_force_is_part_of_doing_nothing_and_not_offered_again(advice, folder, tmp_path):
    ledger = Ledger(tmp_path / "decisions.sqlite")
    ledger.propose(advice)
    ledger.decide(advice.table["id"].iloc[0], "approve", by="Ada", on=MONDAY)
    later = MONDAY + dt.timedelta(days=84)
    found = advise(folder, ledger=ledger, pairs=PAIRS, months=MONTHS, kinds=KINDS, on=later)
    assert "scribe" not in set(found.table["kind"])
    risk = lambda told: float(told.effects.set_index(["id", "measure"]).loc[("nothing", "burnout_risk"), "level"])  # noqa: E731
    assert risk(found) < risk(advice) - 2
    with pytest.raises(DecisionError, match="none that is not in force already"):
        advise(folder, ledger=ledger, pairs=PAIRS, months=MONTHS, kinds=["scribe"], on=later)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"pairs": 1}, "pairs: met 1, expected 2 or more"),
        ({"months": 3}, "months: met 3, expected 4 to 24"),
        ({"kinds": ["scribes"]}, "met 'scribes'; did you mean 'scribe'?"),
    ],
)
def test_what_cannot_be_advised_is_refused(folder, words, says):
    with pytest.raises(DecisionError, match=re.escape(says)):
        advise(folder, **{"pairs": PAIRS, "months": MONTHS, "on": MONDAY, **words})


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(DecisionError, match=r"met neither fit\.yaml nor twin\.yaml"):
        advise(tmp_path)


def test_a_twin_advises_from_its_last_day_and_tells_what_raises_the_risks(tmp_path):
    table = simulate_observations(days=15, physicians=5, seed=6, warm_up_days=0).observations
    with EventLog(tmp_path / "log") as log:
        log.append(Batch(table[list(COLUMNS)].assign(**{OFFSET: range(len(table))})), "by hand")
        twin = Twin.create(tmp_path / "twin", log, members=128)
        twin.advance(log)
        sequence = log.sequence
    forecast(twin, [1])
    ledger = Ledger(tmp_path / "decisions.sqlite")
    found = advise(tmp_path / "twin", ledger=ledger, pairs=16, months=4, kinds=["scribe"])
    assert found.basis.source == "twin" and found.basis.sequence == sequence
    assert found.basis.date == twin.plan.date(twin.day + 1).isoformat()
    scribes = found.table[found.table["reach"] == "clinic"].iloc[0]
    assert scribes["burnout_risk_high"] < 0 and scribes["work_outside_work_8_high"] < 0
    assert "what raises these risks most" in scribes["drivers"] and found.people["drivers"].ne("").any()
    ledger.propose(found)
    ledger.decide(scribes["id"], "approve", by="Ada", on=dt.date(2024, 1, 16))
    observed = observed_levels(tmp_path / "twin", tmp_path / "log")
    assert set(observed["measure"]) == {"burnout_risk", "work_outside_work_8", "third_next_available"}
    assert len(observed) == 3 * 2  # whole weeks
    assert (realised_effects(ledger, observed)["verdict"] == "too early").all()
    _follows_what_is_decided(tmp_path, ledger, scribes["id"])
    with pytest.raises(DecisionError, match="expected none: it advises from its last day"):
        advise(tmp_path / "twin", pairs=8, on=MONDAY)
    with pytest.raises(DecisionError, match="expected at most the twin's 128 members"):
        advise(tmp_path / "twin", pairs=129)


def _follows_what_is_decided(folder, ledger, scribes):
    """A change that has begun earlier takes the twin back to its day; undone, it ends; another ledger is refused."""
    begun = dt.date(2024, 1, 8)
    ledger.decide(scribes, "enact", by="Ada", on=begun)
    before, after = Twin.open(folder / "twin"), Twin.open(folder / "twin")
    with EventLog(folder / "log") as log:
        tell_twin(after, ledger)
        assert after.day < 7 <= after.advance(log)
        first = np.concatenate([g.clinic.use.adoption for g in after.state.groups])[:, :5]
        assert (first[..., 0] == 1).all() and (first[..., 1:] == 0).all()
        apart = [np.abs(before.told[day].risk - after.told[day].risk).max() for day in range(after.day + 1)]
        assert max(apart[:7]) < 1e-3 < apart[-1]  # some days before it are run again, by another program
        again = Twin.open(folder / "twin")
        assert again.plan.interventions == after.plan.interventions and again.advance(log) == 0
        ledger.decide(scribes, "undo", by="Ada", reason="enough", on=begun + dt.timedelta(days=400))
        tell_twin(again, ledger)
        assert again.day == after.day  # its end is yet to come
    ahead = advise(folder / "twin", ledger=ledger, pairs=16, months=4, kinds=["inbox_pooling"])
    assert ahead.trust.judged == 0 and "scribe" not in set(ahead.table["kind"])
    with pytest.raises(DecisionError, match="a twin that follows 1 decisions, expected them in the ledger"):
        advise(folder / "twin", pairs=16, months=4, kinds=["inbox_pooling"])
