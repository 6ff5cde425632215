"""Fatigue (0-1): builds up at work, decays at rest and in sleep (effort-recovery theory), and shortens sleep."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, relax


def fatigue_after_work(fatigue: Number, intensity: Number, hours: Number, build_rate: Number,
                       recovery_rate_at_work: Number, xp: Any) -> Number:  # fmt: skip
    """Fatigue after ``hours`` of work of constant ``intensity`` (0 = idle, 1 = seeing patients without a pause).

    ``d fatigue/dt = build_rate * intensity * (1 - fatigue) - recovery_rate_at_work * fatigue`` (rates per hour).
    """
    build = build_rate * intensity
    rate = build + recovery_rate_at_work
    return relax(fatigue, build / xp.maximum(rate, 1e-12), rate, hours, xp)


def fatigue_after_rest(fatigue: Number, hours: Number, recovery_rate: Number, quality: Number, xp: Any) -> Number:
    """Fatigue after ``hours`` of rest: ``d fatigue/dt = -recovery_rate * quality * fatigue`` (quality 1 = good
    sleep)."""
    return relax(fatigue, 0.0, recovery_rate * quality, hours, xp)


def sleep_hours(evening_work_hours: Number, fatigue_at_bedtime: Number, noise: Number, base_hours: Number,
                loss_per_evening_hour: Number, loss_fatigue: Number, spread: Number, xp: Any) -> Number:  # fmt: skip
    """Hours of sleep: shortened by evening work and by fatigue itself; ``noise`` is a standard normal of the night.

    The loss is at most ``exp(-loss)`` of the base, and at most 11 hours are slept (smoothly bounded).
    """
    log_loss = loss_per_evening_hour * evening_work_hours + loss_fatigue * fatigue_at_bedtime
    wanted = base_hours * xp.exp(-log_loss + spread * noise - 0.5 * spread * spread)
    return wanted / xp.sqrt(xp.sqrt(xp.sqrt(1.0 + (wanted / 11.0) ** 8)))


def slowing(fatigue: Number, effect: Number, xp: Any) -> Number:
    """Factor (>= 1) by which a tired person is slower."""
    return xp.exp(effect * fatigue)
