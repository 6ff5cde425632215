"""One session of all pods as arrays: rooming and visits, slot by slot, physician by physician within a pod."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from abm.layout import Layout
from abm.population.fusion import once, replicates_side_by_side
from abm.rules import appointments


class Session(NamedTuple):
    """What the kept visits of a session took, each [N], in minutes."""

    visit_minutes: Any
    rooming_minutes: Any
    wait_minutes: Any
    last_end: Any


def hold_session(kept: Any, slot_minutes: Any, rooming: Any, visit: Any, assistants: Any, session_minutes: Any,
                 extra_places: int, layout: Layout) -> Session:  # fmt: skip
    """Run the recursion of `rules.appointments` over slots.

    ``kept`` [N, K] is 1 where the patient came (a weight in relaxed mode), ``slot_minutes`` [N] the time between two
    appointments, ``rooming`` and ``visit`` [N, K] minutes, ``assistants`` [pods] full-time equivalents present,
    ``extra_places`` for assistants beyond the regular posts.
    """
    places = layout.staff_per_pod[0] + extra_places
    free = [appointments.assistant_starts(i, assistants, session_minutes, jnp) for i in range(places)]

    @replicates_side_by_side
    def run(kept: Any, slot_minutes: Any, rooming: Any, visit: Any, free: list[Any]) -> Session:
        return _run(kept, slot_minutes, rooming, visit, free, layout.pod_size, layout.rooms_per_physician)

    return run(kept, slot_minutes, rooming, visit, free)


def _run(kept: Any, slot_minutes: Any, rooming: Any, visit: Any, free: list[Any], size: int, rooms: int) -> Session:
    """`hold_session` of pods of ``size`` physicians with ``rooms`` rooms each; ``free`` [pods]: when each assistant
    starts."""
    pods, slots = free[0].shape[0], kept.shape[1]
    zero = jnp.zeros(pods, kept.dtype)

    def slot(carry: Any, now: Any) -> tuple[Any, None]:
        free, rooms, visited, rooming, waited = (list(c) for c in carry)
        number, places = now
        for j, (came, rooming_minutes, visit_minutes) in enumerate(places):
            mix = lambda new, old, w=came: old + w * (new - old)  # noqa: E731
            booked = number * between[j]
            roomed = appointments.start_rooming(booked, rooms[j][0], free[0], jnp) + rooming_minutes
            free = [mix(n, o) for n, o in zip(appointments.insert_sorted(free, roomed, jnp), free, strict=True)]
            roomed, free = once((roomed, free))  # or every later place would work it out again
            begins = appointments.start_visit(roomed, rooms[j][-1], jnp)  # the last room's visit was the last
            visited[j] = visited[j] + came * visit_minutes
            rooming[j] = rooming[j] + came * rooming_minutes
            waited[j] = waited[j] + came * (begins - booked)
            then = [*rooms[j][1:], begins + visit_minutes]
            rooms[j] = [mix(n, o) for n, o in zip(then, rooms[j], strict=True)]
        return (free, rooms, visited, rooming, waited), None

    # one array [K, pods] for each place in the pod: slicing inside the loop would cost more than the recursion
    by_place = lambda a, j: a.reshape(pods, size, -1)[:, j].T  # noqa: E731
    steps = [tuple(by_place(a, j) for a in (kept, rooming, visit)) for j in range(size)]
    between = list(slot_minutes.reshape(pods, size).T)
    start = (free, [[zero] * rooms for _ in range(size)], *([zero] * size for _ in range(3)))
    _, room_free, *totals = jax.lax.scan(slot, start, (jnp.arange(slots, dtype=kept.dtype), steps))[0]
    last_end = [of_place[-1] for of_place in room_free]
    return Session(*(jnp.stack(parts, axis=1).reshape(-1) for parts in (*totals, last_end)))
