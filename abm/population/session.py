"""One session of all pods as arrays: rooming and visits, slot by slot, physician by physician within a pod."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from abm.layout import Layout
from abm.rules import appointments


class Session(NamedTuple):
    """What a session took, each [N], in minutes (waits summed over kept visits)."""

    visit_minutes: Any
    wait_minutes: Any
    last_end: Any


def hold_session(kept: Any, appointment: Any, rooming: Any, visit: Any, assistants: Any, session_minutes: Any,
                 extra_places: int, layout: Layout) -> Session:  # fmt: skip
    """Run the recursion of `rules.appointments` over slots.

    ``kept`` [N, K] is 1 where the patient came (a weight in relaxed mode), ``appointment`` [N, K] the minute booked,
    ``rooming`` and ``visit`` [N, K] minutes, ``assistants`` [pods] full-time equivalents present, ``extra_places`` for
    assistants beyond the regular posts.
    """
    pods, size = layout.pods, layout.pod_size
    zero = jnp.zeros(pods, kept.dtype)
    places = layout.staff_per_pod[0] + extra_places
    free = [appointments.assistant_starts(i, assistants, session_minutes, jnp) + zero for i in range(places)]
    start = (free, [zero] * size, [[zero] * layout.rooms_per_physician for _ in range(size)], [zero] * size)

    def slot(carry: Any, now: Any) -> tuple[Any, None]:
        free, done, rooms, waited = (list(c) for c in carry)
        for j, (came, booked, rooming_minutes, visit_minutes) in enumerate(now):
            mix = lambda new, old, w=came: old + w * (new - old)  # noqa: E731
            roomed = appointments.start_rooming(booked, rooms[j][0], free[0], jnp) + rooming_minutes
            free = [mix(n, o) for n, o in zip(appointments.insert_sorted(free, roomed, jnp), free, strict=True)]
            begins = appointments.start_visit(roomed, done[j], jnp)
            ends = begins + visit_minutes
            waited[j] = waited[j] + came * (begins - booked)
            done[j] = mix(ends, done[j])
            rooms[j] = [mix(n, o) for n, o in zip([*rooms[j][1:], ends], rooms[j], strict=True)]
        return (free, done, rooms, waited), None

    # one array [K, pods] for each place in the pod: slicing inside the loop would cost more than the recursion
    by_place = lambda a, j: a.reshape(pods, size, -1)[:, j].T  # noqa: E731
    steps = [tuple(by_place(a, j) for a in (kept, appointment, rooming, visit)) for j in range(size)]
    _, done, _, waited = jax.lax.scan(slot, start, steps)[0]
    flat = lambda parts: jnp.stack(parts, axis=1).reshape(-1)  # noqa: E731
    return Session((kept * visit).sum(axis=1), flat(waited), flat(done))
