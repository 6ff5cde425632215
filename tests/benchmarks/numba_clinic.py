"""The clinic day as a hand-written Numba loop: a practical limit to hold the engines' speed against.

The same day as `abm.population`, without interventions: the same rules and states, patients, rooms and assistants, by
the same formulas in float32, one replicate a thread. Random numbers are its own and cheap: xorshift words, and tables
for normals, log-normal factors and counts (`tests.benchmarks.numba_arrays`), so that it agrees with the engines in
distribution, not draw by draw.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import exp, floor, log, sqrt

import numpy as np
from numba import njit

from tests.benchmarks.numba_arrays import (
    QUEUE,
    RATES_PER_COUNT,
    layout_record,
    parameter_record,
    state_records,
    tables_record,
)

F = np.float32
ZERO, HALF, ONE, TWO, TINY = F(0), F(0.5), F(1), F(2), F(1e-9)
HOUR, DAY_HOURS, NEVER = F(60), F(24), F(1440)
WEEKDAYS_PER_YEAR, DAYS_PER_YEAR = F(365 * 5 / 7), F(365)
SETTLED, HORIZON = F(3650), 44
PACE, EFFICIENCY, RECOVERY, MOTIVATION, INTERCEPT, RATING = 0, 1, 2, 3, 5, 6  # positions in abm.layout.TRAITS
ASSISTANT, NURSE, FRONT_DESK, SCRIBE = 0, 1, 2, 3  # positions in abm.layout.ROLES

OF_WORK = (
    "on_duty", "absent", "slots", "booked", "kept", "no_show", "lead_days_sum", "wait_minutes_sum", "overrun_minutes",
    "visit_minutes", "unmet_new", "third_next_available_days", "booked_disadvantaged", "kept_disadvantaged",
    "patient_messages", "result_messages", "colleague_messages", "system_messages", "ehr_minutes",
    "ehr_after_hours_minutes", "ehr_outside_scheduled_minutes", "note_minutes", "order_minutes", "clerical_minutes",
    "inbox_minutes", "work_minutes", "evening_minutes", "scheduled_minutes", "arrived_minutes", "done_minutes",
    "delegated_minutes", "dropped_minutes", "task_load", "visit_revenue",
)  # fmt: skip
OF_PEOPLE = (
    "fatigue", "exhaustion", "cynicism", "change_fatigue", "motivation", "burnout_risk", "burned_out", "employed",
    "left", "hired", "sleep_hours",
)  # fmt: skip
OF_NIGHT = ("backlog_minutes", "waiting_requests", "unmet_need", "turnover_cost")
RECORDS = (*OF_WORK, *OF_PEOPLE, *OF_NIGHT)  # of physicians; of staff OF_PEOPLE

fast = njit(fastmath=True, error_model="numpy")


@fast
def next_word(rng):
    """64 random bits (xorshift64, Marsaglia 2003)."""
    x = rng[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    rng[0] = x
    return x


@fast
def sixteen(word, position):
    """One of the four 16-bit parts of a word."""
    return np.int64((word >> np.uint64(16 * position)) & np.uint64(0xFFFF))


@fast
def uniform(bits, size):
    return (F(bits) + HALF) * (ONE / F(size))


@fast
def poisson(rate, rng, counts):
    """A count of nearly this rate: the rate is rounded at random to a row of quantiles."""
    word = next_word(rng)
    row = int(rate * F(RATES_PER_COUNT) + uniform(sixteen(word, 0), 65536))
    return F(counts[min(row, counts.shape[0] - 1), sixteen(word, 1) & (counts.shape[1] - 1)])


@fast
def logistic(x):
    return ONE / (ONE + exp(-x))


@fast
def relax(value, target, rate, time):
    return target + (value - target) * exp(-rate * time)


@fast
def saturate(wanted, capacity):
    safe = max(capacity, TINY)
    return safe * (ONE - exp(-wanted / safe))


@fast
def baseline_motivation(trait, p):
    return logistic(log(p.baseline_motivation / (ONE - p.baseline_motivation)) + p.motivation_spread * trait)


@fast
def after_work(fatigue, intensity, hours, build_rate, recovery):
    build = build_rate * intensity
    rate = build + recovery
    return relax(fatigue, build / max(rate, F(1e-12)), rate, hours)


@fast
def add(rec, row, first, values):
    for k in range(len(values)):
        rec[row, first + k] += values[k]


@fast
def wake(people, today, physicians, is_weekday, p, rng):
    """Morning: who is burned out, absent, slow."""
    for q in range(people.fatigue.size):
        index = (
            p.burnout_exhaustion_effect * people.exhaustion[q]
            + p.burnout_cynicism_effect * people.cynicism[q]
            - p.burnout_motivation_effect * (people.motivation[q] - HALF)
            + p.burnout_change_effect * people.change_fatigue[q]
        )
        z = people.traits[q, INTERCEPT]
        threshold = p.burnout_threshold_3 if q < physicians else p.staff_burnout_threshold
        burned = ONE if index + F(0.07056) * z * z * z + F(1.5976) * z > threshold else ZERO
        word = next_word(rng)
        chance = p.absence_per_day * (ONE + (p.absence_burnout_ratio - ONE) * burned)
        absent = is_weekday and uniform(sixteen(word, 0), 65536) < chance
        today.word[q], today.index[q], today.burned[q] = word, index, burned
        today.here[q] = ZERO if absent else people.employed[q]
        today.slow[q] = exp(p.fatigue_slowing * people.fatigue[q])
        today.session[q] = today.wrap_up[q] = today.evening[q] = today.intensity[q] = today.on_duty[q] = ZERO


@fast
def look_around(people, today, first, last, size, distant, share):
    """Mean motivation of the group's others and of two distant colleagues, for people ``first`` to ``last``."""
    for start in range(first, last, size):
        total = present = ZERO
        for q in range(start, start + size):
            total += people.motivation[q] * people.employed[q]
            present += people.employed[q]
        for q in range(start, start + size):
            near = (total - people.motivation[q] * people.employed[q]) / max(present - people.employed[q], TINY)
            a, b = distant[q, 0], distant[q, 1]
            seen = people.motivation[a] * people.employed[a] + people.motivation[b] * people.employed[b]
            far = seen / max(people.employed[a] + people.employed[b], TINY)
            today.peers[q] = (ONE - share) * near + share * far


