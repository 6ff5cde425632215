"""A weekday of all physicians as arrays: demand, booking, session, desk work, staff."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from abm import interventions as iv
from abm.draws import DayDraws
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population.modes import Day
from abm.population.session import hold_session
from abm.population.state import ClinicState, trait
from abm.rules import Rules, appointments, booking, demand, tasks, turnover
from abm.rules.burnout import personal_intercept
from abm.rules.tasks import Minutes


class Levers(NamedTuple):
    """What the active changes do to every physician [N, levers by name], and how much learning they ask."""

    of: dict[str, Any]
    learning_minutes: Any  # [P]


class Work(NamedTuple):
    """What a weekday did to the people and to the clinic's books."""

    session_hours: Any  # [P]
    wrap_up_hours: Any
    evening_hours: Any
    session_intensity: Any
    on_duty: Any
    backlog: Minutes  # [N]
    joined: Any  # [N]
    served: Any
    unmet_new: Any
    load_minutes: Any  # [N]: work minutes of the day
    record: dict[str, Any]  # [N] each


def no_work(state: ClinicState, layout: Layout) -> Work:
    """A weekend day."""
    people = jnp.zeros_like(state.fatigue)
    zero = jnp.zeros_like(state.unmet)
    session = people + 0.0
    record = {name: zero for name in RECORDED}
    return Work(session, people, people, people, people, state.backlog, state.joined, state.served, zero, state.load, record)


RECORDED = (
    "on_duty", "absent", "slots", "booked", "kept", "no_show", "lead_days_sum", "wait_minutes_sum", "overrun_minutes",
    "visit_minutes", "unmet_new", "third_next_available_days", "booked_disadvantaged", "kept_disadvantaged",
    "kept_by_float", "patient_messages", "result_messages", "colleague_messages", "system_messages",
    "ehr_minutes", "ehr_after_hours_minutes", "ehr_outside_scheduled_minutes", "note_minutes", "order_minutes",
    "clerical_minutes", "inbox_minutes", "work_minutes", "evening_minutes", "scheduled_minutes",
    "arrived_minutes", "done_minutes", "delegated_minutes", "dropped_minutes",
)  # fmt: skip


def pod_sum(values: Any, layout: Layout) -> Any:
    """Sum over each pod's physicians, repeated for each of them: [N] -> [N]."""
    return jnp.repeat(values.reshape(layout.pods, layout.pod_size).sum(axis=1), layout.pod_size)


