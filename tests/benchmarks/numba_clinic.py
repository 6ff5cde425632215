"""The clinic day as a hand-written Numba loop: a practical limit to hold the engines' speed against.

The same day as `abm.population`, without interventions: the same rules and states, patients, rooms and assistants, by
the same formulas in float32, one replicate a thread. Random numbers are its own and cheap: xorshift words, and tables
for normals, log-normal factors and counts (`tests.benchmarks.numba_arrays`), so that it agrees with the engines in
distribution, not draw by draw.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import exp

import numpy as np
from numba import njit

from tests.benchmarks.numba_arrays import layout_record, parameter_record, state_records, tables_record
from tests.benchmarks.numba_people import OF_PEOPLE, ONE, ZERO, F, add, fast, logistic, look_around, night, start, wake
from tests.benchmarks.numba_workday import OF_WORK, pod_day

OF_NIGHT = ("backlog_minutes", "waiting_requests", "unmet_need", "turnover_cost")
RECORDS = (*OF_WORK, *OF_PEOPLE, *OF_NIGHT)  # of physicians; of staff OF_PEOPLE


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
