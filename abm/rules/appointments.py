"""One appointment of a session: rooming by a medical assistant, the visit, and who waits (Lindley recursion).

Times are minutes since the session began. A pod's medical assistants are a several-server queue: patients are served in
order of appointment time, then of physician; each takes the assistant who is free first.
"""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number


def log_normal_minutes(median_or_mean: Number, spread: Number, normal: Number, xp: Any) -> Number:
    """A log-normal time with the given *mean* and log-standard deviation, from a standard normal draw."""
    return median_or_mean * xp.exp(spread * normal - 0.5 * spread * spread)


def start_rooming(appointment: Number, room_free: Number, assistant_free: Number, xp: Any) -> Number:
    """When rooming starts: the patient is there, a room of the physician is free, and an assistant is free."""
    return xp.maximum(xp.maximum(appointment, room_free), assistant_free)


def start_visit(roomed: Number, physician_free: Number, xp: Any) -> Number:
    """When the visit starts: the room is ready and the physician is free."""
    return xp.maximum(roomed, physician_free)


NEVER_MINUTES = 1440.0  # a day: when an assistant who is not there would be free


def assistant_starts(index: int, assistants: Number, session_minutes: Number, xp: Any) -> Number:
    """When assistant ``index`` (0, 1, ...) of a pod with ``assistants`` full-time equivalents present starts.

    Whole assistants start with the session; a fraction works the last part of it; one who is not there, never.
    """
    present = xp.minimum(xp.maximum(assistants - index, 0.0), 1.0)
    return xp.where(present > 0.0, session_minutes * (1.0 - present), NEVER_MINUTES)


def insert_sorted(times: list[Number], new: Number, xp: Any) -> list[Number]:
    """Replace the smallest of sorted ``times`` by ``new`` and keep the order, by minima and maxima alone."""
    rest = times[1:]
    result = []
    for i in range(len(times)):
        upper = new if i == len(times) - 1 else xp.minimum(rest[i], new)
        result.append(upper if i == 0 else xp.maximum(rest[i - 1], upper))
    return result
