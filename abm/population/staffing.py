"""Staff of a role and pod as views into arrays of people, and how a pod's work is shared among them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from abm.layout import Layout
from abm.parameters import Parameters

ASSISTANT, NURSE, FRONT_DESK, SCRIBE = range(4)  # positions in abm.layout.ROLES


def pod_sum(values: Any, layout: Layout) -> Any:
    """Sum over each pod's physicians, repeated for each of them: [N] -> [N]."""
    return jnp.repeat(values.reshape(layout.pods, layout.pod_size).sum(axis=1), layout.pod_size)


def members(values: Any, layout: Layout, role: int) -> Any:
    """Values [P] of the staff of one role as [pods, members]."""
    staff = values[layout.physicians :].reshape(layout.pods, -1)
    first = sum(layout.staff_per_pod[:role])
    return staff[:, first : first + layout.staff_per_pod[role]]


def count_here(here: Any, layout: Layout, role: int) -> Any:
    """People of a role present in each pod, [pods]."""
    return members(here, layout, role).sum(axis=1)


def mean_of_present(values: Any, here: Any, layout: Layout, role: int) -> Any:
    """Mean over the members of a role who are present in the physician's pod (of all, if nobody is), [N]."""
    weight = members(here, layout, role) + 1e-9
    mean = (members(values, layout, role) * weight).sum(axis=1) / weight.sum(axis=1)
    return jnp.repeat(mean, layout.pod_size)


def staff_minutes(booked: Any, kept: Any, rooming: Any, to_scribe: Any, to_nurses: Any, here: Any, layout: Layout,
                  p: Parameters) -> Any:  # fmt: skip
    """Minutes of work of every staff member if present, [M]: a pod's work of a role is shared equally.

    ``booked``, ``kept`` (visits), ``rooming``, ``to_scribe`` and ``to_nurses`` (minutes) are per physician, [N].
    """
    per_pod = lambda v: v.reshape(layout.pods, -1).sum(axis=1)  # noqa: E731
    totals = {
        ASSISTANT: per_pod(rooming + p.medical_assistant_visit_minutes * kept),
        NURSE: per_pod(p.nurse_minutes_per_visit * kept + to_nurses),
        FRONT_DESK: per_pod(p.front_desk_minutes_per_visit * booked),
        SCRIBE: per_pod(to_scribe),
    }
    shares = [
        jnp.repeat(
            (total / jnp.maximum(count_here(here, layout, role), 1.0))[:, None], layout.staff_per_pod[role], axis=1
        )
        for role, total in totals.items()
    ]
    return jnp.concatenate(shares, axis=1).reshape(-1)