def work_day(state: ClinicState, levers: Levers, draw: DayDraws, day: Day, weekday: Any, layout: Layout,
             p: Parameters, rules: Rules, mode: Any) -> Work:  # fmt: skip
    """One weekday up to the evening's work."""
    n, xp = layout.physicians, jnp
    lever = levers.of
    doctors = state.traits[:n]
    fatigue, mind = state.fatigue, state.mind
    filled = mode.filled(state.employed)
    burned = mode.burned_out(*burnout_inputs(state, p, rules, layout))
    absent = mode.happens(draw.absence, rules.absence_probability(burned, p.absence_per_day, p.absence_burnout_ratio))
    here = filled * (1.0 - absent)  # [P]
    holds = jnp.asarray(layout.session_days, fatigue.dtype)[:, weekday]
    on_duty = here[:n] * holds

    # --- demand
    own = jnp.asarray(layout.panel_size, fatigue.dtype)
    vacant = (1.0 - state.employed[:n]) * own * (1.0 - lever["float_cover"])
    others_present = pod_sum(state.employed[:n], layout) - state.employed[:n] + filled[:n]
    patients = demand.covered_panel(own, pod_sum(vacant, layout) - vacant, others_present, filled[:n], xp)
    patients = patients * (1.0 - lever["panel_removed"])
    slots_mean = booking.slots_today(p.slots_per_session, lever["slots_removed"], lever["protected_minutes"],
                                     p.session_minutes, 1.0 - lever["session_removed"], xp)  # fmt: skip
    weekly_routine = (1.0 - p.same_day_share) * slots_mean * jnp.asarray(layout.session_days, fatigue.dtype).sum(axis=1)
    oldest = state.history[day.weekday_number % state.history.shape[0]]
    served = jnp.maximum(state.served, oldest)
    expired = served - state.served
    state = state._replace(served=served)
    waiting = state.joined - served
    requests = demand.panel_rate(patients, p.visit_requests_per_patient_year) + filled[:n] * state.unmet * p.unmet_request_rate
    join = demand.joining_share(booking.wait_days(waiting, weekly_routine, xp), p.patience_days, xp)
    routine_rate = requests * (1.0 - p.urgent_request_share)
    rates = jnp.stack([requests * p.urgent_request_share, routine_rate * join, routine_rate * (1.0 - join)])
    urgent, joined, balked = mode.count(draw.visits, rates)

    # --- booking
    slots = mode.whole(draw.rounding, slots_mean * on_duty)
    kept_free = mode.whole(draw.same_day_rounding, p.same_day_share * slots)
    same_day, routine = booking.fill_slots(slots, kept_free, urgent, waiting, xp)
    slot = jnp.arange(layout.slots_max, dtype=fatigue.dtype)
    booked = jnp.clip((same_day + routine)[:, None] - slot, 0.0, 1.0)
    who = mode.booked(state, routine, slot, day, layout, p)
    patient_logit = p.no_show_patient_spread * who.no_show_trait + p.no_show_disadvantage * who.disadvantaged
    no_show = rules.no_show_probability(who.lead_days, patient_logit, p.no_show_intercept, p.no_show_delay_effect,
                                        p.no_show_delay_days, xp)  # fmt: skip
    kept = booked * (1.0 - mode.happens(draw.no_show, no_show))

    # --- session
    slow = rules.slowing(fatigue, p.fatigue_slowing, xp)
    newcomer = turnover.newcomer_factor(state.tenure, p.newcomer_slowing, p.newcomer_days, xp)
    complexity = xp.exp(p.visit_complexity_exponent * p.patient_complexity_spread * who.complexity)
    pace = xp.exp(p.pace_spread * trait(doctors, "pace")) * slow[:n] * newcomer[:n]
    assistant_slow = _role_mean(slow, here, layout, 0)
    rooming = appointments.log_normal_minutes(p.rooming_minutes * assistant_slow[:, None], p.rooming_spread, draw.rooming, xp)
    visit = appointments.log_normal_minutes(p.visit_minutes * pace[:, None] * complexity, p.visit_spread, draw.visit, xp)
    session_minutes = p.session_minutes * (1.0 - lever["session_removed"])
    desk_minutes = xp.minimum(lever["protected_minutes"], session_minutes)
    slot_minutes = (session_minutes - desk_minutes) / xp.maximum(slots_mean, 1.0)
    assistants = _role_count(here, layout, 0) + lever["assistants"].reshape(layout.pods, -1).mean(axis=1)
    done = hold_session(kept, slot_minutes[:, None] * slot, rooming, visit, assistants, p.session_minutes, layout)
    overrun = xp.maximum(done.last_end - session_minutes, 0.0) * on_duty
    idle = xp.maximum(session_minutes + overrun - done.visit_minutes, 0.0) * on_duty

    # --- what arrives at the desk
    load = (kept * complexity).sum(axis=1)
    hands = xp.exp(p.efficiency_spread * trait(doctors, "efficiency")) * slow[:n] * newcomer[:n]
    rework = p.fatigue_rework_share * fatigue[:n]
    per_visit = lambda minutes: tasks.visit_work_minutes(load, minutes, hands, rework)  # noqa: E731
    notes, orders = per_visit(p.documentation_minutes_per_visit), per_visit(p.order_minutes_per_visit)
    clerical, review = per_visit(p.clerical_minutes_per_visit), per_visit(p.chart_review_minutes_per_visit)
    later = 1.0 - p.in_room_share
    visit_work = later * (notes + orders + clerical + review)
    fte = jnp.asarray(layout.fte, fatigue.dtype)
    rates = jnp.stack([
        demand.panel_rate(patients, p.patient_messages_per_patient_year)
        + filled[:n] * (state.unmet * p.unmet_message_rate + demand.repeat_messages(state.backlog.inbox, p.backlog_repeat_rate)),
        kept.sum(axis=1) * p.result_messages_per_visit,
        filled[:n] * fte * p.colleague_messages_per_day,
        filled[:n] * fte * p.system_messages_per_day,
    ], axis=1)  # fmt: skip
    messages = mode.count(draw.messages, rates)
    each = jnp.stack([p.patient_message_minutes, p.result_message_minutes, p.colleague_message_minutes, p.system_message_minutes])
    inbox = (messages * each).sum(axis=1) * hands * (1.0 + rework)
    inbox = _balanced(inbox, state.load, lever["advice"], layout, p)

    # --- delegation
    scribe_notes, scribe_orders = lever["documentation_to_scribe"] * later * notes, lever["orders_to_scribe"] * later * orders
    to_scribe = scribe_notes + scribe_orders
    notes_left, orders_left = later * notes - scribe_notes, later * orders - scribe_orders
    to_software = lever["documentation_to_software"] * notes_left
    notes_left = notes_left - to_software
    team_wish = lever["documentation_to_team"] * notes_left + lever["orders_to_team"] * orders_left
    inbox_wish = (1.0 - (1.0 - p.inbox_delegated_share) * (1.0 - lever["inbox_to_team"])) * inbox
    nurses = _role_count(here, layout, 1)
    nurse_base = p.nurse_minutes_per_visit * kept.sum(axis=1)
    wish = pod_sum(team_wish + inbox_wish, layout)
    free = xp.maximum(jnp.repeat(nurses, layout.pod_size) * p.staff_minutes_per_day - pod_sum(nurse_base, layout), 0.0)
    granted = tasks.delegated_minutes(wish, free, p.staff_time_ratio, xp) / xp.maximum(wish, 1e-9)
    to_team, inbox_to_team = granted * team_wish, granted * inbox_wish
    delegated = to_scribe + to_software + to_team + inbox_to_team

    # --- desk day
    administration = p.administration_minutes_per_day * on_duty + levers.learning_minutes[:n] * on_duty
    arrived = Minutes(administration, visit_work, inbox)
    work = Minutes(
        state.backlog.administration + administration,
        state.backlog.visit_work + visit_work - to_scribe - to_software - to_team,
        state.backlog.inbox + inbox - inbox_to_team,
    )
    gaps = (p.gap_use_share * xp.maximum(idle - desk_minutes, 0.0) + xp.minimum(desk_minutes, idle)) * on_duty
    wrap_up = xp.maximum(p.wrap_up_minutes_max - overrun, 0.0) * on_duty
    desk = tasks.desk_day(work, gaps, wrap_up, p.evening_minutes_max * on_duty,
                          Minutes(p.administration_dropped_share, p.backlog_dropped_share, p.backlog_dropped_share), xp)  # fmt: skip
    in_room = p.in_room_share * (notes + orders + clerical + review)
    ehr = in_room + desk.done.visit_work + desk.done.inbox
    ehr_in_gaps = desk.in_gaps - xp.minimum(work.administration, desk.in_gaps)
    work_minutes = session_minutes * on_duty + overrun + desk.in_wrap_up + desk.in_evening

    # --- staff
    staff_work = _staff_minutes(kept, booked, rooming, to_scribe, (to_team + inbox_to_team) * p.staff_time_ratio, nurse_base, here, layout, p)
    paid = p.staff_minutes_per_day
    staff_here = here[n:]
    overtime = xp.maximum(staff_work - paid, 0.0) * staff_here
    staff_intensity = xp.minimum(staff_work / paid, 1.0) * staff_here
    session_hours = (session_minutes + overrun) / 60.0
    intensity = (done.visit_minutes + p.desk_intensity * desk.in_gaps) / xp.maximum(session_minutes + overrun, 1.0)
    join_people = lambda a, b: jnp.concatenate([a, b + jnp.zeros_like(staff_here)])  # noqa: E731

    note_share = xp.maximum(notes_left - lever["documentation_to_team"] * granted * notes_left, 0.0)
    order_share = xp.maximum(orders_left - lever["orders_to_team"] * granted * orders_left, 0.0)
    record = {
        "on_duty": on_duty, "absent": absent[:n] * filled[:n], "slots": slots, "booked": booked.sum(axis=1),
        "kept": kept.sum(axis=1), "no_show": (booked - kept).sum(axis=1),
        "lead_days_sum": (booked * who.lead_days).sum(axis=1), "wait_minutes_sum": done.wait_minutes,
        "overrun_minutes": overrun, "visit_minutes": done.visit_minutes, "unmet_new": expired + balked + (booked - kept).sum(axis=1),
        "third_next_available_days": booking.third_next_available_days(waiting, weekly_routine, xp) * filled[:n],
        "booked_disadvantaged": (booked * who.disadvantaged).sum(axis=1),
        "kept_disadvantaged": (kept * who.disadvantaged).sum(axis=1),
        "kept_by_float": demand.panel_rate((1.0 - state.employed[:n]) * own * lever["float_cover"], p.visit_requests_per_patient_year),
        "patient_messages": messages[:, 0], "result_messages": messages[:, 1], "colleague_messages": messages[:, 2],
        "system_messages": messages[:, 3], "ehr_minutes": ehr,
        "ehr_after_hours_minutes": desk.after_hours.visit_work + desk.after_hours.inbox,
        "ehr_outside_scheduled_minutes": ehr - in_room - ehr_in_gaps,
        "note_minutes": p.in_room_share * notes + note_share, "order_minutes": p.in_room_share * orders + order_share,
        "clerical_minutes": clerical, "inbox_minutes": desk.done.inbox, "work_minutes": work_minutes,
        "evening_minutes": desk.in_evening, "scheduled_minutes": session_minutes * on_duty,
        "arrived_minutes": sum(arrived), "done_minutes": sum(desk.done), "delegated_minutes": delegated,
        "dropped_minutes": sum(desk.dropped),
    }  # fmt: skip
    return Work(
        session_hours=join_people(session_hours, paid / 60.0),
        wrap_up_hours=join_people(desk.in_wrap_up / 60.0, overtime / 60.0),
        evening_hours=join_people(desk.in_evening / 60.0, 0.0),
        session_intensity=join_people(intensity * on_duty, staff_intensity),
        on_duty=join_people(on_duty, staff_here),
        backlog=desk.backlog,
        joined=state.joined + joined + (urgent - same_day),
        served=served + routine,
        unmet_new=record["unmet_new"],
        load_minutes=work_minutes,
        record=record,
    )


