"""From request to appointment: waiting list, free slots, third next available, no-show."""

from __future__ import annotations

from typing import Any

from abm.rules.curves import Number, logistic


def no_show_probability(lead_days: Number, patient_logit: Number, intercept: Number, delay_effect: Number,
                        delay_days: Number, xp: Any) -> Number:  # fmt: skip
    """Chance that a patient does not come to an appointment booked ``lead_days`` (calendar days) ahead.

    ``logistic(intercept + delay_effect * (1 - exp(-lead_days / delay_days)) + patient_logit)``: rises at once and then
    stays, as in the Medical Appointment No Shows data.
    """
    return logistic(intercept + delay_effect * (1.0 - xp.exp(-lead_days / delay_days)) + patient_logit, xp)


def slots_today(slots_per_session: Number, slots_removed: Number, protected_minutes: Number, session_minutes: Number,
                session_share: Number, xp: Any) -> Number:  # fmt: skip
    """Slots of today's template (a real number; engines round it at random so that its mean is kept)."""
    desk_share = xp.minimum(protected_minutes / session_minutes, 1.0)
    return slots_per_session * (1.0 - slots_removed) * (1.0 - desk_share) * session_share


def fill_slots(
    slots: Number, same_day_slots: Number, urgent: Number, waiting: Number, xp: Any
) -> tuple[Number, Number]:
    """(urgent, routine) visits booked into today's ``slots``, ``same_day_slots`` of which are kept for urgent requests.

    Urgent requests of today may take the slots kept for them, the waiting list the others; either side then takes
    what the other leaves free.
    """
    kept_for_urgent = xp.minimum(urgent, same_day_slots)
    routine = xp.minimum(waiting, slots - kept_for_urgent)
    return xp.minimum(urgent, slots - routine), routine


def wait_days(waiting: Number, routine_slots_per_week: Number, xp: Any) -> Number:
    """Calendar days until a request at the end of the waiting list is seen."""
    return 7.0 * waiting / xp.maximum(routine_slots_per_week, 1.0)


def third_next_available_days(waiting: Number, routine_slots_per_week: Number, xp: Any) -> Number:
    """Calendar days until the third free slot of the template (the field's measure of access)."""
    return wait_days(waiting + 3.0, routine_slots_per_week, xp)
