"""A physician's desk work in a day: what arrives, what is delegated, when it is done, and what is left.

Three kinds, done in this order of priority: administration and learning, visit work (notes, orders, clerical work and
chart review outside the room), inbox. Minutes are conserved for each kind:
``backlog + arrived = delegated + done + dropped + new backlog``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from abm.rules.curves import Number, saturate


class Minutes(NamedTuple):
    """Minutes by kind of desk work, in order of priority."""

    administration: Number
    visit_work: Number
    inbox: Number


class DeskDay(NamedTuple):
    """A day of desk work, in minutes by kind; after-hours minutes are part of ``done``."""

    done: Minutes
    after_hours: Minutes
    dropped: Minutes
    backlog: Minutes
    in_gaps: Number
    in_wrap_up: Number
    in_evening: Number


def visit_work_minutes(kept_visit_load: Number, minutes_per_visit: Number, slowness: Number, rework: Number) -> Number:
    """EHR minutes that visits of a summed ``kept_visit_load`` make (1 per visit of median complexity)."""
    return kept_visit_load * minutes_per_visit * slowness * (1.0 + rework)


def serve_in_order(amounts: Minutes, capacity: Number, xp: Any) -> Minutes:
    """How much of each kind is done within ``capacity`` minutes, the first kind first."""
    done = []
    left = capacity
    for amount in amounts:
        now = xp.minimum(amount, left)
        done.append(now)
        left = left - now
    return Minutes(*done)


def desk_day(work: Minutes, gap_capacity: Number, wrap_up_capacity: Number, evening_minutes_max: Number,
             dropped_shares: Minutes, xp: Any) -> DeskDay:  # fmt: skip
    """Do a day's desk work in gaps between visits, in the wrap-up, then in the evening up to what one will give.

    The evening takes ``saturate(left, evening_minutes_max)`` minutes. Of what is then still left, ``dropped_shares``
    (0-1 by kind) lapse: meetings missed, notes cut short, messages that nobody waits for any more.
    """
    in_clinic = serve_in_order(work, gap_capacity + wrap_up_capacity, xp)
    left = Minutes(*(w - d for w, d in zip(work, in_clinic, strict=True)))
    evening = saturate(sum(left), evening_minutes_max, xp)
    after_hours = serve_in_order(left, evening, xp)
    backlog = Minutes(*(a - b for a, b in zip(left, after_hours, strict=True)))
    dropped = Minutes(*(share * left_over for share, left_over in zip(dropped_shares, backlog, strict=True)))
    in_gaps = xp.minimum(gap_capacity, sum(in_clinic))
    return DeskDay(
        done=Minutes(*(c + a for c, a in zip(in_clinic, after_hours, strict=True))),
        after_hours=after_hours,
        dropped=dropped,
        backlog=Minutes(*(b - d for b, d in zip(backlog, dropped, strict=True))),
        in_gaps=in_gaps,
        in_wrap_up=sum(in_clinic) - in_gaps,
        in_evening=sum(after_hours),
    )


def delegated_minutes(wanted: Number, staff_minutes_free: Number, staff_time_ratio: Number, xp: Any) -> Number:
    """Physician minutes that staff with ``staff_minutes_free`` take over when asked for ``wanted`` (smooth minimum)."""
    return saturate(wanted, staff_minutes_free / staff_time_ratio, xp)
