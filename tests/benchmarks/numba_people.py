"""People in the Numba clinic: random draws, morning, network and night, as scalar float32 functions."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from numba import njit

from abm.layout import TRAITS
from abm.population.state import SETTLED_TENURE_DAYS
from tests.benchmarks.numba_arrays import RATES_PER_COUNT

F = np.float32
ZERO, HALF, ONE, TINY = F(0), F(0.5), F(1), F(1e-9)
DAY_HOURS, DAYS_PER_YEAR, LONGEST_SLEEP_HOURS = F(24), F(365), F(11)
SETTLED = F(SETTLED_TENURE_DAYS)
PACE, EFFICIENCY, RECOVERY, MOTIVATION, TECHNOLOGY, INTERCEPT, RATING = range(len(TRAITS))

OF_PEOPLE = (
    "fatigue", "exhaustion", "cynicism", "change_fatigue", "motivation", "burnout_risk", "burned_out", "employed",
    "left", "hired", "sleep_hours",
)  # fmt: skip

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
    ratio = wanted / LONGEST_SLEEP_HOURS
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