@fast
def book(i, weekday, weekday_number, desks, today, rec, layout, tables, p, rng):
    """Requests and today's slots of one physician."""
    first, waiting, patients, on_duty = desks.first[i], desks.waiting[i], today.patients[i], today.on_duty[i]
    employed = ONE if patients > ZERO else ZERO
    expired = ZERO
    while waiting > 0 and desks.queue[i, first & (QUEUE - 1)] <= weekday_number - HORIZON:
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
def night(q, is_physician, people, today, layout, tables, p):
    """From the end of the day's work to the next morning for one person: (sleep, left, hired)."""
    build = p.fatigue_build_rate if is_physician else p.staff_fatigue_build_rate
    work, rest = p.recovery_rate_at_work, p.recovery_rate * exp(p.recovery_spread * people.traits[q, RECOVERY])
    awake = rest * p.awake_rest_quality
    at_session = today.on_duty[q] * work + (ONE - today.on_duty[q]) * awake
    session, wrap_up, evening = today.session[q], today.wrap_up[q], today.evening[q]
    fatigue = people.fatigue[q]
    at_session_end = after_work(fatigue, today.intensity[q], session, build, at_session)
    tired = after_work(at_session_end, p.desk_intensity, wrap_up + evening, build, work)
    loss = p.sleep_loss_per_evening_hour * evening + p.sleep_loss_fatigue * tired
    noise = p.sleep_spread * tables.normals[sixteen(today.word[q], 1) >> 4] - HALF * p.sleep_spread * p.sleep_spread
    wanted = p.sleep_hours_base * exp(noise - loss)
    ratio = wanted / F(11)
    ratio *= ratio
    ratio *= ratio
    slept = min(wanted / sqrt(sqrt(sqrt(ONE + ratio * ratio))), max(DAY_HOURS - session - wrap_up - evening, ZERO))
    free = HALF * max(DAY_HOURS - session - wrap_up - evening - slept, ZERO)
    later = after_work(at_session_end, p.desk_intensity, wrap_up, build, work) * exp(-awake * free)
    later = after_work(later, p.desk_intensity, evening, build, work)
    later = later * exp(-rest * slept / p.sleep_hours_base * slept) * exp(-awake * free)

    exhaustion, cynicism, motivation = people.exhaustion[q], people.cynicism[q], people.motivation[q]
    change = people.change_fatigue[q]
    base = baseline_motivation(people.traits[q, MOTIVATION], p)
    target = logistic(
        log(base / (ONE - base))
        + p.motivation_peer_effect * (today.peers[q] - motivation)
        + p.motivation_leadership_effect * (p.leadership - HALF)
        - p.motivation_exhaustion_effect * exhaustion
        - p.motivation_change_effect * change
    )
    strain = logistic(p.exhaustion_slope * (fatigue - p.exhaustion_midpoint))
    people.fatigue[q] = later
    people.exhaustion[q] = relax(exhaustion, strain, ONE / p.exhaustion_days, ONE)
    people.cynicism[q] = relax(cynicism, exhaustion * (ONE - motivation), ONE / p.cynicism_days, ONE)
    people.change_fatigue[q] = relax(change, ZERO, ONE / p.change_days, ONE)
    people.motivation[q] = relax(motivation, target, ONE / p.motivation_days, ONE)
    people.tenure[q] += ONE
    left, hired = employment(q, is_physician, exhaustion, people, today, layout, p)
    return slept, left, hired


