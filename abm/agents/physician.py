"""A family physician's day: requests, appointments, desk work, after-hours work."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from abm import draws
from abm.agents.patient import Patient
from abm.agents.person import DayOfWork, Person
from abm.population.modes import calendar_day
from abm.population.state import BOOKING_HORIZON_WEEKDAYS
from abm.rules import adoption, appointments, booking, demand, tasks, turnover
from abm.rules import scalar as xp
from abm.rules.curves import relax
from abm.rules.tasks import Minutes


class Request(NamedTuple):
    """A routine request on the waiting list."""

    patient: Patient
    weekday_number: int


class Visit(NamedTuple):
    """A booked appointment of today."""

    patient: Patient
    lead_days: int
    slot: int
    comes: bool


class Physician(Person):
    """A physician with a panel, a template and a desk. Override a method to change a rule for a subclass."""

    is_physician = True

    def __init__(
        self, model: Any, index: int, pod: int, trait_sets: list[list[float]], session_days: list[float]
    ) -> None:
        super().__init__(model, index, pod, trait_sets)
        self.session_days = session_days
        self.fte = sum(session_days) / len(session_days)
        self.panel: list[Patient] = []  # ranked by complexity
        self.waiting_list: deque[Request] = deque()
        self.backlog = Minutes(0.0, 0.0, 0.0)
        self.unmet = 0.0
        self.load = model.parameters.session_minutes
        self.visits: list[Visit] = []
        self._levers: dict[str, float] = {}

    # --- what this person is
    @property
    def fatigue_build_rate(self) -> float:
        return self.model.parameters.fatigue_build_rate

    @property
    def leaving_per_year(self) -> float:
        return self.model.parameters.leaving_per_year

    @property
    def hire_days(self) -> float:
        return self.model.parameters.hire_days

    @property
    def burnout_threshold(self) -> float:
        return self.model.parameters.burnout_threshold_3

    @property
    def levers(self) -> dict[str, float]:
        return self._levers

    def read_levers(self) -> None:
        """What the active changes do to this physician today, from this morning's adoption."""
        clinic = self.model
        changes = clinic.manager.changes
        if not changes:
            self._levers, self.learning_minutes = clinic.no_levers, 0.0
            return
        values = dict(clinic.no_levers)
        learning = 0.0
        for use, change in zip(self.uses, changes, strict=True):
            strength = change.rolled_out(self) * use.adoption
            for lever, effect in change.effects.items():
                if lever in clinic.share_levers:
                    values[lever] = 1.0 - (1.0 - values[lever]) * (1.0 - min(strength * effect, 1.0))
                else:
                    values[lever] += strength * effect
            learning += adoption.learning_minutes(
                change.rolled_out(self), use.tried, use.learned, change.learning_load * min(change.dose, 1.0),
                clinic.parameters.learning_minutes_per_day)  # fmt: skip
        self._levers, self.learning_minutes = values, learning

    # --- demand and booking
    @property
    def on_duty(self) -> float:
        return self.here * self.session_days[self.model.weekday]

    def patients_answered_for(self) -> float:
        """Own panel and a part of the pod's panels without a physician."""
        pod = self.model.pods[self.pod]
        vacant = sum((1.0 - q.employed) * len(q.panel) * (1.0 - q.levers["float_cover"]) for q in pod)
        if not self.employed:
            return 0.0
        present = sum(q.employed for q in pod)
        patients = demand.covered_panel(float(len(self.panel)), vacant, present, 1.0, xp)
        return patients * (1.0 - self.levers["panel_removed"])

    def take_requests(self) -> None:
        """Requests of today: some want to be seen today, some join the waiting list, some find the wait too long."""
        p, clinic, lever = self.model.parameters, self.model, self.levers
        self.patients = self.patients_answered_for()
        self.slots_mean = booking.slots_today(p.slots_per_session, lever["slots_removed"], lever["protected_minutes"],
                                              p.session_minutes, 1.0 - lever["session_removed"], xp)  # fmt: skip
        self.weekly_routine = (1.0 - p.same_day_share) * self.slots_mean * sum(self.session_days)
        self.expired = 0
        while (
            self.waiting_list
            and self.waiting_list[0].weekday_number <= clinic.weekday_number - BOOKING_HORIZON_WEEKDAYS
        ):
            self.waiting_list.popleft().patient.leave_unmet()
            self.expired += 1
        waiting = float(len(self.waiting_list))
        self.third_next = booking.third_next_available_days(waiting, self.weekly_routine, xp) * self.employed
        requests = (
            demand.panel_rate(self.patients, p.visit_requests_per_patient_year)
            + self.employed * self.unmet * p.unmet_request_rate
        )
        join = demand.joining_share(booking.wait_days(waiting, self.weekly_routine, xp), p.patience_days, xp)
        routine = requests * (1.0 - p.urgent_request_share)
        rates = (requests * p.urgent_request_share, routine * join, routine * (1.0 - join))
        u = clinic.draw.visits
        self.urgent, self.joined, self.balked = (
            draws.poisson_quantile_scalar(u[k][self.index], rate) for k, rate in enumerate(rates)
        )

    def book(self) -> None:
        """Fill today's slots from the waiting list and from today's requests; the others join the list."""
        p, clinic, i = self.model.parameters, self.model, self.index
        self.slots = xp.floor(self.slots_mean * self.on_duty + clinic.draw.rounding[i])
        kept_free = xp.floor(p.same_day_share * self.slots + clinic.draw.same_day_rounding[i])
        same_day, routine = booking.fill_slots(self.slots, kept_free, self.urgent, float(len(self.waiting_list)), xp)
        self.visits = []
        today = clinic.weekday_number
        for slot in range(min(int(same_day + routine), clinic.layout.slots_max)):
            if slot < routine:
                patient, requested = self.waiting_list.popleft()
                lead = calendar_day(today) - calendar_day(requested)
            else:
                patient, lead = self.panel_member(draws.SAME_DAY_INDEX + slot - int(routine)), 0
            self.visits.append(Visit(patient, lead, slot, patient.comes(float(lead), clinic.draw.no_show[i][slot])))
        overflow = int(self.urgent - same_day)
        for k in range(int(self.joined) + overflow):
            patient = self.panel_member(k)
            if patient.pending_since is None:
                patient.pending_since = clinic.day
            self.waiting_list.append(Request(patient, today))
        for k in range(int(self.balked)):
            self.panel_member(draws.STAND_IN_INDEX + k).leave_unmet()

    def panel_member(self, index: int) -> Patient:
        """Who makes the ``index``-th request of today: drawn in proportion to the panel's request rates."""
        return self.panel[self.model.request_ranks(index)[self.index]]

    # --- session
    def prepare_session(self) -> None:
        """Times and paces of today's session."""
        p, clinic, lever = self.model.parameters, self.model, self.levers
        newcomer = turnover.newcomer_factor(self.tenure, p.newcomer_slowing, p.newcomer_days, xp)
        self.pace = xp.exp(p.pace_spread * self.traits["pace"]) * self.slowness * newcomer
        self.hands = xp.exp(p.efficiency_spread * self.traits["efficiency"]) * self.slowness * newcomer
        self.session_minutes = p.session_minutes * (1.0 - lever["session_removed"])
        self.desk_minutes = min(lever["protected_minutes"], self.session_minutes)
        self.slot_minutes = (self.session_minutes - self.desk_minutes) / max(self.slots_mean, 1.0)
        self.room_free = deque([0.0] * clinic.layout.rooms_per_physician)
        self.free_at = self.wait_sum = self.visit_minutes = self.rooming_sum = 0.0
        self.visit_load = 0.0

    def see(self, visit: Visit, assistants_free: list[float], assistant_slowness: float) -> None:
        """One kept appointment: rooming by the pod's assistant who is free first, then the visit."""
        p, clinic, i = self.model.parameters, self.model, self.index
        z = clinic.draw.rooming[i][visit.slot]
        rooming = appointments.log_normal_minutes(p.rooming_minutes * assistant_slowness, p.rooming_spread, z, xp)
        booked = self.slot_minutes * visit.slot
        roomed = appointments.start_rooming(booked, self.room_free[0], assistants_free[0], xp) + rooming
        clinic.occupy_assistant(assistants_free, roomed)
        load = xp.exp(p.visit_complexity_exponent * p.patient_complexity_spread * visit.patient.complexity)
        minutes = appointments.log_normal_minutes(p.visit_minutes * self.pace * load, p.visit_spread,
                                                  clinic.draw.visit[i][visit.slot], xp)  # fmt: skip
        begins = appointments.start_visit(roomed, self.free_at, xp)
        self.free_at = begins + minutes
        self.room_free.popleft()
        self.room_free.append(self.free_at)
        self.wait_sum += begins - booked
        self.visit_minutes += minutes
        self.rooming_sum += rooming
        self.visit_load += load

    def close_session(self) -> None:
        """Over-run and idle time; patients' own records."""
        self.overrun = max(self.free_at - self.session_minutes, 0.0) * self.on_duty
        self.idle = max(self.session_minutes + self.overrun - self.visit_minutes, 0.0) * self.on_duty
        self.kept = 0
        for visit in self.visits:
            patient = visit.patient
            patient.pending_since = None
            if visit.comes:
                self.kept += 1
                patient.visits += 1
            else:
                patient.no_shows += 1
                patient.leave_unmet()

    # --- desk
    def read_inbox(self) -> None:
        """Messages of today, in minutes before any is moved to others."""
        p, u = self.model.parameters, self.model.draw.messages[self.index]
        rates = (
            demand.panel_rate(self.patients, p.patient_messages_per_patient_year)
            + self.employed
            * (self.unmet * p.unmet_message_rate + demand.repeat_messages(self.backlog.inbox, p.backlog_repeat_rate)),
            self.kept * p.result_messages_per_visit,
            self.employed * self.fte * p.colleague_messages_per_day,
            self.employed * self.fte * p.system_messages_per_day,
        )
        self.messages = [draws.poisson_quantile_scalar(u[k], rate) for k, rate in enumerate(rates)]
        each = (
            p.patient_message_minutes,
            p.result_message_minutes,
            p.colleague_message_minutes,
            p.system_message_minutes,
        )
        rework = p.fatigue_rework_share * self.fatigue
        self.inbox = sum(m * e for m, e in zip(self.messages, each, strict=True)) * self.hands * (1.0 + rework)

    def write_visits_up(self) -> None:
        """EHR minutes today's visits make, and what of them (and of the inbox) is asked of others."""
        p, lever = self.model.parameters, self.levers
        rework = p.fatigue_rework_share * self.fatigue
        self.notes, self.orders, self.clerical, self.review = (
            tasks.visit_work_minutes(self.visit_load, minutes, self.hands, rework)
            for minutes in (p.documentation_minutes_per_visit, p.order_minutes_per_visit,
                            p.clerical_minutes_per_visit, p.chart_review_minutes_per_visit)
        )  # fmt: skip
        later = 1.0 - p.in_room_share
        self.visit_work = later * (self.notes + self.orders + self.clerical + self.review)
        scribe_notes = lever["documentation_to_scribe"] * later * self.notes
        scribe_orders = lever["orders_to_scribe"] * later * self.orders
        self.to_scribe = scribe_notes + scribe_orders
        self.notes_left, self.orders_left = later * self.notes - scribe_notes, later * self.orders - scribe_orders
        self.to_software = lever["documentation_to_software"] * self.notes_left
        self.notes_left -= self.to_software
        self.team_wish = lever["documentation_to_team"] * self.notes_left + lever["orders_to_team"] * self.orders_left
        self.inbox_wish = (1.0 - (1.0 - p.inbox_delegated_share) * (1.0 - lever["inbox_to_team"])) * self.inbox

    def do_desk_work(self, granted: float) -> None:
        """Desk work in gaps, wrap-up and evening; ``granted`` is the share of the wishes that nurses can take over."""
        p, duty = self.model.parameters, self.on_duty
        self.granted = granted
        self.to_team, self.inbox_to_team = granted * self.team_wish, granted * self.inbox_wish
        administration = (p.administration_minutes_per_day + self.learning_minutes) * duty
        self.arrived = administration + self.visit_work + self.inbox
        work = Minutes(
            self.backlog.administration + administration,
            self.backlog.visit_work + self.visit_work - self.to_scribe - self.to_software - self.to_team,
            self.backlog.inbox + self.inbox - self.inbox_to_team,
        )
        gaps = (p.gap_use_share * max(self.idle - self.desk_minutes, 0.0) + min(self.desk_minutes, self.idle)) * duty
        wrap_up = max(p.wrap_up_minutes_max - self.overrun, 0.0) * duty
        dropped = Minutes(p.administration_dropped_share, p.backlog_dropped_share, p.backlog_dropped_share)
        self.desk = tasks.desk_day(work, gaps, wrap_up, p.evening_minutes_max * duty, dropped, xp)
        self.ehr_in_gaps = self.desk.in_gaps - min(work.administration, self.desk.in_gaps)
        self.backlog = self.desk.backlog
        session = self.session_minutes + self.overrun
        self.work_minutes = self.session_minutes * duty + self.overrun + self.desk.in_wrap_up + self.desk.in_evening
        intensity = (self.visit_minutes + p.desk_intensity * self.desk.in_gaps) / max(session, 1.0)
        self.work = DayOfWork(
            session / 60.0, self.desk.in_wrap_up / 60.0, self.desk.in_evening / 60.0, intensity * duty, duty
        )

    # --- evening to morning
    def night(self) -> None:
        """As for everybody; besides, unmet need fades and a leaver's waiting list is cancelled."""
        p = self.model.parameters
        unmet_new = self.count_unmet() if self.model.is_weekday else 0.0
        if self.model.is_weekday:
            self.day_record = self.record_work(unmet_new)
            self.load = relax(self.load, self.work_minutes, self.on_duty / p.advice_latency_days, 1.0, xp)
        super().night()
        if not self.employed:
            unmet_new += len(self.waiting_list)
            for request in self.waiting_list:
                request.patient.leave_unmet()
            self.waiting_list.clear()
        self.unmet = demand.unmet_need_after(self.unmet, unmet_new, 1.0, p.unmet_need_days, xp)

    def count_unmet(self) -> float:
        return self.expired + self.balked + len(self.visits) - self.kept

    def record_work(self, unmet_new: float) -> dict[str, float]:
        """What the day brought, by outcome name (see `abm.outcomes`)."""
        p, visits, desk = self.model.parameters, self.visits, self.desk
        in_room = p.in_room_share * (self.notes + self.orders + self.clerical + self.review)
        ehr = in_room + desk.done.visit_work + desk.done.inbox
        lever = self.levers
        note_share = max(self.notes_left - lever["documentation_to_team"] * self.granted * self.notes_left, 0.0)
        order_share = max(self.orders_left - lever["orders_to_team"] * self.granted * self.orders_left, 0.0)
        own = len(self.panel)
        return {
            "on_duty": self.on_duty,
            "absent": self.absent * self.employed,
            "slots": self.slots,
            "booked": len(visits),
            "kept": self.kept,
            "no_show": len(visits) - self.kept,
            "lead_days_sum": sum(v.lead_days for v in visits),
            "wait_minutes_sum": self.wait_sum,
            "overrun_minutes": self.overrun,
            "visit_minutes": self.visit_minutes,
            "unmet_new": unmet_new,
            "third_next_available_days": self.third_next,
            "booked_disadvantaged": sum(v.patient.disadvantaged for v in visits),
            "kept_disadvantaged": sum(v.patient.disadvantaged for v in visits if v.comes),
            "kept_by_float": demand.panel_rate(
                (1.0 - self.employed) * own * lever["float_cover"], p.visit_requests_per_patient_year
            ),
            "patient_messages": self.messages[0],
            "result_messages": self.messages[1],
            "colleague_messages": self.messages[2],
            "system_messages": self.messages[3],
            "ehr_minutes": ehr,
            "ehr_after_hours_minutes": desk.after_hours.visit_work + desk.after_hours.inbox,
            "ehr_outside_scheduled_minutes": ehr - in_room - self.ehr_in_gaps,
            "note_minutes": p.in_room_share * self.notes + note_share,
            "order_minutes": p.in_room_share * self.orders + order_share,
            "clerical_minutes": self.clerical,
            "inbox_minutes": desk.done.inbox,
            "work_minutes": self.work_minutes,
            "evening_minutes": desk.in_evening,
            "scheduled_minutes": self.session_minutes * self.on_duty,
            "arrived_minutes": self.arrived,
            "done_minutes": sum(desk.done),
            "dropped_minutes": sum(desk.dropped),
            "delegated_minutes": self.to_scribe + self.to_software + self.to_team + self.inbox_to_team,
            "task_load": self.on_duty
            * self.model.rules.task_load(self.work_minutes, self.fatigue, self.traits["rating"], p, xp),
            "visit_revenue": self.kept * p.revenue_per_visit,
        }

    def day_outcomes(self) -> dict[str, float]:
        """All outcomes of the day that is over, by name."""
        work = self.day_record if self.model.is_weekday else {}
        return {**work, **self.record, "backlog_minutes": sum(self.backlog), "waiting_requests": len(self.waiting_list),
                "unmet_need": self.unmet, "turnover_cost": self.left * self.model.parameters.turnover_cost}  # fmt: skip
