"""One person's slow states over a stretch of days, from drivers as they stood in the morning."""

from __future__ import annotations

from typing import Any, NamedTuple

from abm.rules import adoption as adoption_rules
from abm.rules import change_fatigue as change_rules
from abm.rules import cynicism as cynicism_rules
from abm.rules import exhaustion as exhaustion_rules
from abm.rules import motivation as motivation_rules
from abm.rules.curves import Number, logistic, logit


class Mind(NamedTuple):
    """Slow states of a person (all 0-1)."""

    exhaustion: Number
    cynicism: Number
    change_fatigue: Number
    motivation: Number


class Drivers(NamedTuple):
    """What moves the slow states of one person on one day."""

    fatigue: Number  # in the morning
    control: Number
    support: Number
    benefit: Number  # of active changes, as felt
    peers_motivation: Number
    unstable_changes: Number
    baseline_motivation: Number


class ChangeUse(NamedTuple):
    """How a person stands to one change (all 0-1)."""

    tried: Number
    adoption: Number
    learned: Number


def own_baseline_motivation(trait: Number, parameters: Any, xp: Any) -> Number:
    """Baseline motivation of a person with a standard normal trait."""
    return logistic(logit(parameters.baseline_motivation, xp) + parameters.motivation_spread * trait, xp)


def mind_after(mind: Mind, drivers: Drivers, days: Number, parameters: Any, rules: Any, xp: Any) -> Mind:
    """Slow states ``days`` later."""
    p, d = parameters, drivers
    exhaustion_target = rules.exhaustion_target(
        d.fatigue, d.control, d.support, p.exhaustion_midpoint, p.exhaustion_slope,
        p.control_protection, p.support_protection, xp)  # fmt: skip
    motivation_target = rules.motivation_target(
        d.baseline_motivation, mind.motivation, d.control, d.benefit, d.peers_motivation, p.leadership,
        mind.exhaustion, mind.change_fatigue, motivation_rules.MotivationEffects(p), xp)  # fmt: skip
    return Mind(
        exhaustion_rules.exhaustion_after(mind.exhaustion, exhaustion_target, days, p.exhaustion_days, xp),
        cynicism_rules.cynicism_after(mind.cynicism, mind.exhaustion, mind.motivation, days, p.cynicism_days, xp),
        change_rules.change_fatigue_after(
            mind.change_fatigue, d.unstable_changes, days, p.change_days, p.change_drip, xp),
        motivation_rules.motivation_after(mind.motivation, motivation_target, days, p.motivation_days, xp),
    )  # fmt: skip


def change_use_after(use: ChangeUse, needs_adoption: Number, peers_adoption: Number, usefulness: Number,
                     technology_comfort: Number, mind: Mind, extra_work_hours: Number, days: Number, parameters: Any,
                     rules: Any, xp: Any) -> ChangeUse:  # fmt: skip
    """Use of one change ``days`` later (``tried`` has its own event)."""
    p = parameters
    target = rules.adoption_target(
        usefulness, technology_comfort, p.trust, mind.motivation, peers_adoption, mind.change_fatigue,
        extra_work_hours, p, xp)  # fmt: skip
    adopted = adoption_rules.adoption_after(use.adoption, use.tried, target, days, p.adoption_days, xp)
    return ChangeUse(
        use.tried,
        needs_adoption * adopted + (1.0 - needs_adoption) * use.tried,
        adoption_rules.learned_after(use.learned, use.tried, days, p.learning_days, xp),
    )
