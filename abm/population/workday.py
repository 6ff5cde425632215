"""A weekday of all physicians and staff as arrays, up to the evening's work."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from abm import outcomes
from abm.draws import DayDraws
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population import staffing
from abm.population.changes import Levers
from abm.population.desk import Desk, delegate, do_desk_work, read_messages, visit_work
from abm.population.modes import Day
from abm.population.requests import Appointments, book_visits
from abm.population.session import hold_session
from abm.population.state import ClinicState, trait
from abm.rules import Rules, appointments, demand, turnover
from abm.rules.burnout import personal_intercept
from abm.rules.tasks import Minutes


class Work(NamedTuple):
    """What a day's work did to the people and to the clinic's books."""

    session_hours: Any  # [P]
    wrap_up_hours: Any
    evening_hours: Any
    session_intensity: Any
    on_duty: Any
    backlog: Minutes  # [N]
    joined: Any  # [N]
    served: Any
    unmet_new: Any
    work_minutes: Any  # [N]
    record: dict[str, Any]  # [N] each


class Session(NamedTuple):
    """The session's side of a day, each [N], in minutes."""

    scheduled: Any
    desk: Any  # scheduled time protected for the desk
    overrun: Any
    idle: Any
    visits: Any  # with patients
    waits: Any  # of patients, summed
    rooming: Any  # by medical assistants, summed
    load: Any  # visits weighed by complexity
    hands: Any  # slowness at the desk


def no_work(state: ClinicState) -> Work:
    """A weekend day."""
    people, zero = jnp.zeros_like(state.fatigue), jnp.zeros_like(state.unmet)
    record = {name: zero for name in outcomes.OF_WORK}
    return Work(people, people, people, people, people, state.backlog, state.joined, state.served, zero, zero, record)


def work_day(state: ClinicState, levers: Levers, draw: DayDraws, day: Day, weekday: Any, layout: Layout,
             p: Parameters, extra_places: int, rules: Rules, mode: Any) -> Work:  # fmt: skip
    """One weekday up to the evening's work."""
    n, lever = layout.physicians, levers.of
    filled = state.employed
    burned = mode.burned_out(*burnout_inputs(state, p, rules, layout))
    absent = mode.happens(draw.absence, rules.absence_probability(burned, p.absence_per_day, p.absence_burnout_ratio))
    here = filled * (1.0 - absent)  # [P]
    on_duty = here[:n] * jnp.asarray(layout.session_days, here.dtype)[:, weekday]

    booked = book_visits(state, lever, filled[:n], on_duty, draw, day, layout, p, rules, mode)
    kept = booked.kept.sum(axis=1)
    session = _session(state, booked, lever, here, on_duty, draw, layout, p, extra_places, rules)
    rework = p.fatigue_rework_share * state.fatigue[:n]
    work = visit_work(session.load, session.hands, rework, p)
    messages, inbox = read_messages(state, booked.patients, kept, filled[:n], session.hands, rework, lever["advice"],
                                    draw, layout, p, mode)  # fmt: skip
    delegated = delegate(work, inbox, lever, kept, here, layout, p)
    administration = (p.administration_minutes_per_day + levers.learning_minutes) * on_duty
    desk = do_desk_work(state, work, messages, inbox, delegated, administration, session.idle, session.overrun,
                        session.desk, on_duty, p)  # fmt: skip

    to_nurses = (delegated.to_team + delegated.inbox_to_team) * p.staff_time_ratio
    staff_work = staffing.staff_minutes(
        booked.booked.sum(axis=1), kept, session.rooming, delegated.to_scribe, to_nurses, here, layout, p
    )
    paid, staff_here = p.staff_minutes_per_day, here[n:]
    overtime = jnp.maximum(staff_work - paid, 0.0) * staff_here
    length = session.scheduled + session.overrun
    intensity = (session.visits + p.desk_intensity * desk.day.in_gaps) / jnp.maximum(length, 1.0)
    work_minutes = session.scheduled * on_duty + session.overrun + desk.day.in_wrap_up + desk.day.in_evening
    everybody = lambda physicians, staff: jnp.concatenate([physicians, staff + jnp.zeros_like(staff_here)])  # noqa: E731
    return Work(
        session_hours=everybody(length / 60.0, paid / 60.0),
        wrap_up_hours=everybody(desk.day.in_wrap_up / 60.0, overtime / 60.0),
        evening_hours=everybody(desk.day.in_evening / 60.0, 0.0),
        session_intensity=everybody(intensity * on_duty, jnp.minimum(staff_work / paid, 1.0) * staff_here),
        on_duty=everybody(on_duty, staff_here),
        backlog=desk.day.backlog,
        joined=booked.joined,
        served=booked.served,
        unmet_new=booked.unmet_new,
        work_minutes=work_minutes,
        record=_record(
            state, booked, session, desk, lever, on_duty, absent[:n] * filled[:n], work_minutes, layout, p, rules
        ),
    )


