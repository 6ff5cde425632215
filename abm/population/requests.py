"""Demand and booking as arrays: who asks for a visit, who gets one of today's slots, who comes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from abm.draws import DayDraws
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population.fusion import once
from abm.population.modes import Booked, Day
from abm.population.staffing import pod_sum
from abm.population.state import ClinicState
from abm.rules import Rules, booking, demand


class Appointments(NamedTuple):
    """Today's requests and appointments, [N] or [N, K]."""

    patients: Any  # [N]: answered for, own and covered
    slots_mean: Any  # [N]: of the template
    slots: Any  # [N]: offered today
    who: Booked  # each [N, K]
    booked: Any  # [N, K]: 1 where a slot is taken
    kept: Any  # [N, K]: 1 where the patient came
    joined: Any  # [N]: requests that ever joined the waiting list
    served: Any  # [N]: requests that ever left it
    unmet_new: Any  # [N]
    third_next_available_days: Any  # [N]


def book_visits(state: ClinicState, lever: dict[str, Any], filled: Any, on_duty: Any, draw: DayDraws, day: Day,
                layout: Layout, p: Parameters, rules: Rules, mode: Any) -> Appointments:  # fmt: skip
    """Requests of the day, today's slots filled from them and from the waiting list, and no-shows.

    ``filled`` [N] is 1 where the post is filled, ``on_duty`` [N] where a session is held.
    """
    dtype = state.fatigue.dtype
    patients = _patients(state, lever, filled, layout)
    slots_mean = booking.slots_today(p.slots_per_session, lever["slots_removed"], lever["protected_minutes"],
                                     p.session_minutes, 1.0 - lever["session_removed"], jnp)  # fmt: skip
    sessions_a_week = jnp.asarray(layout.session_days, dtype).sum(axis=1)
    weekly_routine = (1.0 - p.same_day_share) * slots_mean * sessions_a_week
    # requests older than the booking horizon lapse
    still_open = jnp.maximum(state.served, state.history[:, day.weekday_number % state.history.shape[1]])
    expired = still_open - state.served
    state = state._replace(served=still_open)
    waiting = state.joined - still_open

    requests = (
        demand.panel_rate(patients, p.visit_requests_per_patient_year) + filled * state.unmet * p.unmet_request_rate
    )
    join = demand.joining_share(booking.wait_days(waiting, weekly_routine, jnp), p.patience_days, jnp)
    routine_rate = requests * (1.0 - p.urgent_request_share)
    rates = jnp.stack([requests * p.urgent_request_share, routine_rate * join, routine_rate * (1.0 - join)])
    urgent, joined, balked = mode.count(draw.visits, rates)

    slots = mode.whole(draw.rounding, slots_mean * on_duty)
    kept_free = mode.whole(draw.same_day_rounding, p.same_day_share * slots)
    same_day, routine = once(booking.fill_slots(slots, kept_free, urgent, waiting, jnp))
    slot = jnp.arange(layout.slots_max, dtype=dtype)
    booked = jnp.clip((same_day + routine)[:, None] - slot, 0.0, 1.0)
    who = mode.booked(state, routine, slot, day, layout, p)
    patient_logit = p.no_show_patient_spread * who.no_show_trait + p.no_show_disadvantage * who.disadvantaged
    missing = rules.no_show_probability(who.lead_days, patient_logit, p.no_show_intercept, p.no_show_delay_effect,
                                        p.no_show_delay_days, jnp)  # fmt: skip
    kept = booked * (1.0 - mode.happens(draw.no_show, missing))
    return Appointments(
        patients, slots_mean, slots, who, booked, kept,
        joined=state.joined + joined + (urgent - same_day), served=still_open + routine,
        unmet_new=expired + balked + (booked - kept).sum(axis=1),
        third_next_available_days=booking.third_next_available_days(waiting, weekly_routine, jnp) * filled,
    )  # fmt: skip


def _patients(state: ClinicState, lever: dict[str, Any], filled: Any, layout: Layout) -> Any:
    """Patients each physician answers for: own panel and a part of the pod's panels without a physician, [N]."""
    n = layout.physicians
    own = jnp.asarray(layout.panel_size, state.fatigue.dtype)
    employed = state.employed[:n]
    vacant = (1.0 - employed) * own * (1.0 - lever["float_cover"])
    present = pod_sum(employed, layout) - employed + filled
    patients = demand.covered_panel(own, pod_sum(vacant, layout) - vacant, present, filled, jnp)
    return patients * (1.0 - lever["panel_removed"])
