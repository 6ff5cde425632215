"""What an item may become: proposed, approved or rejected, enacted, undone; from when and until when it holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

ACTIONS = {"approve": "approved", "reject": "rejected", "enact": "enacted", "undo": "undone"}
NEEDS_REASON = ("reject", "undo")
# Every state is reached once at most: what was rejected or undone comes back as new advice, with new evidence.
FOLLOWS: dict[str | None, tuple[str, ...]] = {
    None: ("proposed",), "proposed": ("approved", "rejected"), "approved": ("enacted", "undone"),
    "enacted": ("undone",), "rejected": (), "undone": (),
}  # fmt: skip
IN_FORCE = ("approved", "enacted")


def allowed_actions(state: str) -> list[str]:
    """What may be decided of an item in a state."""
    return [action for action, after in ACTIONS.items() if after in FOLLOWS[state]]


def start_of(recommendation: Mapping[str, Any], days: Mapping[str, dt.date]) -> dt.date:
    """The date from which it holds: as recommended, unless it was approved later, or enacted on another date."""
    if "enacted" in days:
        return days["enacted"]
    recommended = dt.date.fromisoformat(recommendation["start"])
    return max(recommended, days.get("approved", recommended))


def end_of(recommendation: Mapping[str, Any], days: Mapping[str, dt.date], start: dt.date) -> dt.date | None:
    """The date on which it stops; None unless it was undone. What had begun goes on for the days of notice."""
    if "undone" not in days:
        return None
    begun = days["undone"] > start
    return days["undone"] + dt.timedelta(days=int(recommendation["notice_days"]) if begun else 0)


def undo_until(recommendation: Mapping[str, Any], start: dt.date) -> dt.date | None:
    """The last date on which it can be undone; None: any."""
    days = recommendation["undo_days"]
    return None if days is None else start + dt.timedelta(days=int(days))


def last_day_seen(basis: Mapping[str, Any]) -> dt.date:
    """The last date that an advice looked ahead to; until then it can be approved."""
    return dt.date.fromisoformat(basis["date"]) + dt.timedelta(days=int(basis["days"]))