def burnout_inputs(state: ClinicState, p: Parameters, rules: Rules, layout: Layout) -> tuple[Any, Any, Any]:
    """(burnout index, personal intercept, threshold), each [P]."""
    m = state.mind
    index = rules.burnout_index(m.exhaustion, m.cynicism, m.motivation, m.change_fatigue, p)
    thresholds = jnp.concatenate([
        jnp.full(layout.physicians, p.burnout_threshold_3), jnp.full(layout.staff, p.staff_burnout_threshold)])  # fmt: skip
    return index, personal_intercept(trait(state.traits, "intercept")), thresholds


def _staff_view(values: Any, layout: Layout, role: int) -> Any:
    """Values [P] of the staff of one role as [pods, members]."""
    staff = values[layout.physicians :].reshape(layout.pods, -1)
    first = sum(layout.staff_per_pod[:role])
    return staff[:, first : first + layout.staff_per_pod[role]]


def _role_count(here: Any, layout: Layout, role: int) -> Any:
    """People of a role present in each pod, [pods]."""
    return _staff_view(here, layout, role).sum(axis=1)


def _role_mean(values: Any, here: Any, layout: Layout, role: int) -> Any:
    """Mean over the members of a role who are present in the physician's pod (of all, if nobody is), [N]."""
    weight = _staff_view(here, layout, role) + 1e-9
    mean = (_staff_view(values, layout, role) * weight).sum(axis=1) / weight.sum(axis=1)
    return jnp.repeat(mean, layout.pod_size)


