"""The clinic of a browser session: a change switched on as it runs is the change proposed at the start."""

from itertools import pairwise

import numpy as np
import pytest

from abm.clinic import Clinic
from abm.interventions import Intervention
from abm.layout import make_layout
from experiments.server.floor_view import day_of, floor
from experiments.server.watched import Session

DAYS_BEFORE, DAYS_AFTER, PHYSICIANS, SEED = 4, 10, 5, 2
ROUNDING = 1e-9  # minutes


@pytest.mark.parametrize("kind", ["scribe", "ai_scribe"])
def test_a_change_introduced_later_is_the_one_proposed_for_that_day(kind):
    session = Session(PHYSICIANS, SEED)
    session.build()
    for _ in range(DAYS_BEFORE - 1):
        session.step()
    session.switch(kind, 0.7)
    for _ in range(DAYS_AFTER):
        session.step()
    proposed = [Intervention(kind, 0.7, start_day=DAYS_BEFORE, ramp_days=1.0)]
    expected = Clinic(rng=SEED, layout=make_layout(PHYSICIANS), interventions=proposed)
    for _ in range(DAYS_BEFORE + DAYS_AFTER):
        expected.step()
    for name in ("fatigue", "burnout_risk", "change_fatigue", "evening_minutes"):
        np.testing.assert_array_equal(np.stack(session.history[name]), expected.records()[name])


def test_a_change_switched_off_takes_nothing_over_any_more():
    session = Session(PHYSICIANS, SEED)
    session.build()
    session.switch("scribe", 1.0)
    session.step()
    assert sum(d.to_scribe for d in session.running.physicians) > 0
    session.switch("scribe", 0.0)
    session.step()
    assert sum(d.to_scribe for d in session.running.physicians) == 0
    assert [what for _, what in session.marks] == ["scribe on", "scribe off"]


def test_the_times_kept_of_a_day_are_those_the_day_reports():
    session = Session(PHYSICIANS, SEED)
    session.build()
    for physician in session.running.physicians:
        record, seen = physician.day_outcomes(), physician.appointments
        assert len(seen) == record["kept"]
        assert sum(a.begins - a.booked for a in seen) == pytest.approx(record["wait_minutes_sum"])
        assert sum(a.ends - a.begins for a in seen) == pytest.approx(record["visit_minutes"])
        for one in seen:
            assert (np.diff(one) > -ROUNDING).all()
        for one, following in pairwise(seen):
            assert one.ends < following.begins + ROUNDING
    view = floor(session, "burnout_risk")
    assert [len(d["appointments"]) for pod in view["pods"] for d in pod["physicians"]] == [
        len(d.appointments) for d in session.running.physicians
    ]
    assert day_of(session, 0)["name"] == "Physician 1"
