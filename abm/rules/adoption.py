"""Adoption of a change (0-1): first tried (Bass diffusion), then used as far as it seems useful (technology
acceptance)."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, logistic, relax


def take_up_probability(active: Number, peers_tried: Number, innovation: Number, imitation: Number, xp: Any) -> Number:
    """Chance that someone who has not tried an active change (``active`` 0-1: offered here) tries it today."""
    return 1.0 - xp.exp(-active * (innovation + imitation * peers_tried))


def adoption_target(usefulness: Number, technology_comfort: Number, trust: Number, motivation: Number, peers: Number,
                    change_fatigue: Number, extra_work_hours: Number, parameters: Any, xp: Any) -> Number:  # fmt: skip
    """Share of use a person tends to, logistic in what speaks for and against a change.

    ``usefulness`` 0-1 is the share of the targeted work that the change takes away; ``technology_comfort`` is in
    standard
    deviations; trust, motivation and peers' adoption are neutral at one half; ``extra_work_hours`` a day are expected.
    """
    p = parameters
    return logistic(
        p.adoption_intercept
        + p.adoption_usefulness_effect * usefulness
        + p.adoption_ease_effect * technology_comfort
        + p.adoption_trust_effect * (trust - 0.5)
        + p.adoption_motivation_effect * (motivation - 0.5)
        + p.adoption_peer_effect * (peers - 0.5)
        - p.adoption_change_effect * change_fatigue
        - p.adoption_work_effect * extra_work_hours,
        xp,
    )


def adoption_after(
    adoption: Number, tried: Number, target: Number, days: Number, adoption_days: Number, xp: Any
) -> Number:
    """Adoption ``days`` later; who has not tried (``tried`` 0-1) stays at zero."""
    return relax(adoption, tried * target, 1.0 / adoption_days, days, xp)


def learned_after(learned: Number, tried: Number, days: Number, learning_days: Number, xp: Any) -> Number:
    """Share of the learning curve (0-1) behind someone ``days`` later: learning starts with the first try.

    Linear in ``tried``, so that it also holds for the mean of people of whom a share has tried.
    """
    return relax(learned, tried, 1.0 / learning_days, days, xp)


def learning_minutes(active: Number, tried: Number, learned: Number, load: Number, minutes_per_day: Number) -> Number:
    """Learning time of a work day for one change of learning ``load`` (1 = a new documentation tool)."""
    return active * (tried - learned) * load * minutes_per_day
