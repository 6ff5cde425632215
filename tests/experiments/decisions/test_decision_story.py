"""The whole way round: advice from a fit, approved, lived with by a clinic, judged by what came about, undone."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from advised_clinic import MONDAY

from abm.clinic import Clinic
from abm.parameters import Parameters
from calibration.clinic import load_clinic
from calibration.fit_result import load_fit
from experiments.decisions import DecisionError, Ledger, interventions_of, realised_effects, trust_in

HISTORY, AFTER = 140, 196  # days before and after the advice
FIRST = MONDAY - dt.timedelta(days=HISTORY)


def lived_through(folder, changes):
    """Weekly levels of a clinic like the one that was fitted, from the advice on: its patients and its chance are its
    own, and it runs on the other engine."""
    layout = load_fit(folder).layout(load_clinic(folder).layout)
    clinic = Clinic(Parameters(), rng=11, draws_seed=77, layout=layout, interventions=changes)
    clinic.run_for(HISTORY + AFTER)
    weeks = {name: values[HISTORY:].reshape(-1, 7, layout.physicians) for name, values in clinic.records().items()}
    total = lambda name: weeks[name].sum(axis=(1, 2))  # noqa: E731
    levels = {
        "burnout_risk": 100 * (weeks["burnout_risk"] * weeks["employed"]).sum(axis=(1, 2)) / total("employed"),
        "work_outside_work_8": 480 * total("ehr_outside_scheduled_minutes") / total("scheduled_minutes"),
    }
    dates = [MONDAY + dt.timedelta(days=7 * week + 3) for week in range(AFTER // 7)]
    return pd.concat([pd.DataFrame({"date": dates, "measure": m, "value": v}) for m, v in levels.items()])


def test_advise_approve_live_with_it_judge_and_undo(folder, advice, tmp_path):
    ledger = Ledger(tmp_path / "decisions.sqlite")
    ledger.propose(advice)
    chosen = advice.table["id"].iloc[0]
    ledger.decide(chosen, "approve", by="Ada", reason="evenings are too long", on=MONDAY + dt.timedelta(days=3))
    kept = lived_through(folder, interventions_of(ledger, FIRST))
    assert (realised_effects(ledger, kept[kept["date"] < ledger.item(chosen).start])["verdict"] == "too early").all()

    found = realised_effects(ledger, kept).set_index("measure")
    for measure in ("burnout_risk", "work_outside_work_8"):
        row = found.loc[measure]
        assert row["realised_high"] < 0 and row["days"] > 90, measure
        # more than 4 standard deviations by chance: below 1e-4
        assert abs(row["score"]) < 4 and row["realised"] == pytest.approx(row["forecast"], rel=0.5), measure
    assert found.loc["third_next_available", "verdict"] == "too early"  # nobody observed it
    trust = trust_in(found.reset_index())
    assert trust.judged == 1 and 1 / 3 <= trust.score <= 2 / 3

    end = ledger.decide(chosen, "undo", by="Ben", reason="too dear", on=MONDAY + dt.timedelta(days=84)).end
    undone = lived_through(folder, interventions_of(ledger, FIRST))
    both = kept.merge(undone, on=["date", "measure"], suffixes=("_kept", "_undone"))
    before = both[[date + dt.timedelta(days=4) <= end for date in both["date"]]]
    assert (before["value_kept"] == before["value_undone"]).all() and len(before)
    last = both[both["date"] == both["date"].max()].set_index("measure")
    back = last["value_undone"] - last["value_kept"]
    assert back["work_outside_work_8"] > 0.8 * -found.loc["work_outside_work_8", "realised"]
    assert back["burnout_risk"] > 0.3 * -found.loc["burnout_risk", "realised"]  # exhaustion comes back in months
    judged = realised_effects(ledger, undone).set_index("measure").loc["burnout_risk"]
    assert 42 <= judged["days"] <= (end - ledger.item(chosen).start).days  # by the time it held


def test_trust_follows_how_far_forecasts_were_missed():
    table = lambda *z: pd.DataFrame({"measure": "burnout_risk", "score": z})  # noqa: E731
    assert trust_in() == trust_in(table(np.nan)) and trust_in().score == 0.5 and trust_in().widening == 1.0
    good, bad = trust_in(table(0.2, -0.5, 1.0, 0.1)), trust_in(table(6.0, -4.0, 3.0, 0.1))
    assert (good.within, good.widening, good.score) == (4, 1.0, 5 / 6)
    assert (bad.within, bad.score) == (1, 2 / 6)
    assert bad.widening == pytest.approx(np.sqrt((4 + 36 + 16 + 9 + 0.01) / 8))


def test_observations_of_another_form_are_refused(advice, tmp_path):
    with pytest.raises(DecisionError, match="expected date, measure, value"):
        realised_effects(Ledger(tmp_path / "d.sqlite"), pd.DataFrame({"day": [1], "risk": [0.5]}))
