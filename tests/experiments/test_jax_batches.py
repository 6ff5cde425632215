"""How a sweep is cut: from the experiment alone, so that results do not depend on the machine."""

import math

import numpy as np
import pytest

from abm.layout import make_layout
from abm.outcomes import RECORDED
from abm.parameters import Parameters
from abm.population import simulate
from experiments import plan as plans
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.jax_batches import JaxBatches, program_days
from experiments.mesa_batches import MesaBatches
from experiments.plan import RECORDS_PER_BLOCK_BYTES, Plan

SCRIBES = [{"name": "scribes", "interventions": [{"kind": "scribe"}]}]
LEVELS = [15, 20]


def planned(clinics=None, **values):
    e = Experiment.model_validate({"name": "x"} | values)
    return Plan(e, clinics or Clinics(make_layout(e.physicians), (Parameters(),)), x64=True)


@pytest.mark.parametrize(
    ("values", "group", "programs"),
    [
        ({"replicates": 32, "days": 364, "warm_up_days": 196}, 16, (28, 28)),
        ({"replicates": 20, "days": 728, "warm_up_days": 364}, 10, (364, 364)),
        ({"replicates": 4, "days": 364, "warm_up_days": 182}, 4, (182, 364)),
        ({"replicates": 3, "days": 3640, "warm_up_days": 7}, 3, (7, 364)),
        ({"replicates": 3, "days": 364, "warm_up_days": 0, "period_days": 1, "physicians": 2000}, 1, (364, 364)),
        ({"replicates": 100, "days": 56, "warm_up_days": 28, "physicians": 10}, 50, (28, 28)),
        ({"conditions": [{"start_day": 84, "days": 56, "factors": {"patience_days": 2}}], "replicates": 2}, 2,
         (28, 28)),
    ],
)  # fmt: skip
def test_groups_and_programs(values, group, programs):
    plan = planned(**values)
    assert plan.group_size == group
    assert program_days(plan.experiment) == programs


@pytest.mark.parametrize(
    ("points", "draws", "replicates"), [(1, None, 40), (1, 7, 3), (256, None, 1), (64, 5, 2), (4096, None, 1)]
)
def test_blocks_cover_every_clinic_once_and_are_never_too_large(points, draws, replicates):
    design = {"method": "sobol", "points": points, "axes": [{"parameter": "visit_minutes", "low": 12, "high": 20}]}
    clinics = Clinics(make_layout(50), (Parameters(),) * 8)
    plan = planned(clinics, design=design, draws=draws, replicates=replicates, scenarios=SCRIBES)
    seen = np.zeros(plan.shape, int)
    for number in range(plan.blocks):
        block = plan.block(number)
        seen[np.ix_(*block)] += 1
        assert math.prod(block.shape) <= 16 * plan.group_size
        rows = block.rows(0, block.size)
        assert len(set(zip(*(side.tolist() for side in rows), strict=True))) == block.size
    assert (seen == 1).all()


def test_large_sweeps_have_larger_blocks_and_daily_records_of_many_years_smaller_ones():
    wide = {"method": "sobol", "points": 2**20, "axes": [{"parameter": "visit_minutes", "low": 12, "high": 20}]}
    large = planned(design=wide, replicates=1, outcomes=["kept"], period_days=364)
    assert large.block_shape == (256, 1, 1) and large.group_size == 16 and large.blocks == 4096
    daily = planned(replicates=16, days=3640, period_days=1)
    rows = math.prod(daily.block_shape)
    assert rows * 3640 * 50 * len(RECORDED) * 4 <= RECORDS_PER_BLOCK_BYTES


def test_more_draws_than_the_fit_has_are_refused():
    with pytest.raises(ValueError, match="met 3 without a fit"):
        planned(draws=3)
    with pytest.raises(ValueError, match="met 9, expected up to 8 posterior draws"):
        planned(Clinics(make_layout(50), (Parameters(),) * 8), draws=9)


@pytest.fixture(scope="module")
def restless():
    """Ten physicians, four points, two replicates, a wave of the messages that the EHR makes, a hiring freeze."""
    return planned(
        physicians=10, warm_up_days=28, days=112, replicates=2, seed=3,
        parameters={"leaving_per_year": 0.4, "absence_per_day": 0.05},
        conditions=[{"start_day": 28, "days": 56, "factors": {"system_messages_per_day": 1.5}}],
        design={"method": "factorial", "axes": [{"parameter": "visit_minutes", "levels": LEVELS},
                                                {"dose_of": "ai_scribe", "levels": [0.2, 1]}]},
        scenarios=[{"name": "ai", "interventions": [{"kind": "ai_scribe", "ramp_days": 7}, {"kind": "wellbeing"}]},
                   {"name": "freeze", "interventions": [{"kind": "ai_scribe"}], "conditions": [
                       {"parameters": {"hire_days": 400, "pooling_inbox_share": 0.5}}]}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def records(restless):
    """[scenario, outcome, row, period, physician]"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "PHYSICIANS_PER_GROUP", 80)
        batches = JaxBatches(restless)
        warm = batches.warm_up(0)
        return np.stack([batches.run(scenario, 0, warm) for scenario in range(3)])


def test_points_draws_and_conditions_are_the_same_clinic_in_both_engines(restless, records):
    """Every row of every scenario against one Mesa clinic, in float64 up to the records' rounding."""
    mesa = Plan(restless.experiment.model_copy(update={"engine": "mesa"}), restless.clinics)
    batches = MesaBatches(mesa)
    for scenario in (1, 2):
        for row in (0, 3, 6):  # points 0, 1 and 3
            np.testing.assert_allclose(
                batches.run(scenario, row)[:, 0], records[scenario, :, row], rtol=2e-6, atol=2e-6
            )


def test_rows_are_what_they_say(restless, records):
    visits, messages, notes = (list(RECORDED).index(n) for n in ("visit_minutes", "system_messages", "note_minutes"))
    assert records[0, visits, 4:].mean() > 1.1 * records[0, visits, :4].mean()
    sent = records[0, messages].mean(axis=(0, 2))
    # the wave, in the second and third period: 10,000 messages in each mean, so that 5 % are five standard errors
    assert sent[1:3].mean() == pytest.approx(1.5 * sent[[0, 3]].mean(), rel=0.05)
    np.testing.assert_array_equal(records[2, messages, :, 0], records[0, messages, :, 0])
    assert records[2, messages, :, 1].mean() < 0.75 * sent[1]  # the other scenario has its own conditions
    low, high = records[1, notes, [0, 1, 4, 5]].mean(), records[1, notes, [2, 3, 6, 7]].mean()
    assert high < 0.95 * low
    np.testing.assert_array_equal(records[0][:, 0], records[0][:, 2])  # the baseline has no dose


def test_one_row_is_one_run_of_the_engine(records, restless):
    """Without conditions, through `abm.population.simulate` alone."""
    import jax

    plain = Plan(restless.experiment.model_copy(update={"conditions": (), "scenarios": ()}), restless.clinics)
    rows = plain.block(0).rows(5, 1)
    with jax.enable_x64(True):
        p = plain.parameters(rows)
        p = p.replace(visit_minutes=float(p.visit_minutes[0]))
        run = simulate(p, 56, plain.words(rows)[0], layout=plain.clinics.layout, period_days=28)
    kept = list(RECORDED).index("kept")
    np.testing.assert_allclose(np.asarray(run.physicians["kept"])[1], records[0, kept, 5, 0], rtol=2e-6)
