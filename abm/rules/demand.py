"""What patients ask for in a day: visit requests and messages, as rates of a panel."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number

WEEKDAYS_PER_YEAR = 365.0 * 5.0 / 7.0  # requests and messages come on weekdays


def panel_rate(patients: Number, per_patient_year: Number) -> Number:
    """Events per weekday of a panel whose members together make ``per_patient_year`` each on average."""
    return patients * per_patient_year / WEEKDAYS_PER_YEAR


def covered_panel(own: Number, vacant_in_pod: Number, present_in_pod: Number, employed: Number, xp: Any) -> Number:
    """Patients a physician answers for: the own panel plus an equal part of the pod's panels without a physician.

    All arguments in patients or people; ``present_in_pod`` counts employed physicians. A pod without any physician
    serves nobody: its patients' requests are lost to unmet need.
    """
    return employed * (own + vacant_in_pod / xp.maximum(present_in_pod, 1e-9))


def joining_share(wait_days: Number, patience_days: Number, xp: Any) -> Number:
    """Share of routine requests that book although the wait is ``wait_days``; the others' need stays unmet."""
    return xp.exp(-wait_days / patience_days)


def unmet_need_after(unmet: Number, new: Number, days: Number, unmet_need_days: Number, xp: Any) -> Number:
    """Patients with unmet need after ``days``, ``new`` ones added today."""
    return (unmet + new) * xp.exp(-days / unmet_need_days)


def repeat_messages(inbox_backlog_minutes: Number, per_hour: Number) -> Number:
    """Rate of repeat messages a weekday that an inbox backlog breeds."""
    return inbox_backlog_minutes / 60.0 * per_hour


def mean_selected(spread: Number, exponent: Number, power: Number, xp: Any) -> Number:
    """Mean of ``complexity ** power`` among requests, when patients ask in proportion to ``complexity ** exponent``.

    Complexity is log-normal with median 1; selection shifts its logarithm by ``exponent * spread**2``.
    """
    variance = spread * spread
    return xp.exp(power * exponent * variance + 0.5 * power * power * variance)
