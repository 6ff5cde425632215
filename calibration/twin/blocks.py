"""A physician's block: what the twin estimates of one person, on unbounded scales, read from a clinic and put back."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from abm.layout import TRAITS
from abm.population.state import ClinicState
from abm.rules.tasks import Minutes
from calibration.summaries import EFFECTS
from calibration.twin.scales import PERSONAL

MIND = ("exhaustion", "cynicism", "change_fatigue", "motivation")
BACKLOG = Minutes._fields
STATES = ("fatigue", *MIND, *(f"backlog_{kind}" for kind in BACKLOG), "waiting_requests")
LEVELS = tuple(f"level_{name}" for name in PERSONAL)
BLOCK: tuple[str, ...] = (*STATES, *(f"trait_{name}" for name in EFFECTS), *LEVELS)  # rows of a block, in this order
TRAIT_ROWS = slice(len(STATES), len(STATES) + len(EFFECTS))
LEVEL_ROWS = slice(len(STATES) + len(EFFECTS), len(BLOCK))
EDGE = 1e-4  # shares nearer to 0 or 1 than this have the log-odds of this: there they move nothing
LARGEST_LOG = 12.0  # of minutes and requests plus one; e^12 is far beyond any
_COLUMNS = tuple(TRAITS.index(name) for name in EFFECTS)


def _log_odds(share: Any) -> Any:
    safe = jnp.clip(share, EDGE, 1.0 - EDGE)
    return jnp.log(safe) - jnp.log1p(-safe)


def _share(log_odds: Any, before: Any) -> Any:
    """The share again; one beyond the edge stays as it was ``before`` if it was there and has not come back."""
    share = 1.0 / (1.0 + jnp.exp(-jnp.clip(log_odds, -30.0, 30.0)))
    unmoved = jnp.abs(log_odds - _log_odds(before)) < 1e-5
    return jnp.where(unmoved, before, share)


def read_block(state: ClinicState, physicians: int) -> Any:
    """[len(STATES) + len(EFFECTS), N]: the rows of BLOCK that a clinic's state holds."""
    n = physicians
    rows = [_log_odds(state.fatigue[:n])]
    rows += [_log_odds(getattr(state.mind, name)[:n]) for name in MIND]
    rows += [jnp.log1p(jnp.maximum(minutes, 0.0)) for minutes in state.backlog]
    rows += [jnp.log1p(jnp.maximum(state.joined - state.served, 0.0))]
    rows += [state.traits[:n, column] for column in _COLUMNS]
    return jnp.stack(rows)


def write_block(state: ClinicState, block: Any) -> ClinicState:
    """The clinic whose physicians are as ``block`` [len(BLOCK), N] says."""
    n = block.shape[1]
    row = dict(zip(BLOCK, block, strict=True))
    mind = {
        name: getattr(state.mind, name).at[:n].set(_share(row[name], getattr(state.mind, name)[:n])) for name in MIND
    }
    minutes = [_amount(row[f"backlog_{kind}"], before) for kind, before in zip(BACKLOG, state.backlog, strict=True)]
    waiting = jnp.round(_amount(row["waiting_requests"], state.joined - state.served))
    oldest = state.history.min(axis=1)  # requests before that have lapsed
    return state._replace(
        fatigue=state.fatigue.at[:n].set(_share(row["fatigue"], state.fatigue[:n])),
        mind=state.mind._replace(**mind),
        backlog=Minutes(*minutes),
        served=jnp.clip(state.joined - waiting, jnp.minimum(oldest, state.served), state.joined),
        traits=state.traits.at[:n, jnp.asarray(_COLUMNS)].set(block[TRAIT_ROWS].T),
    )


def _amount(log_amount: Any, before: Any) -> Any:
    unmoved = jnp.abs(log_amount - jnp.log1p(jnp.maximum(before, 0.0))) < 1e-5
    return jnp.where(unmoved, before, jnp.expm1(jnp.clip(log_amount, 0.0, LARGEST_LOG)))
