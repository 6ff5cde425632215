"""The state of a clinic as arrays: a PyTree that a day takes and returns."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from abm.layout import TRAITS, Layout
from abm.parameters import Parameters
from abm.rules.person import ChangeUse, Mind, own_baseline_motivation
from abm.rules.tasks import Minutes

BOOKING_HORIZON_WEEKDAYS = 44  # the appointment book opens this far ahead; older requests lapse
SETTLED_TENURE_DAYS = 3650.0  # tenure of those who are there from the start


class ClinicState(NamedTuple):
    """P people (physicians first), N physicians, C changes, A = BOOKING_HORIZON_WEEKDAYS."""

    fatigue: Any  # [P], in the morning
    mind: Mind  # each [P]
    use: ChangeUse  # each [P, C]
    employed: Any  # [P]: 1 if the post is filled (relaxed mode: or a part of it)
    tenure: Any  # [P]: days
    generation: Any  # [P]: hires into this post so far
    traits: Any  # [P, len(TRAITS)]: of the present holder
    backlog: Minutes  # each [N]: minutes
    joined: Any  # [N]: requests that ever joined the waiting list
    served: Any  # [N]: requests that ever left it
    history: Any  # [N, A]: `joined` at the end of each of the last A weekdays (ring, column = weekday number mod A)
    unmet: Any  # [N]: patients with unmet need
    load: Any  # [N]: trailing mean of daily work minutes, as old as the twin's picture of it


def trait(traits: Any, name: str) -> Any:
    """One trait (standard normal) from an array whose last axis lists TRAITS."""
    return traits[..., TRAITS.index(name)]


def initial_state(parameters: Parameters, layout: Layout, changes: int, dtype: Any) -> ClinicState:
    """Day 0, a Monday morning: everybody as the parameters say, empty waiting lists and backlogs."""
    p, people, physicians = parameters, layout.people, layout.physicians
    full = lambda value, size=people: jnp.full(size, value, dtype)  # noqa: E731
    traits = jnp.asarray(layout.traits[:, 0], dtype)
    none = jnp.zeros((people, changes), dtype)
    zero = jnp.zeros(physicians, dtype)
    motivation = own_baseline_motivation(trait(traits, "motivation"), p, jnp)
    return ClinicState(
        fatigue=full(p.initial_fatigue),
        mind=Mind(full(p.initial_exhaustion), full(p.initial_cynicism), full(0.0), motivation),
        use=ChangeUse(none, none, none),
        employed=full(1.0),
        tenure=full(SETTLED_TENURE_DAYS),
        generation=full(0.0),
        traits=traits,
        backlog=Minutes(zero, zero, zero),
        joined=zero,
        served=zero,
        history=jnp.zeros((physicians, BOOKING_HORIZON_WEEKDAYS), dtype),
        unmet=zero,
        load=full(p.session_minutes, physicians),
    )
