"""Every mapping names something that exists, stays in its bounds, and moves something."""

import importlib

import pytest
from typer.testing import CliRunner

from abm.parameters import ENTRIES, Parameters
from experiments.cli import app
from experiments.implementation.catalogue import by_key
from experiments.implementation.mechanisms import mapped, mechanisms
from experiments.implementation.picture import fault_bounds, plan_with
from experiments.implementation.programme import MOST_CHANGES, budget, programme, targets_of
from experiments.implementation.quantities import EVENT, FAULT, PARAMETER, PROGRAMME, SETTINGS, Move, bounds, together
from experiments.implementation.strategies import strategies


def test_at_least_fifty_are_mapped_and_the_others_say_why():
    assert set(mechanisms()) == set(by_key())
    assert len(mapped()) >= 50
    assert all(len(one.out_of_reach) > 20 for one in mechanisms().values() if not one.mapped)


@pytest.mark.parametrize("key", list(mapped()))
def test_a_mapping_names_what_exists_and_worsens_from_typical_to_severe(key):
    one = mapped()[key]
    module, _, name = one.rule.rpartition(".")
    assert hasattr(importlib.import_module(module), name), one.rule
    for move in one.moves:
        if move.kind in (PARAMETER, EVENT):
            e = ENTRIES[move.name]
            assert e.low <= move.typical <= e.high and e.low <= move.severe <= e.high
        if move.kind == FAULT:
            plan_with({move.name: move.severe})
        assert move.typical != move.usual
        assert (move.severe - move.typical) * (move.typical - move.usual) > 0
        assert move.name in one.sentence
    assert one.rule in one.sentence and one.because in one.sentence and one.source in one.sentence


def test_strengths_in_between_and_together():
    trust = Move(PARAMETER, "trust", 0.35, 0.2)
    of = lambda *pairs: together(pairs)[PARAMETER].get("trust")  # noqa: E731
    assert of((trust, 0.0)) is None
    assert of((trust, 1.0)) == pytest.approx(0.35) and of((trust, 2.0)) == pytest.approx(0.2)
    assert 0.35 < of((trust, 0.5)) < 0.5 and 0.2 < of((trust, 1.5)) < 0.35
    assert 0.0 < of((trust, 2.0), (trust, 2.0)) < 0.2  # adds up and stays in its bounds
    own = together([(trust, 1.0)], Parameters().replace(trust=0.7))[PARAMETER]["trust"]
    assert 0.5 < own < 0.7  # moved from the clinic's own value
    half = Move(PROGRAMME, "dose_share", 0.5, 0.25)
    assert together([(half, 1.0), (half, 1.0)])[PROGRAMME]["dose_share"] == pytest.approx(0.25)
    given_up = Move(PROGRAMME, "quarters_kept", 3, 2)
    assert together([(given_up, 1.2)])[PROGRAMME]["quarters_kept"] == 3.0
    none_left = Move(PROGRAMME, "protected_time", 0.5, 0.0)
    assert together([(none_left, 2.0)])[PROGRAMME]["protected_time"] == 0.0


def test_unknown_quantities_are_refused():
    with pytest.raises(ValueError, match="expected a parameter"):
        bounds(PARAMETER, "trusst")
    with pytest.raises(ValueError, match=r"fault: met 'ehr\.nothing'"):
        fault_bounds("ehr.nothing")
    with pytest.raises(ValueError, match="expected 0 to 1"):
        plan_with({"ehr.missing_share": 2.0})


def test_the_programme_under_its_settings(small_layout):
    usual = programme({}, (0, 1), small_layout)
    assert [planned.change.kind for planned in usual] == [
        "twin_advice", "team_documentation", "inbox_pooling", "protected_time",
    ]  # fmt: skip
    assert usual[3].change.physicians == (0, 1) and all(planned.quarters == 4 for planned in usual)
    worst = {name: s.low if s.usual == s.high else s.high for name, s in SETTINGS.items() if name != "reach_share"}
    assert len(programme(worst | {"dose_share": 1, "extra_cost": 0, "team_documentation": 1, "inbox_pooling": 1,
                                  "protected_time": 1}, (0,), small_layout)) == MOST_CHANGES  # fmt: skip
    assert programme({"reach_share": 0.0}, (0,), small_layout) == ()
    poor = programme({"extra_cost": budget() / 2}, (0,), small_layout)
    assert poor[1].change.dose == pytest.approx(usual[1].change.dose / 2)
    assert poor[0].change.dose == 1.0  # the twin is bought first
    later = programme({"delay_days": 30, "trial_days": 20}, (0,), small_layout)
    assert later[1].change.start_day - usual[1].change.start_day == 50
    assert later[-1].change.start_day - usual[0].change.start_day == 30  # the trial system


def test_wrong_targets_replace_right_ones_by_chance(small_layout):
    order = tuple(range(small_layout.physicians))
    assert targets_of(order, 4, 0.0, small_layout, 0) == (0, 1, 2, 3)
    some, all_ = (targets_of(order, 4, share, small_layout, 3) for share in (0.5, 1.0))
    assert {0, 1} <= set(some) and len(some) == len(all_) == 4
    assert all_ != targets_of(order, 4, 1.0, small_layout, 4)


def test_strategies_relieve_mapped_challenges():
    assert len(strategies()) >= 6
    for one in strategies():
        assert set(one.relieves) <= set(mapped()) and one.usd_per_physician > 0
        left = one.after(dict.fromkeys(one.relieves, 1.0))
        assert all(0 <= left[key] < 1 for key in left)


def test_the_list_and_the_form_on_the_command_line(tmp_path):
    run = CliRunner().invoke
    done = run(app, ["challenges", "list", "--theme", "data-related", "--why"])
    assert done.exit_code == 0 and "Data ownership: not in the model's reach" in done.output, done.output
    assert "stream fault ehr.missing_share (share of values" in done.output
    done = run(app, ["challenges", "list", "--theme", "data"])
    assert done.exit_code == 2 and "there are technological" in done.output
    form = str(tmp_path / "answers.yaml")
    assert run(app, ["challenges", "answers", "--out", form]).exit_code == 0
    done = run(app, ["challenges", "answers", "--out", form])
    assert done.exit_code == 2  # what somebody filled in is not overwritten
    done = run(app, ["challenges", "readiness", str(tmp_path / "none.yaml"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2 and "cannot be read" in done.output