def _session(state: ClinicState, booked: Appointments, lever: dict[str, Any], here: Any, on_duty: Any, draw: DayDraws,
             layout: Layout, p: Parameters, extra_places: int, rules: Rules) -> Session:  # fmt: skip
    """Visit and rooming times of the day, and the session they make."""
    n = layout.physicians
    doctors = state.traits[:n]
    slow = rules.slowing(state.fatigue, p.fatigue_slowing, jnp)
    newcomer = turnover.newcomer_factor(state.tenure[:n], p.newcomer_slowing, p.newcomer_days, jnp)
    complexity = jnp.exp(p.visit_complexity_exponent * p.patient_complexity_spread * booked.who.complexity)
    pace = jnp.exp(p.pace_spread * trait(doctors, "pace")) * slow[:n] * newcomer
    assistants_slow = staffing.mean_of_present(slow, here, layout, staffing.ASSISTANT)
    rooming = appointments.log_normal_minutes(
        p.rooming_minutes * assistants_slow[:, None], p.rooming_spread, draw.rooming, jnp
    )
    visit = appointments.log_normal_minutes(
        p.visit_minutes * pace[:, None] * complexity, p.visit_spread, draw.visit, jnp
    )
    scheduled = p.session_minutes * (1.0 - lever["session_removed"])
    desk = jnp.minimum(lever["protected_minutes"], scheduled)
    slot_minutes = (scheduled - desk) / jnp.maximum(booked.slots_mean, 1.0)
    extra = lever["assistants"].reshape(layout.pods, -1).mean(axis=1)
    assistants = staffing.count_here(here, layout, staffing.ASSISTANT) + extra
    held = hold_session(booked.kept, slot_minutes, rooming, visit, assistants, p.session_minutes, extra_places, layout)
    overrun = jnp.maximum(held.last_end - scheduled, 0.0) * on_duty
    return Session(
        scheduled,
        desk,
        overrun,
        jnp.maximum(scheduled + overrun - held.visit_minutes, 0.0) * on_duty,
        held.visit_minutes,
        held.wait_minutes,
        held.rooming_minutes,
        (booked.kept * complexity).sum(axis=1),
        jnp.exp(p.efficiency_spread * trait(doctors, "efficiency")) * slow[:n] * newcomer,
    )


def _record(state: ClinicState, booked: Appointments, session: Session, desk: Desk, lever: dict[str, Any], on_duty: Any,
            absent: Any, work_minutes: Any, layout: Layout, p: Parameters, rules: Rules) -> dict[str, Any]:  # fmt: skip
    """The day's outcomes that come from work, by name (see `abm.outcomes`), [N] each."""
    n, day, work = layout.physicians, desk.day, desk.visit_work
    ehr = desk.in_room + day.done.visit_work + day.done.inbox
    kept = booked.kept.sum(axis=1)
    vacant_patients = (1.0 - state.employed[:n]) * jnp.asarray(layout.panel_size, ehr.dtype) * lever["float_cover"]
    rating = trait(state.traits[:n], "rating")
    return {
        "on_duty": on_duty, "absent": absent, "slots": booked.slots, "booked": booked.booked.sum(axis=1), "kept": kept,
        "no_show": (booked.booked - booked.kept).sum(axis=1),
        "lead_days_sum": (booked.booked * booked.who.lead_days).sum(axis=1), "wait_minutes_sum": session.waits,
        "overrun_minutes": session.overrun, "visit_minutes": session.visits, "unmet_new": booked.unmet_new,
        "third_next_available_days": booked.third_next_available_days,
        "booked_disadvantaged": (booked.booked * booked.who.disadvantaged).sum(axis=1),
        "kept_disadvantaged": (booked.kept * booked.who.disadvantaged).sum(axis=1),
        "kept_by_float": demand.panel_rate(vacant_patients, p.visit_requests_per_patient_year),
        "patient_messages": desk.messages[:, 0], "result_messages": desk.messages[:, 1],
        "colleague_messages": desk.messages[:, 2], "system_messages": desk.messages[:, 3], "ehr_minutes": ehr,
        "ehr_after_hours_minutes": day.after_hours.visit_work + day.after_hours.inbox,
        "ehr_outside_scheduled_minutes": ehr - desk.in_room - desk.ehr_in_gaps,
        "note_minutes": p.in_room_share * work.notes + desk.delegated.notes_left,
        "order_minutes": p.in_room_share * work.orders + desk.delegated.orders_left,
        "clerical_minutes": work.clerical, "inbox_minutes": day.done.inbox, "work_minutes": work_minutes,
        "evening_minutes": day.in_evening, "scheduled_minutes": session.scheduled * on_duty,
        "arrived_minutes": sum(desk.arrived), "done_minutes": sum(day.done),
        "delegated_minutes": desk.delegated.total, "dropped_minutes": sum(day.dropped),
        "task_load": on_duty * rules.task_load(work_minutes, state.fatigue[:n], rating, p, jnp),
        "visit_revenue": kept * p.revenue_per_visit,
    }  # fmt: skip


def burnout_inputs(state: ClinicState, p: Parameters, rules: Rules, layout: Layout) -> tuple[Any, Any, Any]:
    """(burnout index, personal intercept, threshold), each [P]."""
    m = state.mind
    index = rules.burnout_index(m.exhaustion, m.cynicism, m.motivation, m.change_fatigue, p)
    threshold = by_profession(p.burnout_threshold_3, p.staff_burnout_threshold, layout)
    return index, personal_intercept(trait(state.traits, "intercept")), threshold


def by_profession(of_physicians: Any, of_staff: Any, layout: Layout) -> Any:
    """One value for all physicians, another for all staff, [P]."""
    return jnp.concatenate([jnp.full(layout.physicians, of_physicians), jnp.full(layout.staff, of_staff)])
