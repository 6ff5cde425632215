"""Motivation (0-1): own baseline, autonomy, benefit seen, peers and leadership against exhaustion and change
fatigue."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, logistic, logit, relax


def motivation_target(baseline: Number, motivation: Number, control: Number, benefit: Number, peers: Number,
                      leadership: Number, exhaustion: Number, change_fatigue: Number, effects: MotivationEffects,
                      xp: Any) -> Number:  # fmt: skip
    """Where motivation tends to, logit-linear in its drivers (self-determination theory; JD-R loss spiral).

    ``peers`` is the mean motivation of the social neighbours: they pull up and down. Leadership is neutral at one half.
    """
    return logistic(
        logit(baseline, xp)
        + effects.control * control
        + effects.benefit * benefit
        + effects.peer * (peers - motivation)
        + effects.leadership * (leadership - 0.5)
        - effects.exhaustion * exhaustion
        - effects.change * change_fatigue,
        xp,
    )


def motivation_after(motivation: Number, target: Number, days: Number, motivation_days: Number, xp: Any) -> Number:
    """Motivation ``days`` later."""
    return relax(motivation, target, 1.0 / motivation_days, days, xp)


class MotivationEffects:
    """Logit effects of the drivers of motivation, read from the parameters."""

    def __init__(self, parameters: Any) -> None:
        self.control = parameters.motivation_control_effect
        self.benefit = parameters.motivation_benefit_effect
        self.peer = parameters.motivation_peer_effect
        self.leadership = parameters.motivation_leadership_effect
        self.exhaustion = parameters.motivation_exhaustion_effect
        self.change = parameters.motivation_change_effect
