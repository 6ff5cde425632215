"""Rules against what they claim: exact solutions, bounds, and textbook queues."""

import heapq
import math
import sys

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.layout import make_layout
from abm.parameters import ENTRIES, Parameters
from abm.population.session import hold_session
from abm.rules import Rules, appointments, burnout, phases, scalar, tasks, turnover
from abm.rules.change_fatigue import change_fatigue_after_go_live
from abm.rules.curves import relax, saturate
from abm.rules.fatigue import fatigue_after_rest, fatigue_after_work, sleep_hours
from abm.rules.motivation import motivation_target
from abm.rules.person import ChangeUse, Drivers, Mind, change_use_after, mind_after
from abm.rules.tasks import Minutes

ROUNDING = 1e-12
share = st.floats(0.0, 1.0)
hours = st.floats(0.0, 14.0)
admissible = st.fixed_dictionaries({e.name: st.floats(e.low, e.high) for e in ENTRIES.values()}).map(
    lambda values: Parameters(**values)
)
minds = st.builds(Mind, share, share, share, share)
drivers = st.builds(
    Drivers, fatigue=share, control=share, support=share, benefit=st.floats(0.0, 4.0), peers_motivation=share,
    unstable_changes=st.floats(0.0, 4.0), baseline_motivation=st.floats(0.01, 0.99),
)  # fmt: skip


# --- splitting a phase changes nothing


@given(share, share, st.floats(0.0, 3.0), hours, share)
def test_splitting_a_relaxation_changes_nothing(value, target, rate, time, at):
    whole = relax(value, target, rate, time, scalar)
    half = relax(relax(value, target, rate, at * time, scalar), target, rate, (1 - at) * time, scalar)
    assert half == pytest.approx(whole, abs=ROUNDING)


@given(share, st.floats(0.0, 1.5), hours, share, st.floats(0.01, 0.4), st.floats(0.0, 0.8))
def test_splitting_work_or_rest_changes_no_fatigue(fatigue, intensity, time, at, build, recovery):
    work = lambda f, h: fatigue_after_work(f, intensity, h, build, recovery, scalar)  # noqa: E731
    rest = lambda f, h: fatigue_after_rest(f, h, recovery, intensity, scalar)  # noqa: E731
    for spend in (work, rest):
        assert spend(spend(fatigue, at * time), (1 - at) * time) == pytest.approx(spend(fatigue, time), abs=ROUNDING)


@given(minds, drivers, admissible, st.floats(0.0, 30.0), share)
def test_splitting_days_changes_no_slow_state_while_drivers_are_held(morning, held, parameters, days, at):
    # drivers of a slow state, other slow states and one's own motivation among them, stay as in the morning
    held_target = lambda baseline, motivation, *rest: motivation_target(baseline, morning.motivation, *rest)  # noqa: E731
    rules = Rules(motivation_target=held_target)
    after = lambda mind, time: mind_after(mind, held, time, parameters, rules, scalar)  # noqa: E731
    whole, first = after(morning, days), after(morning, at * days)
    for name in Mind._fields:
        second = after(morning._replace(**{name: getattr(first, name)}), (1 - at) * days)
        assert getattr(second, name) == pytest.approx(getattr(whole, name), abs=ROUNDING), name


@given(minds, share, share, share, share, admissible, st.floats(0.0, 30.0), share)
def test_splitting_days_changes_no_use_of_a_change(mind, tried, adoption, learned, peers, parameters, days, at):
    def after(use, time):
        return change_use_after(use, 1.0, peers, 0.4, -0.5, mind, 0.3, time, parameters, Rules(), scalar)

    start = ChangeUse(tried, adoption, learned)
    assert after(after(start, at * days), (1 - at) * days) == pytest.approx(after(start, days), abs=ROUNDING)


a_day = st.tuples(
    st.floats(0, 11), st.floats(0, 4), st.floats(0, 6), st.floats(4, 11), share, share, st.sampled_from([0.0, 1.0])
)
recoveries = st.builds(phases.Recovery, st.floats(0.01, 0.4), st.floats(0.0, 0.2), st.floats(0.05, 0.8), share)


