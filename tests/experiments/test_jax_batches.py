"""How a sweep is cut for the JAX engine: from the experiment alone, so that results do not depend on the machine."""

import pytest

from abm.outcomes import RECORDED
from experiments.config import Experiment
from experiments.jax_batches import RECORDS_PER_BATCH_BYTES, batch_size, program_days


def experiment(**values):
    return Experiment.model_validate({"name": "x"} | values)


@pytest.mark.parametrize(
    ("values", "batch", "programs"),
    [
        ({"replicates": 32, "days": 364, "warm_up_days": 196}, 16, (28, 28)),
        ({"replicates": 20, "days": 728, "warm_up_days": 364}, 10, (364, 364)),
        ({"replicates": 4, "days": 364, "warm_up_days": 182}, 4, (182, 364)),
        ({"replicates": 3, "days": 3640, "warm_up_days": 7}, 3, (7, 364)),
        ({"replicates": 3, "days": 364, "warm_up_days": 0, "period_days": 1, "physicians": 2000}, 1, (364, 364)),
        ({"replicates": 100, "days": 56, "warm_up_days": 28, "physicians": 10}, 50, (28, 28)),
    ],
)
def test_batches_and_programs(values, batch, programs):
    e = experiment(**values)
    assert batch_size(e) == batch
    assert program_days(e) == programs


def test_daily_records_of_many_years_make_smaller_batches():
    e = experiment(replicates=16, days=3640, period_days=1)
    assert batch_size(e) * 3640 * 50 * len(RECORDED) * 4 <= RECORDS_PER_BATCH_BYTES
