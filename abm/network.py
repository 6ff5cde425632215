"""The social network: pod mates of the same profession (dense) and two distant colleagues (sparse)."""

from __future__ import annotations

from typing import Any

from abm.layout import Layout


def peers_mean(values: Any, weight: Any, layout: Layout, distant_share: Any, xp: Any) -> Any:
    """Mean of ``values`` [P] or [P, C] over what a person sees of others, weighted by ``weight`` [P] (employed or
    not)."""
    n = layout.physicians
    column = (lambda w: w) if values.ndim == 1 else (lambda w: w[:, None])
    weighted = values * column(weight)

    def others(a: Any, size: int) -> Any:
        groups = a.reshape((layout.pods, size, *a.shape[1:]))
        return (groups.sum(axis=1, keepdims=True) - groups).reshape(a.shape)

    def near(a: Any) -> Any:
        return xp.concatenate([others(a[:n], layout.pod_size), others(a[n:], sum(layout.staff_per_pod))])

    mates = near(weighted) / column(xp.maximum(near(weight), 1e-9))
    far = xp.asarray(layout.distant_peers)
    distant = weighted[far].sum(axis=1) / column(xp.maximum(weight[far].sum(axis=1), 1e-9))
    return (1.0 - distant_share) * mates + distant_share * distant