@fast
def employment(q, is_physician, exhaustion, people, today, layout, p):
    """Who leaves and who is hired overnight."""
    u = uniform(today.word[q] >> np.uint64(40), 1 << 24)
    if people.employed[q] > ZERO:
        per_year = p.leaving_per_year if is_physician else p.staff_leaving_per_year
        ratio = ONE + (p.leaving_burnout_ratio - ONE) * today.burned[q]
        hazard = per_year / DAYS_PER_YEAR * ratio * exp(p.leaving_exhaustion_effect * (exhaustion - HALF))
        if u < ONE - exp(-hazard):
            people.employed[q] = ZERO
            return ONE, ZERO
        return ZERO, ZERO
    if u < ONE - exp(-ONE / (p.hire_days if is_physician else p.staff_hire_days)):
        generation = min(people.generation[q] + 1, layout.traits.shape[1] - 1)
        people.generation[q], people.employed[q], people.tenure[q] = generation, ONE, ZERO
        for k in range(people.traits.shape[1]):
            people.traits[q, k] = layout.traits[q, generation, k]
        people.fatigue[q], people.exhaustion[q] = p.initial_fatigue, p.newcomer_exhaustion
        people.cynicism[q] = people.change_fatigue[q] = ZERO
        people.motivation[q] = baseline_motivation(people.traits[q, MOTIVATION], p)
        return ZERO, ONE
    return ZERO, ZERO


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
    points = p.task_load_intercept + p.task_load_work_effect * (work_minutes / F(600) - ONE)
    points += p.task_load_fatigue_effect * tired + p.task_load_spread * people.traits[i, RATING]
    add(rec, i, 7, (today.wait[i], overrun, seeing))
    add(rec, i, 14, (messages[i, 0], messages[i, 1], messages[i, 2], messages[i, 3], ehr, by_night[1] + by_night[2],
                     ehr - in_room - ehr_in_gaps, notes, orders, clerical, done_inbox, work_minutes, evening,
                     p.session_minutes * duty, arrived, by_day[0] + by_night[0] + done_visit_work + done_inbox,
                     delegated, dropped, duty * F(400) * logistic(points),
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
def clinic_day(day, people, desks, today, rec, staff_rec, layout, tables, p, rng):
    """One calendar day from morning to morning."""
    n, weekday = layout.panel_size.size, day % 7
    wake(people, today, n, weekday < 5, p, rng)
    look_around(people, today, 0, n, layout.pod_size, layout.distant_peers, p.distant_peer_share)
    look_around(people, today, n, people.fatigue.size, layout.staff_of_pod, layout.distant_peers, p.distant_peer_share)
    for i in range(n):
        today.unmet_new[i] = ZERO
    if weekday < 5:
        for k in range(n // layout.pod_size):
            pod_day(k, weekday, 5 * (day // 7) + weekday, people, desks, today, rec, layout, tables, p, rng)
    fade = exp(-ONE / p.unmet_need_days)
    for q in range(people.fatigue.size):
        threshold = p.burnout_threshold_3 if q < n else p.staff_burnout_threshold
        states = (people.fatigue[q], people.exhaustion[q], people.cynicism[q], people.change_fatigue[q],
                  people.motivation[q], logistic(today.index[q] - threshold), today.burned[q],
                  people.employed[q])  # fmt: skip
        slept, left, hired = night(q, q < n, people, today, layout, tables, p)
        if q >= n:
            add(staff_rec, q - n, 0, states)
            add(staff_rec, q - n, len(states), (left, hired, slept))
            continue
        add(rec, q, len(OF_WORK), states)
        add(rec, q, len(OF_WORK) + len(states), (left, hired, slept))
        if left > ZERO:
            today.unmet_new[q] += F(desks.waiting[q])
            desks.waiting[q] = 0
        desks.unmet[q] = (desks.unmet[q] + today.unmet_new[q]) * fade
        backlog = desks.administration[q] + desks.visit_work[q] + desks.inbox[q]
        at_night = (backlog, F(desks.waiting[q]), desks.unmet[q], left * p.turnover_cost)
        add(rec, q, len(OF_WORK) + len(OF_PEOPLE), at_night)


@njit(fastmath=True, error_model="numpy", nogil=True)
def run_some(params, layouts, tables, states, seeds, period_days, physicians, staff):
    """Add up the records of some replicates, one for each of ``seeds``; ``states`` as `state_records` makes them."""
    p, layout, table = params[0], layouts[0], tables[0]
    for r in range(seeds.size):
        rng = np.empty(1, np.uint64)
        rng[0] = (seeds[r] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        people, desks, today = states[0][r], states[1][r], states[2][r]
        start(people, desks, layout, p)
        for period in range(physicians.shape[1]):
            for day in range(period * period_days, (period + 1) * period_days):
                clinic_day(day, people, desks, today, physicians[r, period], staff[r, period], layout, table, p, rng)


@fast
def start(people, desks, layout, p):
    """Everybody on day 0."""
    for q in range(people.fatigue.size):
        for k in range(people.traits.shape[1]):
            people.traits[q, k] = layout.traits[q, 0, k]
        people.fatigue[q], people.exhaustion[q], people.cynicism[q] = (
            p.initial_fatigue, p.initial_exhaustion, p.initial_cynicism)  # fmt: skip
        people.motivation[q] = baseline_motivation(people.traits[q, MOTIVATION], p)
        people.employed[q], people.tenure[q] = ONE, SETTLED
    for i in range(desks.load.size):
        desks.load[i] = p.session_minutes


def prepare(parameters, layout):
    """What `run` reads."""
    return parameter_record(parameters), layout_record(layout), tables_record(parameters, layout)


def run(prepared, layout, seeds, days, period_days, threads=1):
    """Records of physicians [R, periods, N, len(RECORDS)] and of staff [R, periods, M, len(OF_PEOPLE)], float32 means
    per day, of one replicate for each of ``seeds``, shared among ``threads``."""
    physicians = np.zeros((len(seeds), days // period_days, layout.physicians, len(RECORDS)), F)
    staff = np.zeros((len(seeds), days // period_days, layout.staff, len(OF_PEOPLE)), F)
    seeds = np.asarray(seeds, np.uint64)

    def one(r):
        part = slice(r, r + 1)
        run_some(*prepared, state_records(1, layout), seeds[part], period_days, physicians[part], staff[part])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(len(seeds))))
    return physicians / F(period_days), staff / F(period_days)
