"""Burnout on the single-item scale (1-5): an ordered response to a latent index; burned out is level 3 or more."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, logistic


def burnout_index(
    exhaustion: Number, cynicism: Number, motivation: Number, change_fatigue: Number, parameters: Any
) -> Number:
    """Latent index in logit units, without the personal intercept."""
    p = parameters
    return (
        p.burnout_exhaustion_effect * exhaustion
        + p.burnout_cynicism_effect * cynicism
        - p.burnout_motivation_effect * (motivation - 0.5)
        + p.burnout_change_effect * change_fatigue
    )


def burnout_risk(index: Number, threshold: Number, xp: Any) -> Number:
    """Chance (0-1) that a person with this index, drawn from all personal intercepts, is above a threshold."""
    return logistic(index - threshold, xp)


def burned_out(index: Number, personal_intercept: Number, threshold: Number, xp: Any) -> Number:
    """1.0 if index plus personal intercept (standard logistic between people) is above the threshold, else 0.0."""
    return xp.where(index + personal_intercept > threshold, 1.0, 0.0)


def personal_intercept(standard_normal: Number) -> Number:
    """The standard-logistic personal intercept that has the same rank as a standard normal trait.

    Uses the logistic approximation of the normal distribution function by Bowling et al. 2009
    (J Ind Eng Manag 2:114): ``Phi(z) ~ logistic(0.07056 z^3 + 1.5976 z)``, error below 1.4e-4.
    """
    return 0.07056 * standard_normal * standard_normal * standard_normal + 1.5976 * standard_normal