@given(share, a_day, recoveries, st.floats(0.0, 24.0))
def test_fatigue_at_a_clock_time_is_a_partial_phase_away(fatigue, day, r, clock):
    plan = phases.plan_phases(*day, scalar)
    assert sum(plan[:6]) == pytest.approx(24.0, abs=ROUNDING)
    awake = 1.0 if plan.on_duty else 0.0
    at_session = r.at_work * awake + r.at_rest * r.awake_quality * (1 - awake)
    stretches = [  # (hours, build-up per hour, recovery per hour), written out from the model's description
        (plan.session, r.build_rate * plan.session_intensity, at_session),
        (plan.wrap_up, r.build_rate * plan.desk_intensity, r.at_work),
        (plan.evening_rest, 0.0, r.at_rest * r.awake_quality),
        (plan.evening_work, r.build_rate * plan.desk_intensity, r.at_work),
        (plan.sleep, 0.0, r.at_rest * plan.sleep / 7.2),
        (plan.morning_rest, 0.0, r.at_rest * r.awake_quality),
    ]
    expected, left = fatigue, clock
    for length, build, recovery in stretches:
        now = min(length, left)
        left -= now
        for _ in range(4):  # in four pieces: splitting changes nothing
            decay = math.exp(-(build + recovery) * now / 4)
            level = build / (build + recovery) if build + recovery else 0.0
            expected = level + (expected - level) * decay
    assert phases.fatigue_at(fatigue, plan, 7.2, r, scalar, clock) == pytest.approx(expected, abs=ROUNDING)


# --- bounds


@given(minds, drivers, admissible, st.floats(0.0, 400.0), share)
def test_slow_states_stay_between_zero_and_one(mind, held, parameters, days, impulse):
    after = mind_after(mind, held, days, parameters, Rules(), scalar)
    shaken = change_fatigue_after_go_live(mind.change_fatigue, impulse)
    use = change_use_after(ChangeUse(mind[0], mind[1], mind[2]), 1.0, mind[3], held.control, 2.0, mind,
                           held.benefit, days, parameters, Rules(), scalar)  # fmt: skip
    for value in (*after, shaken, *use):
        assert 0.0 <= value <= 1.0


@given(share, a_day, recoveries, st.floats(0.0, 24.0), st.floats(-5, 5))
def test_fatigue_sleep_and_risk_stay_in_range(fatigue, day, r, clock, noise):
    plan = phases.plan_phases(*day, scalar)
    assert 0.0 <= phases.fatigue_at(fatigue, plan, 7.2, r, scalar, clock) <= 1.0
    assert 0.0 < sleep_hours(day[2], fatigue, noise, 9.0, 0.3, 0.5, 0.4, scalar) <= 11.0
    assert 0.0 <= burnout.burnout_risk(noise * 5, noise, scalar) <= 1.0
    assert 0.0 <= turnover.leaving_probability(fatigue, fatigue, 1.0, 1.0, 8.0, 3.0, scalar) <= 1.0
    assert 0.0 <= Rules().no_show_probability(clock, noise, noise, 5.0, 0.05, scalar) <= 1.0


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_saturation_never_exceeds_wish_or_capacity(wanted, capacity):
    done = saturate(wanted, capacity, scalar)
    smallest = sys.float_info.min  # below it floats lose digits
    assert 0.0 <= done <= min(wanted, max(capacity, 1e-9)) * (1 + ROUNDING) + smallest


# --- desk work


minutes = st.floats(0.0, 600.0)


@given(
    st.builds(Minutes, minutes, minutes, minutes), minutes, minutes, minutes, st.builds(Minutes, share, share, share)
)
def test_a_desk_day_conserves_minutes(work, gaps, wrap_up, evening_max, dropped):
    desk = tasks.desk_day(work, gaps, wrap_up, evening_max, dropped, scalar)
    for i, amount in enumerate(work):
        assert desk.done[i] + desk.dropped[i] + desk.backlog[i] == pytest.approx(amount, abs=1e-9)
        assert min(desk.done[i], desk.dropped[i], desk.backlog[i], desk.after_hours[i]) >= -1e-9
    assert desk.in_gaps + desk.in_wrap_up + desk.in_evening == pytest.approx(sum(desk.done), abs=1e-9)
    assert desk.in_gaps <= gaps and desk.in_wrap_up <= wrap_up + 1e-9 and desk.in_evening <= evening_max + 1e-9


