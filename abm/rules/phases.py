"""A day as phases of constant rates: session, wrap-up, evening rest, evening work, sleep, morning.

Within a phase fatigue has an exact solution, so splitting a phase changes nothing and the state at any clock time is a
partial phase away. The day starts with the session (8:00); a day off has the same phases without work.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from abm.rules.curves import Number
from abm.rules.fatigue import fatigue_after_rest, fatigue_after_work

HOURS_PER_DAY = 24.0


class Phases(NamedTuple):
    """Hours and work intensities of the phases of one person's day; ``on_duty`` is 1 on a work day, 0 on a day off."""

    session: Number
    wrap_up: Number
    evening_rest: Number
    evening_work: Number
    sleep: Number
    morning_rest: Number
    session_intensity: Number
    desk_intensity: Number
    on_duty: Number


class Recovery(NamedTuple):
    """Rates of one person's fatigue, per hour."""

    build_rate: Number
    at_work: Number
    at_rest: Number
    awake_quality: Number


def plan_phases(session_hours: Number, wrap_up_hours: Number, evening_work_hours: Number, sleep: Number,
                session_intensity: Number, desk_intensity: Number, on_duty: Number, xp: Any) -> Phases:  # fmt: skip
    """Lay the phases out over 24 hours; what is free is rest, half of it before the evening's work, half after
    sleep."""
    work = session_hours + wrap_up_hours + evening_work_hours
    slept = xp.minimum(sleep, xp.maximum(HOURS_PER_DAY - work, 0.0))
    rest = 0.5 * xp.maximum(HOURS_PER_DAY - work - slept, 0.0)
    return Phases(
        session_hours, wrap_up_hours, rest, evening_work_hours, slept, rest, session_intensity, desk_intensity, on_duty
    )


def fatigue_after_session(
    fatigue: Number, hours: Number, intensity: Number, on_duty: Number, r: Recovery, xp: Any
) -> Number:
    """Fatigue after session time; someone off duty rests awake in it."""
    recovery = on_duty * r.at_work + (1.0 - on_duty) * r.at_rest * r.awake_quality
    return fatigue_after_work(fatigue, intensity, hours, r.build_rate, recovery, xp)


def fatigue_at(fatigue: Number, phases: Phases, sleep_hours_base: Number, r: Recovery, xp: Any,
               until_hour: Number = HOURS_PER_DAY) -> Number:  # fmt: skip
    """Fatigue ``until_hour`` hours (0-24) after the start of the day, from ``fatigue`` at its start."""
    left = until_hour

    def spend(hours: Number) -> Number:
        nonlocal left
        now = xp.minimum(hours, left)
        left = left - now
        return now

    fatigue = fatigue_after_session(fatigue, spend(phases.session), phases.session_intensity, phases.on_duty, r, xp)
    fatigue = fatigue_after_work(fatigue, phases.desk_intensity, spend(phases.wrap_up), r.build_rate, r.at_work, xp)
    fatigue = fatigue_after_rest(fatigue, spend(phases.evening_rest), r.at_rest, r.awake_quality, xp)
    fatigue = fatigue_after_work(
        fatigue, phases.desk_intensity, spend(phases.evening_work), r.build_rate, r.at_work, xp
    )
    fatigue = fatigue_after_rest(fatigue, spend(phases.sleep), r.at_rest, phases.sleep / sleep_hours_base, xp)
    return fatigue_after_rest(fatigue, spend(phases.morning_rest), r.at_rest, r.awake_quality, xp)


def fatigue_at_bedtime(
    fatigue: Number,
    session_hours: Number,
    session_intensity: Number,
    evening_work_hours: Number,
    desk_hours: Number,
    on_duty: Number,
    desk_intensity: Number,
    r: Recovery,
    xp: Any,
) -> Number:
    """Fatigue before sleep, as far as sleep depends on it: session and desk work without the rest between them."""
    after = fatigue_after_session(fatigue, session_hours, session_intensity, on_duty, r, xp)
    return fatigue_after_work(after, desk_intensity, desk_hours + evening_work_hours, r.build_rate, r.at_work, xp)


__all__ = ["HOURS_PER_DAY", "Phases", "Recovery", "fatigue_at", "fatigue_at_bedtime", "plan_phases"]
