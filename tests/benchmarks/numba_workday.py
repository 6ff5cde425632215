"""A pod's weekday in the Numba clinic: requests and booking, sessions, desk work, staff."""

from __future__ import annotations

from math import exp, floor

from abm.layout import ROLES
from abm.population.state import BOOKING_HORIZON_WEEKDAYS
from abm.rules.appointments import NEVER_MINUTES
from abm.rules.demand import WEEKDAYS_PER_YEAR as WEEKDAYS_PER_YEAR_EXACT
from abm.rules.task_load import SCALE_MAXIMUM, TEN_HOURS_MINUTES
from tests.benchmarks.numba_arrays import QUEUE
from tests.benchmarks.numba_people import (
    EFFICIENCY,
    ONE,
    PACE,
    RATING,
    TINY,
    ZERO,
    F,
    add,
    fast,
    logistic,
    next_word,
    poisson,
    relax,
    saturate,
    sixteen,
    uniform,
)

HOUR, NEVER, SCALE, TEN_HOURS = F(60), F(NEVER_MINUTES), F(SCALE_MAXIMUM), F(TEN_HOURS_MINUTES)
WEEKDAYS_PER_YEAR = F(WEEKDAYS_PER_YEAR_EXACT)
ASSISTANT, NURSE, FRONT_DESK, SCRIBE = range(len(ROLES))

OF_WORK = (
    "on_duty", "absent", "slots", "booked", "kept", "no_show", "lead_days_sum", "wait_minutes_sum", "overrun_minutes",
    "visit_minutes", "unmet_new", "third_next_available_days", "booked_disadvantaged", "kept_disadvantaged",
    "patient_messages", "result_messages", "colleague_messages", "system_messages", "ehr_minutes",
    "ehr_after_hours_minutes", "ehr_outside_scheduled_minutes", "note_minutes", "order_minutes", "clerical_minutes",
    "inbox_minutes", "work_minutes", "evening_minutes", "scheduled_minutes", "arrived_minutes", "done_minutes",
    "delegated_minutes", "dropped_minutes", "task_load", "visit_revenue",
)  # fmt: skip


@fast
def book(i, weekday, weekday_number, desks, today, rec, layout, tables, p, rng):
    """Requests and today's slots of one physician."""
    first, waiting, patients, on_duty = desks.first[i], desks.waiting[i], today.patients[i], today.on_duty[i]
    employed = ONE if patients > ZERO else ZERO
    expired = ZERO
    while waiting > 0 and desks.queue[i, first & (QUEUE - 1)] <= weekday_number - BOOKING_HORIZON_WEEKDAYS:
        first, waiting, expired = first + 1, waiting - 1, expired + ONE
    days = ZERO
    for d in range(5):
        days += layout.session_days[i, d]
    weekly = max((ONE - p.same_day_share) * p.slots_per_session * days, ONE)
    third_next = F(7) * (F(waiting) + F(3)) / weekly * employed
    requests = patients * p.visit_requests_per_patient_year / WEEKDAYS_PER_YEAR
    requests += employed * desks.unmet[i] * p.unmet_request_rate
    join = exp(-F(7) * F(waiting) / weekly / p.patience_days)
    routine_rate = requests * (ONE - p.urgent_request_share)
    urgent = poisson(requests * p.urgent_request_share, rng, tables.counts)
    joined = poisson(routine_rate * join, rng, tables.counts)
    balked = poisson(routine_rate * (ONE - join), rng, tables.counts)
    word = next_word(rng)
    slots = F(floor(p.slots_per_session * on_duty + uniform(sixteen(word, 0), 65536)))
    kept_free = F(floor(p.same_day_share * slots + uniform(sixteen(word, 1), 65536)))
    routine = min(F(waiting), slots - min(urgent, kept_free))
    same_day = min(urgent, slots - routine)
    booked = min(int(same_day + routine), today.visit_factor.shape[1])
    lead_sum = disadvantaged = kept = kept_disadvantaged = load = ZERO
    size = F(layout.panel_size[i])
    for slot in range(booked):
        lead = 0
        if slot < routine:
            requested = desks.queue[i, (first + slot) & (QUEUE - 1)]
            weeks = weekday_number // 5 - requested // 5
            lead = 7 * weeks + weekday - requested % 5
        word = next_word(rng)
        rank = min(int(tables.chosen[sixteen(word, 0)] * size), layout.panel_size[i] - 1)
        complexity, group = tables.patients[i, rank, 0], tables.patients[i, rank, 2]
        comes = tables.logits[sixteen(word, 1) >> 4] >= tables.patients[i, rank, 1] + tables.delay[lead]
        came = ONE if comes else ZERO
        lead_sum += F(lead)
        disadvantaged += group
        kept += came
        kept_disadvantaged += came * group
        load += came * complexity
        rooming = tables.rooming[sixteen(word, 2) >> 4]
        today.rooming_factor[i, slot] = rooming if comes else -ONE
        today.visit_factor[i, slot] = tables.visit[sixteen(word, 3) >> 4] * complexity
    first, waiting = first + int(routine), waiting - int(routine)
    for _ in range(int(joined + urgent - same_day)):
        desks.queue[i, (first + waiting) & (QUEUE - 1)] = weekday_number
        waiting += 1
    desks.first[i], desks.waiting[i] = first, waiting
    missed = F(booked) - kept
    today.booked[i], today.kept[i], today.load[i] = booked, kept, load
    today.unmet_new[i] = expired + balked + missed
    add(rec, i, 0, (on_duty, employed - today.here[i], slots, F(booked), kept, missed, lead_sum))
    add(rec, i, 10, (today.unmet_new[i], third_next, disadvantaged, kept_disadvantaged))


