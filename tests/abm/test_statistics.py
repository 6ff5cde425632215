"""Two engines on their own draws: means and spreads of every outcome agree within Monte-Carlo error.

Runs of both engines are exchangeable if the engines are one model, so that ranks give exact tests for any distribution
(Wilcoxon's rank sum, ties broken at random). Bonferroni over all statistics keeps the chance of any false alarm below
FALSE_ALARM.
"""

import os

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from abm.clinic import Clinic
from abm.interventions import Intervention
from abm.layout import make_layout
from abm.outcomes import DERIVED, RECORDED, STAFF_OUTCOMES
from abm.parameters import Parameters
from abm.population import simulate
from abm.population.bias import with_derived

FULL = os.environ.get("CLINICTWIN_FULL") == "1"
FALSE_ALARM = 1e-4
MESA_RUNS, JAX_RUNS, AT_ONCE = (24, 240, 8) if FULL else (8, 64, 16)
LAYOUT = make_layout(50 if FULL else 20, 5, seed=7)
DAYS = 364 if FULL else 182
PARAMETERS = Parameters()
CHANGES = [Intervention("ai_scribe", 0.8, start_day=28), Intervention("float_physician", 1.0, start_day=14)]


def statistics_of(physicians, staff):
    """Of every outcome: mean of the run, standard deviation between people's means, and between days' means."""
    result = {}
    for prefix, part in (("", physicians), ("staff_", staff)):
        for name, values in part.items():
            result[f"{prefix}{name}"] = values.mean()
            result[f"{prefix}{name} between people"] = values.mean(axis=0).std()
            result[f"{prefix}{name} between days"] = values.mean(axis=1).std()
    return result


def mesa_run(seed):
    clinic = Clinic(PARAMETERS, rng=seed, interventions=CHANGES, layout=LAYOUT)
    clinic.run_for(DAYS)
    return statistics_of(clinic.records(), clinic.staff_records())


@jax.jit
def jax_runs(keys):
    def one(key):
        run = simulate(PARAMETERS, DAYS, key, CHANGES, layout=LAYOUT)
        return statistics_of(run.physicians, run.staff)

    return jax.vmap(one)(keys)


def with_ratios(runs):
    """Runs' statistics [R] by name, with the derived outcomes of each run's means."""
    runs = {name: np.asarray(values, float) for name, values in runs.items()}
    derived = with_derived({name: runs[name] for name in RECORDED})
    return runs | {name: derived[name] for name in DERIVED}


def rank_sum_chance(ours, theirs, rng):
    """Two-sided exact chance of ranks as far apart, were both from one distribution."""
    both = np.concatenate([ours, theirs])
    ranks = np.lexsort((rng.random(len(both)), both)).argsort().astype(float)
    return stats.mannwhitneyu(ranks[: len(ours)], ranks[len(ours) :], method="exact").pvalue


def test_means_and_spreads_of_every_outcome_agree():
    mesa = [mesa_run(seed) for seed in range(100, 100 + MESA_RUNS)]
    mesa = with_ratios({name: [run[name] for run in mesa] for name in mesa[0]})
    batches = [jax_runs(jax.vmap(jax.random.key)(jnp.arange(first, first + AT_ONCE)))
               for first in range(0, JAX_RUNS, AT_ONCE)]  # fmt: skip
    arrays = with_ratios({name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]})
    assert set(mesa) == set(arrays) >= {*RECORDED, *DERIVED, *(f"staff_{name}" for name in STAFF_OUTCOMES)}

    rng = np.random.default_rng(1)
    chances = {}
    for name in mesa:
        middle = np.median(np.concatenate([mesa[name], arrays[name]]))
        chances[name] = rank_sum_chance(mesa[name], arrays[name], rng)
        chances[f"spread of {name}"] = rank_sum_chance(*(np.abs(r[name] - middle) for r in (mesa, arrays)), rng)
    limit = FALSE_ALARM / len(chances)
    suspicious = {name: chance for name, chance in chances.items() if chance < limit}
    assert not suspicious
    # 5 % fewer visits would have been suspicious
    assert rank_sum_chance(0.95 * mesa["kept"], arrays["kept"], rng) < limit
