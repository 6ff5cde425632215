"""Behavioural rules: one formula a function, for plain floats (``xp=abm.rules.scalar``) or arrays (``xp=jax.numpy``).

:class:`Rules` names the ones that can be exchanged without touching an engine: both engines take ``rules=``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from abm.rules.adoption import adoption_target
from abm.rules.booking import no_show_probability
from abm.rules.burnout import burnout_index
from abm.rules.exhaustion import exhaustion_target
from abm.rules.fatigue import sleep_hours, slowing
from abm.rules.motivation import motivation_target
from abm.rules.task_load import task_load
from abm.rules.turnover import absence_probability, leaving_probability

Rule = Callable[..., Any]


class Rules(NamedTuple):
    """The exchangeable rules; ``Rules(exhaustion_target=mine)`` changes one in both engines."""

    no_show_probability: Rule = no_show_probability
    slowing: Rule = slowing
    sleep_hours: Rule = sleep_hours
    exhaustion_target: Rule = exhaustion_target
    motivation_target: Rule = motivation_target
    adoption_target: Rule = adoption_target
    burnout_index: Rule = burnout_index
    absence_probability: Rule = absence_probability
    leaving_probability: Rule = leaving_probability
    task_load: Rule = task_load


__all__ = ["Rule", "Rules"]