@fast
def hold_session(start, size, slowness, today, p):
    """Sessions of one pod side by side: rooming by the assistant free first, then the visit."""
    free, rooms = today.free, today.room.shape[1]
    between = p.session_minutes / max(p.slots_per_session, ONE)
    for i in range(start, start + size):
        today.done[i] = today.wait[i] = today.seeing[i] = today.rooming[i] = ZERO
        today.seen[i] = 0
        for k in range(rooms):
            today.room[i, k] = ZERO
    for slot in range(today.visit_factor.shape[1]):
        for i in range(start, start + size):
            if slot >= today.booked[i] or today.rooming_factor[i, slot] < ZERO:
                continue
            appointment = between * F(slot)
            minutes = p.rooming_minutes * slowness * today.rooming_factor[i, slot]
            oldest = today.seen[i]
            roomed = max(max(appointment, today.room[i, oldest]), free[0]) + minutes
            place = 1
            while place < free.size and free[place] < roomed:
                free[place - 1] = free[place]
                place += 1
            free[place - 1] = roomed
            begins = max(roomed, today.done[i])
            length = p.visit_minutes * today.pace[i] * today.visit_factor[i, slot]
            today.done[i] = today.room[i, oldest] = begins + length
            today.seen[i] = oldest + 1 if oldest + 1 < rooms else 0
            today.wait[i] += begins - appointment
            today.seeing[i] += length
            today.rooming[i] += minutes


@fast
def serve(amounts, capacity):
    """(done of each kind in order within ``capacity``)."""
    a = min(amounts[0], capacity)
    b = min(amounts[1], capacity - a)
    return a, b, min(amounts[2], capacity - a - b)


