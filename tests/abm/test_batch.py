"""Many replicates at once are the same clinics as one by one."""

import jax
import numpy as np
import pytest

from abm.interventions import Intervention
from abm.layout import make_layout
from abm.parameters import Parameters
from abm.population import simulate, simulate_batch

LAYOUT = make_layout(10, 5, seed=4)
DAYS, SEEDS = 28, [3, 1 << 40, 5, 6, 7]
CHANGES = [Intervention("extra_medical_assistant", start_day=5)]


def largest_difference(a, b):
    """Largest difference relative to max(1, |value|) over all arrays."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(np.max(np.abs(x - y) / np.maximum(1.0, np.abs(x))) for x, y in pairs)


def test_a_batch_is_its_replicates_one_by_one():
    with jax.enable_x64(True):
        requests = np.linspace(2.0, 4.0, len(SEEDS))
        together = simulate_batch(
            Parameters(visit_requests_per_patient_year=requests), DAYS, SEEDS, CHANGES, layout=LAYOUT, period_days=7,
            replicates_at_once=2)  # fmt: skip
        for r, (seed, rate) in enumerate(zip(SEEDS, requests, strict=True)):
            alone = simulate(Parameters(visit_requests_per_patient_year=rate), DAYS, seed, CHANGES, layout=LAYOUT,
                             period_days=7)  # fmt: skip
            mine = jax.tree.map(lambda v, r=r: v[r], together)
            assert largest_difference(jax.tree.map(np.asarray, alone), mine) < 1e-9
    assert together.physicians["kept"].shape == (len(SEEDS), DAYS // 7, 10)
    assert together.physicians["kept"].dtype == np.float64


def test_keys_and_raw_words_are_seeds_too():
    keys = jax.random.split(jax.random.key(1), 3)
    by_key = simulate_batch(Parameters(), 7, keys, layout=LAYOUT)
    by_words = simulate_batch(Parameters(), 7, np.asarray(jax.random.key_data(keys)), layout=LAYOUT)
    np.testing.assert_array_equal(by_key.physicians["kept"], by_words.physicians["kept"])
    assert (by_key.physicians["kept"][0] != by_key.physicians["kept"][1]).any()


@pytest.mark.parametrize(
    ("parameters", "seeds", "message"),
    [
        (Parameters(), [], "seeds: met none"),
        (Parameters(), [-1], "seeds: met -1"),
        (Parameters(visit_minutes=np.ones(3)), [1, 2], "visit_minutes: met an array of shape"),
    ],
)
def test_bad_batches_are_refused(parameters, seeds, message):
    with pytest.raises(ValueError, match=message):
        simulate_batch(parameters, 7, seeds, layout=LAYOUT)
