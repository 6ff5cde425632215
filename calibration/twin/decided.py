"""What people have decided to change in the clinic, as the twin's members meet it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from abm.interventions import Intervention
from calibration.twin.plan import TwinError
from calibration.twin.step import TwinState


def first_difference(before: Sequence[Intervention], after: Sequence[Intervention]) -> float:
    """The first day of a simulation on which two lists of decisions differ in what they do; infinite if on none.

    Raises TwinError unless every change of ``before`` stands at its place in ``after``: a decision that was taken back
    stays there, with the day on which it ends.
    """
    days = [math.inf]
    for k, new in enumerate(after):
        if k >= len(before):
            days.append(new.start_day)
            continue
        old = before[k]
        if (old.kind, old.pods, old.physicians) != (new.kind, new.pods, new.physicians):
            raise TwinError(f"interventions: met {new.kind} in place {k}, expected {old.kind}, which the twin follows")
        if (old.dose, old.ramp_days) != (new.dose, new.ramp_days) or old.start_day != new.start_day:
            days.append(min(old.start_day, new.start_day))
        if old.end_day != new.end_day:
            days.append(min(old.end_day, new.end_day))
    if len(after) < len(before):
        raise TwinError(f"interventions: met {len(after)}, expected the {len(before)} that the twin follows, and more")
    return min(days)


def with_places(state: TwinState, places: int) -> TwinState:
    """The state with room for so many changes; nobody has taken up those that are new."""

    def widened(use: jax.Array) -> jax.Array:
        return jnp.pad(jnp.asarray(use), ((0, 0), (0, 0), (0, places - np.shape(use)[-1])))

    groups = []
    for group in state.groups:
        use = group.clinic.use
        if np.shape(use.tried)[-1] < places:
            group = group._replace(clinic=group.clinic._replace(use=jax.tree.map(widened, use)))
        groups.append(group)
    return state._replace(groups=tuple(groups))


def as_plain(change: Intervention) -> dict[str, Any]:
    """A change as YAML takes it."""
    said = dataclasses.asdict(change)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def from_plain(said: Mapping[str, Any]) -> Intervention:
    """A change again. Raises InterventionError, or TypeError on names that are none of its fields."""
    fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in said.items()}
    return Intervention(**fields)
