"""Desk work as arrays: what a day's visits and messages ask for, what is handed on, when the rest is done."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from abm.draws import DayDraws
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population import staffing
from abm.population.staffing import pod_sum
from abm.population.state import ClinicState
from abm.rules import demand, tasks
from abm.rules.tasks import DeskDay, Minutes


class VisitWork(NamedTuple):
    """EHR minutes that today's visits make, each [N]."""

    notes: Any
    orders: Any
    clerical: Any
    review: Any

    @property
    def total(self) -> Any:
        return self.notes + self.orders + self.clerical + self.review


class Delegated(NamedTuple):
    """Physician minutes others take over, and note and order minutes outside the room that are left, each [N]."""

    to_scribe: Any
    to_software: Any
    to_team: Any
    inbox_to_team: Any
    notes_left: Any
    orders_left: Any

    @property
    def total(self) -> Any:
        return self.to_scribe + self.to_software + self.to_team + self.inbox_to_team


class Desk(NamedTuple):
    """The desk's side of a day, each [N]."""

    visit_work: VisitWork
    messages: Any  # [N, 4]: from patients, results, colleagues, the system
    delegated: Delegated
    arrived: Minutes
    day: DeskDay
    in_room: Any  # EHR minutes done in the room
    ehr_in_gaps: Any  # EHR minutes done in scheduled time between visits


def visit_work(load: Any, hands: Any, rework: Any, p: Parameters) -> VisitWork:
    """EHR minutes of visits of summed ``load`` [N], by someone with ``hands`` [N] (1 = median speed, larger =
    slower)."""
    each = (
        p.documentation_minutes_per_visit,
        p.order_minutes_per_visit,
        p.clerical_minutes_per_visit,
        p.chart_review_minutes_per_visit,
    )
    return VisitWork(*(tasks.visit_work_minutes(load, minutes, hands, rework) for minutes in each))


def read_messages(state: ClinicState, patients: Any, kept: Any, filled: Any, hands: Any, rework: Any, advice: Any,
                  draw: DayDraws, layout: Layout, p: Parameters, mode: Any) -> tuple[Any, Any]:  # fmt: skip
    """(messages [N, 4], inbox minutes [N]) of the day, after the twin's advice moved some within the pod."""
    fte = jnp.asarray(layout.fte, hands.dtype)
    from_unmet = state.unmet * p.unmet_message_rate + demand.repeat_messages(state.backlog.inbox, p.backlog_repeat_rate)
    rates = jnp.stack([
        demand.panel_rate(patients, p.patient_messages_per_patient_year) + filled * from_unmet,
        kept * p.result_messages_per_visit,
        filled * fte * p.colleague_messages_per_day,
        filled * fte * p.system_messages_per_day,
    ], axis=1)  # fmt: skip
    messages = mode.count(draw.messages, rates)
    each = jnp.stack(
        [p.patient_message_minutes, p.result_message_minutes, p.colleague_message_minutes, p.system_message_minutes]
    )
    inbox = (messages * each).sum(axis=1) * hands * (1.0 + rework)
    return messages, balanced(inbox, state.load, advice, layout, p)


def balanced(inbox: Any, load: Any, advice: Any, layout: Layout, p: Parameters) -> Any:
    """Inbox minutes after advice moved some from the loaded to the others of the pod; the pod's sum stays."""
    overload = load / jnp.maximum(pod_sum(load, layout) / layout.pod_size, 1.0) - 1.0
    weight = inbox * jnp.exp(-p.advice_gain * p.advice_accuracy * advice * overload)
    return weight * pod_sum(inbox, layout) / jnp.maximum(pod_sum(weight, layout), 1e-9)


def delegate(
    work: VisitWork, inbox: Any, lever: dict[str, Any], kept: Any, here: Any, layout: Layout, p: Parameters
) -> Delegated:
    """Hand on what changes and nurses' free time allow: scribes and software first, then the pod's nurses."""
    later = 1.0 - p.in_room_share
    scribe_notes, scribe_orders = (
        lever["documentation_to_scribe"] * later * work.notes,
        lever["orders_to_scribe"] * later * work.orders,
    )
    notes, orders = later * work.notes - scribe_notes, later * work.orders - scribe_orders
    to_software = lever["documentation_to_software"] * notes
    notes = notes - to_software
    note_wish, order_wish = lever["documentation_to_team"] * notes, lever["orders_to_team"] * orders
    inbox_wish = (1.0 - (1.0 - p.inbox_delegated_share) * (1.0 - lever["inbox_to_team"])) * inbox
    wish = pod_sum(note_wish + order_wish + inbox_wish, layout)
    nurses = jnp.repeat(staffing.count_here(here, layout, staffing.NURSE), layout.pod_size)
    free = jnp.maximum(nurses * p.staff_minutes_per_day - pod_sum(p.nurse_minutes_per_visit * kept, layout), 0.0)
    granted = tasks.delegated_minutes(wish, free, p.staff_time_ratio, jnp) / jnp.maximum(wish, 1e-9)
    return Delegated(
        scribe_notes + scribe_orders, to_software, granted * (note_wish + order_wish), granted * inbox_wish,
        notes - granted * note_wish, orders - granted * order_wish,
    )  # fmt: skip


def do_desk_work(
    state: ClinicState,
    work: VisitWork,
    messages: Any,
    inbox: Any,
    delegated: Delegated,
    administration: Any,
    idle: Any,
    overrun: Any,
    desk_minutes: Any,
    on_duty: Any,
    p: Parameters,
) -> Desk:
    """Do the day's desk work in gaps between visits, in the wrap-up and in the evening.

    ``idle`` and ``overrun`` are session minutes, ``desk_minutes`` session time protected for the desk, each [N].
    """
    arrived = Minutes(administration, (1.0 - p.in_room_share) * work.total, inbox)
    to_do = Minutes(
        state.backlog.administration + arrived.administration,
        state.backlog.visit_work + arrived.visit_work - delegated.to_scribe - delegated.to_software - delegated.to_team,
        state.backlog.inbox + inbox - delegated.inbox_to_team,
    )
    gaps = (p.gap_use_share * jnp.maximum(idle - desk_minutes, 0.0) + jnp.minimum(desk_minutes, idle)) * on_duty
    wrap_up = jnp.maximum(p.wrap_up_minutes_max - overrun, 0.0) * on_duty
    dropped = Minutes(p.administration_dropped_share, p.backlog_dropped_share, p.backlog_dropped_share)
    day = tasks.desk_day(to_do, gaps, wrap_up, p.evening_minutes_max * on_duty, dropped, jnp)
    ehr_in_gaps = day.in_gaps - jnp.minimum(to_do.administration, day.in_gaps)
    return Desk(work, messages, delegated, arrived, day, p.in_room_share * work.total, ehr_in_gaps)
