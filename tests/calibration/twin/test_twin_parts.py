"""Blocks, boards and the poor days: nothing observed, one value in all, strangers, vacancies."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from abm.layout import make_layout
from abm.parameters import Parameters
from abm.population import simulate
from calibration.twin import TwinError, TwinPlan, forecast, open_twin
from calibration.twin.blocks import BLOCK, LEVEL_ROWS, read_block, write_block
from calibration.twin.board import Board
from calibration.twin.twin import Twin


def row(measure, day, value, who="physician-000", hour=12, stream="wearable", unit="1/min", quality="good"):
    instant = pd.Timestamp("2024-01-01T00:00Z") + pd.Timedelta(days=day, hours=hour)
    return {"who": who, "stream": stream, "measure": measure, "measured_at": instant, "received_at": instant,
            "value": float(value), "unit": unit, "quality": quality}  # fmt: skip


def table(*rows):
    made = pd.DataFrame(rows)
    for name in ("measured_at", "received_at"):
        made[name] = made[name].astype("datetime64[us, UTC]")
    return made


HEART = "resting_heart_rate"


def test_a_block_put_back_as_it_was_changes_nothing_and_a_moved_one_is_read_as_moved():
    layout = make_layout(5)
    state = simulate(Parameters(), 60, 3, layout=layout).state
    levels = jnp.zeros((LEVEL_ROWS.stop - LEVEL_ROWS.start, 5))
    block = jnp.concatenate([read_block(state, 5), levels])
    for before, after in zip(state, write_block(state, block), strict=True):
        np.testing.assert_array_equal(jnp.asarray(before), jnp.asarray(after))
    moved = block.at[BLOCK.index("exhaustion")].add(0.3).at[BLOCK.index("waiting_requests")].add(0.2)
    found = read_block(write_block(state, moved), 5)
    np.testing.assert_allclose(found[BLOCK.index("exhaustion")], moved[BLOCK.index("exhaustion")], atol=1e-4)
    requests = np.expm1(np.asarray(moved[BLOCK.index("waiting_requests")]))
    np.testing.assert_allclose(np.expm1(found[BLOCK.index("waiting_requests")]), requests, atol=0.51)


def test_the_board_keeps_the_last_value_of_a_day_and_counts_what_it_cannot_place(five_plan):
    board = Board(five_plan)
    rows = [row(HEART, 3, 60, hour=6), row(HEART, 3, 66, hour=9), row(HEART, 1, 61), row(HEART, -2, 59),
            row(HEART, 1, 61, who="somebody"), row(HEART, 2, 60, quality="failed")]  # fmt: skip
    everything = lambda: table(*rows)  # noqa: E731
    assert board.update(everything(), everything) == 1
    at = lambda day: board.day(day).value[:, 0]  # noqa: E731
    assert np.nanmax(at(3)) == 66 and np.isnan(at(2)).all() and board.last_day == 3
    assert board.not_used == {
        "unknown person": 1, "before the first day": 1, "failed": 1, "second value of a day": 1
    }  # fmt: skip
    assert board.update(table(rows[2]), everything) is None
    rows[1] = row(HEART, 3, 66, hour=9, quality="failed")  # the later value is withdrawn: the earlier one stands
    assert board.update(table(rows[1]), everything) == 3
    assert np.nanmax(at(3)) == 60
    assert board.day(999).value.shape == (board.day(0).value.shape)


@pytest.fixture(scope="module")
def begun(five_plan):
    return Twin(five_plan)


def copy(begun):
    return Twin(begun.plan, start=begun.state)


def told(twin):
    """Everything told of the last day that is no observation."""
    last = twin.told[twin.day]
    return np.concatenate([np.ravel(last.risk), last.burned_out, np.ravel(last.block), np.ravel(last.shared),
                           np.ravel(last.failing), np.ravel(last.drift), last.effective_members])  # fmt: skip


def test_days_without_a_value_and_one_value_in_all_leave_wide_posteriors(begun):
    twin = copy(begun)
    assert twin.observe(table(row(HEART, 20, 64))) == 21
    assert np.isfinite(told(twin)).all()
    risk = twin.told[20].risk
    first = copy(begun)
    first.observe(table(row("steps", 0, 6000, unit="1")))
    assert (risk[3] - risk[1]).mean() > 0.8 * (first.told[0].risk[3] - first.told[0].risk[1]).mean()
    level = BLOCK.index(f"level_{HEART}")
    deviation = twin.told[20].block[1][:, level]
    assert deviation[0] < 3 and deviation[1:].min() > 5  # of a prior of 7: who was measured, and who was not


def test_a_vacancy_and_a_newcomer_are_as_the_roster_says(begun):
    twin = copy(begun)
    roster = dict(stream="roster", unit="1", hour=7)
    days = [row("employed", d, 0.0 if 8 <= d < 15 else 1.0, **roster) for d in range(21) if d % 7 < 5]
    work = [row("ehr_minutes", d, 300, stream="ehr", unit="min", hour=23) for d in range(21) if d % 7 < 5]
    twin.observe(table(*days, *work))
    assert [twin.told[d].filled[0] for d in (7, 8, 14, 15)] == [1, 0, 0, 1]
    ehr = twin.told[9].used
    assert np.isnan(ehr[:, 0]).all()  # nobody's values
    pace = BLOCK.index("trait_pace")
    assert 0.6 < twin.told[15].block[1][0, pace] < 1.6  # a newcomer is unknown
    stays = twin.told[15].block[0][1:, pace] - twin.told[14].block[0][1:, pace]
    assert np.abs(stays).max() < 0.5 and np.isfinite(told(twin)).all()
    ahead = forecast(twin, [1], with_drivers=False).table
    assert (ahead["stays"] > 0.8).all()


def test_a_plan_and_a_folder_that_make_no_sense_are_refused(five_plan, tmp_path):
    for change, words in (({"members": 3}, "8 or more"), ({"warm_up_days": 10}, "whole weeks"), ({"seed": -1}, "seed"),
                          ({"names": ("visit_minuts",)}, "visit_minutes")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(five_plan, **change)
    with pytest.raises(TwinError, match=r"twin\.yaml"):
        open_twin(tmp_path)
    (tmp_path / "twin.yaml").write_text("format: 99\n")
    with pytest.raises(TwinError, match="format: 1"):
        Twin.open(tmp_path)
    assert TwinPlan is type(five_plan)