def _balanced(inbox: Any, load: Any, advice: Any, layout: Layout, p: Parameters) -> Any:
    """Inbox minutes after the twin's advice moved some from the loaded to the others of the pod; the pod's sum stays."""
    overload = load / jnp.maximum(pod_sum(load, layout) / layout.pod_size, 1.0) - 1.0
    weight = inbox * jnp.exp(-p.advice_gain * p.advice_accuracy * advice * overload)
    return weight * pod_sum(inbox, layout) / jnp.maximum(pod_sum(weight, layout), 1e-9)


def _staff_minutes(kept: Any, booked: Any, rooming: Any, to_scribe: Any, to_nurses: Any, nurse_base: Any, here: Any,
                   layout: Layout, p: Parameters) -> Any:  # fmt: skip
    """Minutes of work of every staff member present, [M]: a pod's work of a role is shared equally."""
    per_pod = lambda v: v.reshape(layout.pods, -1).sum(axis=1)  # noqa: E731
    totals = (
        per_pod((kept * rooming).sum(axis=1) + p.medical_assistant_visit_minutes * kept.sum(axis=1)),
        per_pod(nurse_base + to_nurses),
        per_pod(p.front_desk_minutes_per_visit * booked.sum(axis=1)),
        per_pod(to_scribe),
    )
    columns = []
    for role, total in enumerate(totals):
        members = layout.staff_per_pod[role]
        if members:
            share = total / jnp.maximum(_role_count(here, layout, role), 1.0)
            columns.append(jnp.repeat(share[:, None], members, axis=1))
    return jnp.concatenate(columns, axis=1).reshape(-1)


def change_levers(state: ClinicState, changes: iv.InterventionSet, day: Any, layout: Layout, p: Parameters) -> tuple[Levers, Any, Any]:
    """(levers, roll-out [P, C], usefulness [C]) of the day, from the morning's adoption."""
    n = layout.physicians
    rolled = iv.rollout(day, changes.start, changes.ramp[:, None], changes.reached, jnp).T  # [P, C]
    use = rolled * state.use.adoption
    effects = iv.kind_effects(p, jnp)[changes.kind] * changes.dose[:, None]  # [C, L]
    strength = use[:n, :, None] * effects  # [N, C, L]
    shares = len(iv.SHARE_LEVERS)
    combined = 1.0 - jnp.prod(1.0 - jnp.minimum(strength[..., :shares], 1.0), axis=1)
    added = strength[..., shares:].sum(axis=1)
    values = jnp.concatenate([combined, added], axis=1)
    relief = 1.0 - jnp.prod(1.0 - jnp.minimum(effects[:, : len(iv.RELIEF)], 1.0), axis=1)
    learning = (rolled * state.use.tried * (1.0 - state.use.learned) * changes.learning_load * jnp.minimum(changes.dose, 1.0)).sum(axis=1)
    levers = {name: values[:, i] for i, name in enumerate(iv.LEVERS)}
    return Levers(levers, learning * p.learning_minutes_per_day), rolled, relief
