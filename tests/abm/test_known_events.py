"""What a roster knows happens in the JAX engine, and the rest stays the same chance."""

import jax.numpy as jnp
import numpy as np

from abm import draws
from abm.interventions import as_set
from abm.layout import make_layout
from abm.parameters import Parameters
from abm.population import initial_state
from abm.population.modes import MODES
from abm.population.simulate import Known, clinic_day
from abm.rules import Rules


def test_absences_and_departures_of_the_roster_happen_and_no_others():
    layout, p = make_layout(10), Parameters(absence_per_day=0.2)
    changes = as_set(None, layout)
    state, words = initial_state(p, layout, 0, jnp.float32), jnp.asarray(draws.seed_words(3))

    def day(known):
        after, (records, _) = clinic_day(state, 0, p, words, changes, layout, Rules(), MODES["exact"], known)
        return {name: np.asarray(records[name]) for name in records}, after

    unknown = jnp.full(layout.people, jnp.nan)
    free = day(None)[0]
    np.testing.assert_array_equal(day(Known(unknown, unknown))[0]["kept"], free["kept"])
    absent, leaves = np.zeros(10), np.zeros(10)
    absent[:3], leaves[5:7] = 1.0, 1.0
    records, after = day(Known(unknown.at[:10].set(absent), unknown.at[:10].set(leaves)))
    np.testing.assert_array_equal(records["absent"], absent)
    np.testing.assert_array_equal(np.asarray(after.employed[:10]), 1.0 - leaves)
    np.testing.assert_array_equal(np.asarray(after.employed[10:]), np.asarray(day(None)[1].employed[10:]))