# --- queues


@given(st.lists(st.floats(0, 600), min_size=1, max_size=8), st.lists(st.floats(0, 600), max_size=30))
def test_insert_sorted_is_a_heap(start, arrivals):
    times, heap = sorted(start), sorted(start)
    for new in arrivals:
        times = appointments.insert_sorted(times, new, scalar)
        heapq.heapreplace(heap, new)
        assert times == sorted(heap)


def queue_of_a_pod(kept, appointment, rooming, visit, assistants, session_minutes, rooms):
    """The session of one pod, patient by patient with heaps: (visit, wait, last end) minutes of each physician."""
    size, slots = kept.shape
    whole = int(assistants)
    free = [0.0] * whole
    if assistants > whole:
        free.append(session_minutes * (1 - (assistants - whole)))
    heapq.heapify(free)
    room_heaps = [[0.0] * rooms for _ in range(size)]
    done, waited, seen = np.zeros(size), np.zeros(size), np.zeros(size)
    for k, j in ((k, j) for k in range(slots) for j in range(size)):
        if not kept[j, k]:
            continue
        roomed = max(appointment[j, k], heapq.heappop(room_heaps[j]), heapq.heappop(free)) + rooming[j, k]
        heapq.heappush(free, roomed)
        begins = max(roomed, done[j])
        waited[j] += begins - appointment[j, k]
        done[j] = begins + visit[j, k]
        heapq.heappush(room_heaps[j], done[j])
        seen[j] += visit[j, k]
    return seen, waited, done


@pytest.mark.parametrize(("assistants", "rooms"), [(5.0, 3), (2.0, 3), (1.0, 1), (2.4, 2), (0.5, 2), (6.7, 3)])
def test_a_session_is_a_several_server_queue(assistants, rooms):
    rng = np.random.default_rng(41)
    layout = make_layout(4, 4, staff_per_pod=(5, 1, 1, 0), rooms_per_physician=rooms)
    kept = (rng.random((4, 24)) < 0.85).astype(float)
    appointment = np.tile(20.0 * np.arange(24), (4, 1))
    rooming, visit = rng.lognormal(1.7, 0.5, (4, 24)), rng.lognormal(2.9, 0.5, (4, 24))
    expected = queue_of_a_pod(kept, appointment, rooming, visit, assistants, 480.0, rooms)
    with jax.enable_x64(True):
        done = hold_session(*(jax.numpy.asarray(a) for a in (kept, np.full(4, 20.0), rooming, visit)),
                            jax.numpy.asarray([assistants]), 480.0, 3, layout)  # fmt: skip
        for ours, theirs in zip(expected, (done.visit_minutes, done.wait_minutes, done.last_end), strict=True):
            np.testing.assert_allclose(np.asarray(theirs), ours, rtol=1e-12, atol=1e-9)


def test_a_single_server_follows_the_lindley_recursion():
    rng = np.random.default_rng(43)
    slots = 24
    # rooms and assistants in plenty, no rooming time: only the physician is waited for
    layout = make_layout(1, 1, staff_per_pod=(slots, 1, 1, 0), rooms_per_physician=slots)
    visit = rng.exponential(20.0, (1, slots))
    between = 20.0
    wait = total = 0.0
    for k in range(1, slots):
        wait = max(0.0, wait + visit[0, k - 1] - between)
        total += wait
    with jax.enable_x64(True):
        one = jax.numpy.ones((1, slots))
        done = hold_session(one, jax.numpy.asarray([between]), 0 * one, jax.numpy.asarray(visit),
                            jax.numpy.asarray([float(slots)]), 1e4, 0, layout)  # fmt: skip
        assert total > 100
        assert float(done.wait_minutes[0]) == pytest.approx(total, rel=1e-12)
        assert float(done.last_end[0]) == pytest.approx((slots - 1) * between + wait + visit[0, -1], rel=1e-12)