@fast
def read_inbox(i, people, desks, today, layout, tables, p, rng):
    """Messages of one physician and the minutes they ask for."""
    employed, messages = people.employed[i], today.messages
    posts = employed * layout.fte[i]
    from_unmet = desks.unmet[i] * p.unmet_message_rate + desks.inbox[i] / HOUR * p.backlog_repeat_rate
    per_day = today.patients[i] * p.patient_messages_per_patient_year / WEEKDAYS_PER_YEAR
    messages[i, 0] = poisson(per_day + employed * from_unmet, rng, tables.counts)
    messages[i, 1] = poisson(today.kept[i] * p.result_messages_per_visit, rng, tables.counts)
    messages[i, 2] = poisson(posts * p.colleague_messages_per_day, rng, tables.counts)
    messages[i, 3] = poisson(posts * p.system_messages_per_day, rng, tables.counts)
    minutes = messages[i, 0] * p.patient_message_minutes + messages[i, 1] * p.result_message_minutes
    minutes += messages[i, 2] * p.colleague_message_minutes + messages[i, 3] * p.system_message_minutes
    today.inbox[i] = minutes * today.hands[i] * (ONE + p.fatigue_rework_share * people.fatigue[i])


@fast
def desk_day(i, granted, people, desks, today, rec, p):
    """Desk work of one physician in gaps, wrap-up and evening."""
    duty, tired, inbox = today.on_duty[i], people.fatigue[i], today.inbox[i]
    seeing, messages = today.seeing[i], today.messages
    per_minute = today.load[i] * today.hands[i] * (ONE + p.fatigue_rework_share * tired)
    notes, orders = per_minute * p.documentation_minutes_per_visit, per_minute * p.order_minutes_per_visit
    clerical, review = per_minute * p.clerical_minutes_per_visit, per_minute * p.chart_review_minutes_per_visit
    visit_work, later = notes + orders + clerical + review, ONE - p.in_room_share
    overrun = max(today.done[i] - p.session_minutes, ZERO) * duty
    idle = max(p.session_minutes + overrun - seeing, ZERO) * duty
    administration = p.administration_minutes_per_day * duty
    delegated = granted * p.inbox_delegated_share * inbox
    arrived = administration + later * visit_work + inbox
    to_do = (
        desks.administration[i] + administration,
        desks.visit_work[i] + later * visit_work,
        desks.inbox[i] + inbox - delegated,
    )
    gaps, wrap_up = p.gap_use_share * idle * duty, max(p.wrap_up_minutes_max - overrun, ZERO) * duty
    by_day = serve(to_do, gaps + wrap_up)
    left = (to_do[0] - by_day[0], to_do[1] - by_day[1], to_do[2] - by_day[2])
    by_night = serve(left, saturate(left[0] + left[1] + left[2], p.evening_minutes_max * duty))
    left = (left[0] - by_night[0], left[1] - by_night[1], left[2] - by_night[2])
    keep_administration, keep_other = ONE - p.administration_dropped_share, ONE - p.backlog_dropped_share
    desks.administration[i] = left[0] * keep_administration
    desks.visit_work[i], desks.inbox[i] = left[1] * keep_other, left[2] * keep_other
    dropped = left[0] * p.administration_dropped_share + (left[1] + left[2]) * p.backlog_dropped_share
    daytime = by_day[0] + by_day[1] + by_day[2]
    in_gaps, evening = min(gaps, daytime), by_night[0] + by_night[1] + by_night[2]
    in_wrap_up = daytime - in_gaps
    length = p.session_minutes + overrun
    work_minutes = p.session_minutes * duty + overrun + in_wrap_up + evening
    desks.load[i] = relax(desks.load[i], work_minutes, duty / p.advice_latency_days, ONE)
    today.session[i], today.wrap_up[i], today.evening[i] = length / HOUR, in_wrap_up / HOUR, evening / HOUR
    today.intensity[i] = (seeing + p.desk_intensity * in_gaps) / max(length, ONE) * duty

    done_visit_work, done_inbox = by_day[1] + by_night[1], by_day[2] + by_night[2]
    in_room = p.in_room_share * visit_work
    ehr = in_room + done_visit_work + done_inbox
    ehr_in_gaps = in_gaps - min(to_do[0], in_gaps)
    points = p.task_load_intercept + p.task_load_work_effect * (work_minutes / TEN_HOURS - ONE)
    points += p.task_load_fatigue_effect * tired + p.task_load_spread * people.traits[i, RATING]
    add(rec, i, 7, (today.wait[i], overrun, seeing))
    add(rec, i, 14, (messages[i, 0], messages[i, 1], messages[i, 2], messages[i, 3], ehr, by_night[1] + by_night[2],
                     ehr - in_room - ehr_in_gaps, notes, orders, clerical, done_inbox, work_minutes, evening,
                     p.session_minutes * duty, arrived, by_day[0] + by_night[0] + done_visit_work + done_inbox,
                     delegated, dropped, duty * SCALE * logistic(points),
                     today.kept[i] * p.revenue_per_visit))  # fmt: skip


