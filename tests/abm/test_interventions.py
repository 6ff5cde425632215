"""Interventions: whom they reach, what they cost, which the budget allows, and what is refused."""

import numpy as np
import pytest

from abm.interventions import KINDS, Intervention, InterventionError, approve, as_set, rollout, yearly_cost
from abm.layout import make_layout
from abm.parameters import NAMES, Parameters
from abm.population import simulate

LAYOUT = make_layout(10, 5)


def test_every_kind_names_parameters_of_the_table():
    for name, kind in KINDS.items():
        assert all(effect in NAMES for effect in kind.levers.values() if effect), name
        assert kind.dose_max > 0 and kind.cost_per_physician_year >= 0, name


def test_a_change_reaches_the_pods_or_the_physicians_it_names():
    changes = as_set(
        [
            Intervention("wellbeing"),
            Intervention("wellbeing", pods=(1,)),
            Intervention("part_time", physicians=(2, 7)),
            Intervention("part_time", physicians=(2, 7), pods=(0,)),
        ],
        LAYOUT,
    )
    assert changes.reached[0].all()
    np.testing.assert_array_equal(changes.reached[1], LAYOUT.person_pod == 1)
    assert np.flatnonzero(changes.reached[2]).tolist() == [2, 7]
    assert np.flatnonzero(changes.reached[3]).tolist() == [2]


def test_a_staged_go_live_reaches_one_pod_after_the_other_and_ramps_up():
    change = Intervention("scribe", start_day=10, decision_days=4, stagger_days=21, ramp_days=10)
    changes = as_set([change], LAYOUT)
    first, second = (changes.start[0][LAYOUT.person_pod == pod] for pod in (0, 1))
    assert set(first) == {14.0} and set(second) == {35.0}
    share = [rollout(day, 14.0, 10.0, 1.0, np) for day in (13, 14, 18, 23, 40)]
    assert share == pytest.approx([0.0, 0.1, 0.5, 1.0, 1.0])
    assert [rollout(day, 14.0, 10.0, 1.0, np, 30.0) for day in (29, 30, 40)] == [1.0, 0.0, 0.0]


def test_from_its_end_day_a_change_does_nothing_any_more():
    runs = [
        simulate(
            Parameters(),
            84,
            5,
            [Intervention("template_change", 1.0, start_day=7, ramp_days=1, end_day=end)],
            layout=LAYOUT,
        )
        for end in (7.0, 35.0, float("inf"))
    ]
    never, undone, kept = (np.asarray(run.physicians["slots"]).sum(axis=1) for run in runs)
    assert undone[8] == kept[8] < never[8]
    np.testing.assert_array_equal(undone[:35], kept[:35])
    assert undone[36] == never[36] > kept[36]


def test_cost_follows_dose_and_reach_and_the_budget_is_kept_in_order():
    everybody = Intervention("scribe", dose=0.5)
    one_pod = Intervention("scribe", dose=0.5, pods=(0,))
    each = KINDS["scribe"].cost_per_physician_year
    assert yearly_cost([everybody], LAYOUT) == pytest.approx(0.5 * each * 10)
    assert yearly_cost([one_pod], LAYOUT) == pytest.approx(0.5 * each * 5)
    free = Intervention("protected_time")
    approved, refused = approve([one_pod, everybody, free], LAYOUT, budget=0.5 * each * 10)
    assert approved == [one_pod, free] and refused == [everybody]
    assert approve([one_pod, everybody], LAYOUT) == ([one_pod, everybody], [])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Intervention("scribes"), "unknown intervention 'scribes'; did you mean 'scribe'?"),
        (lambda: Intervention("scribe", dose=1.5), "scribe: met dose 1.5, expected between 0 and 1"),
        (lambda: Intervention("scribe", dose=float("nan")), "scribe: met dose nan"),
        (lambda: Intervention("scribe", start_day=-1), "scribe: met start_day -1, expected 0 to 36500 days"),
        (lambda: Intervention("scribe", end_day=float("nan")), "scribe: met end_day nan, expected 0 or more days"),
        (lambda: as_set([Intervention("scribe", pods=(2,))], LAYOUT), r"met pods (2,), expected numbers from 0 to 1"),
        (lambda: as_set([Intervention("scribe", physicians=(10,))], LAYOUT), r"physicians (10,), expected numbers"),
    ],
)
def test_what_the_clinic_cannot_do_is_refused(make, says):
    with pytest.raises(InterventionError) as refusal:
        make()
    assert says in str(refusal.value)
