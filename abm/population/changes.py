"""Active changes as arrays: go-lives of the morning, and the levers they move during the day."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from abm import interventions as iv
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population.state import ClinicState
from abm.rules import adoption, change_fatigue
from abm.rules.person import ChangeUse


class Levers(NamedTuple):
    """What the active changes do today."""

    of: dict[str, Any]  # [N] by name of the lever
    learning_minutes: Any  # [N]
    rolled_out: Any  # [P, C]: share of the full dose in force
    relief: Any  # [C]: share of work taken away at full use, what makes a change look useful


def morning(state: ClinicState, changes: iv.InterventionSet, day: Any, p: Parameters) -> ClinicState:
    """Go-lives of the day: their impulse of change fatigue, and changes in use by all from their first day."""
    live = (changes.start.T >= day) & (changes.start.T < day + 1) & (changes.end > day)
    starts_today = changes.reached.T * jnp.where(live, 1.0, 0.0)
    weight = changes.novelty * jnp.minimum(changes.dose, 1.0)
    impulse = 1.0 - jnp.exp((starts_today * weight).sum(axis=1) * jnp.log1p(-p.change_impulse))
    shaken = change_fatigue.change_fatigue_after_go_live(state.mind.change_fatigue, impulse)
    forced = in_force(changes, day) * (1.0 - changes.needs_adoption)
    use = ChangeUse(jnp.maximum(state.use.tried, forced), jnp.maximum(state.use.adoption, forced), state.use.learned)
    return state._replace(mind=state.mind._replace(change_fatigue=shaken), use=use)


def in_force(changes: iv.InterventionSet, day: Any) -> Any:
    """1 for every person and change that has gone live there and has not ended, [P, C]."""
    live = (changes.start.T < day + 1) & (changes.end > day) & (changes.dose > 0)
    return changes.reached.T * jnp.where(live, 1.0, 0.0)


def levers_today(state: ClinicState, changes: iv.InterventionSet, day: Any, layout: Layout, p: Parameters) -> Levers:
    """Levers from this morning's adoption: shares combine as 1 - (1 - a)(1 - b), the others add up."""
    n, shares = layout.physicians, len(iv.SHARE_LEVERS)
    rolled = iv.rollout(day, changes.start, changes.ramp[:, None], changes.reached, jnp, changes.end[:, None]).T
    effects = iv.kind_effects(p, jnp)[changes.kind] * changes.dose[:, None]  # [C, L]
    strength = (rolled * state.use.adoption)[:n, :, None] * effects  # [N, C, L]
    combined = 1.0 - jnp.prod(1.0 - jnp.minimum(strength[..., :shares], 1.0), axis=1)
    values = jnp.concatenate([combined, strength[..., shares:].sum(axis=1)], axis=1)
    relief = 1.0 - jnp.prod(1.0 - jnp.minimum(effects[:, : len(iv.RELIEF)], 1.0), axis=1)
    weight = changes.learning_load * jnp.minimum(changes.dose, 1.0)
    learning = adoption.learning_minutes(rolled, state.use.tried, state.use.learned, weight, p.learning_minutes_per_day)
    of = {name: values[:, i] for i, name in enumerate(iv.LEVERS)}
    return Levers(of, learning[:n].sum(axis=1), rolled, relief)