@fast
def share_staff_work(first, today, layout, p):
    """A pod's work of each role is shared equally by those present; what exceeds the paid day is overtime."""
    q, paid = first, p.staff_minutes_per_day
    for role in range(layout.staff_per_pod.size):
        last, here = q + layout.staff_per_pod[role], ZERO
        for member in range(q, last):
            here += today.here[member]
        share = today.minutes[role] / max(here, ONE)
        while q < last:
            today.session[q], today.on_duty[q] = paid / HOUR, today.here[q]
            today.wrap_up[q] = max(share - paid, ZERO) * today.here[q] / HOUR
            today.intensity[q] = min(share / paid, ONE) * today.here[q]
            q += 1


@fast
def pod_day(k, weekday, weekday_number, people, desks, today, rec, layout, tables, p, rng):
    """A pod's weekday up to the evening's work."""
    size, staff = layout.pod_size, layout.staff_per_pod
    start, first_staff = k * size, layout.panel_size.size + k * layout.staff_of_pod
    vacant = present = ZERO
    for i in range(start, start + size):
        vacant += (ONE - people.employed[i]) * F(layout.panel_size[i])
        present += people.employed[i]
    for i in range(start, start + size):
        today.patients[i] = people.employed[i] * (F(layout.panel_size[i]) + vacant / max(present, TINY))
        today.on_duty[i] = today.here[i] * layout.session_days[i, weekday]
        book(i, weekday, weekday_number, desks, today, rec, layout, tables, p, rng)
        slow = today.slow[i] * exp(p.newcomer_slowing * exp(-people.tenure[i] / p.newcomer_days))
        today.pace[i] = exp(p.pace_spread * people.traits[i, PACE]) * slow
        today.hands[i] = exp(p.efficiency_spread * people.traits[i, EFFICIENCY]) * slow

    helpers = weights = slowness = ZERO
    for q in range(first_staff, first_staff + staff[ASSISTANT]):
        helpers += today.here[q]
        weights += today.here[q] + TINY
        slowness += (today.here[q] + TINY) * today.slow[q]
    for a in range(today.free.size):
        there = min(max(helpers - F(a), ZERO), ONE)
        today.free[a] = p.session_minutes * (ONE - there) if there > ZERO else NEVER
    hold_session(start, size, slowness / weights, today, p)

    wish = kept = rooming = booked = nurses = ZERO
    for i in range(start, start + size):
        read_inbox(i, people, desks, today, layout, tables, p, rng)
        wish += p.inbox_delegated_share * today.inbox[i]
        kept += today.kept[i]
        rooming += today.rooming[i]
        booked += F(today.booked[i])
    for q in range(first_staff + staff[ASSISTANT], first_staff + staff[ASSISTANT] + staff[NURSE]):
        nurses += today.here[q]
    nurse_free = max(nurses * p.staff_minutes_per_day - p.nurse_minutes_per_visit * kept, ZERO)
    granted = saturate(wish, nurse_free / p.staff_time_ratio) / max(wish, TINY)
    for i in range(start, start + size):
        desk_day(i, granted, people, desks, today, rec, p)
    today.minutes[ASSISTANT] = rooming + p.medical_assistant_visit_minutes * kept
    today.minutes[NURSE] = p.nurse_minutes_per_visit * kept + granted * wish * p.staff_time_ratio
    today.minutes[FRONT_DESK] = p.front_desk_minutes_per_visit * booked
    share_staff_work(first_staff, today, layout, p)
