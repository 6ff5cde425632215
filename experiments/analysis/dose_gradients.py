"""Derivatives of a clinic's measures by the doses of interventions, forward through the relaxed simulator."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from abm.interventions import InterventionSet
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population import simulate
from experiments.analysis.measured_runs import MeasuredRuns

RECORD_STEP = 1e-4  # along a derivative of the records, to carry it on through the smooth formula of a measure


def measures_and_slopes(runs: MeasuredRuns, parameters: Parameters, doses: np.ndarray,
                        seeds: Sequence[int]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:  # fmt: skip
    """(measures of S runs, their derivatives by dose {measure: [S, C]}) with ``doses`` [C] in all of them.

    The records' derivatives are exact for the relaxed mode: one forward pass a kind, side by side, since kinds are few
    and a year's reverse pass would keep every day. ``parameters`` are numbers or arrays [S].
    """
    count, kinds = len(seeds), len(runs.kinds)
    words = np.array([(seed & 0xFFFFFFFF, seed >> 32) for seed in seeds], np.uint32)
    parameters = jax.tree.map(lambda v: np.broadcast_to(np.asarray(v, np.float32), count), parameters)
    changes = jax.tree.map(
        lambda v: np.asarray(v, np.int32 if v.dtype == np.int32 else np.float32), runs.changes()
    )  # fmt: skip
    layout = jax.tree.map(jnp.asarray, runs.layout)
    found = _derivatives(parameters, np.asarray(doses, np.float32), words, changes, layout, runs.days,
                         runs.period_days, runs.needed)  # fmt: skip
    values, tangents = (jax.tree.map(lambda v: np.asarray(v, np.float64), part) for part in found)
    # rows: each run as it is, then both ways along each kind's derivative
    steps = RECORD_STEP * np.stack([np.eye(kinds), -np.eye(kinds)]).reshape(-1, kinds)
    moved = {}
    for name in runs.needed:
        along = np.einsum("mc,sctn->smtn", steps, tangents[name])
        moved[name] = np.concatenate([values[name][:, None], values[name][:, None] + along], axis=1).reshape(
            -1, *values[name].shape[1:]
        )
    costs = np.concatenate([doses[None], doses + steps])
    rows = runs.read(moved, np.tile(runs.yearly_costs(costs), count))
    shaped = {m: rows[m].to_numpy().reshape(count, -1) for m in runs.measures}
    slopes = {m: (v[:, 1 : kinds + 1] - v[:, kinds + 1 :]) / (2 * RECORD_STEP) for m, v in shaped.items()}
    return pd.DataFrame({m: v[:, 0] for m, v in shaped.items()}), slopes


@functools.partial(jax.jit, static_argnames=("days", "period_days", "needed"))
def _derivatives(parameters: Parameters, doses: Any, words: Any, changes: InterventionSet, layout: Layout, days: int,
                 period_days: int, needed: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """(records [S, periods, N], their derivatives [S, C, periods, N]) by name."""

    def one(parameters: Parameters, words: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        def records(doses: Any) -> dict[str, Any]:
            found = simulate(parameters, days, words, changes._replace(dose=doses), layout=layout, mode="relaxed",
                             period_days=period_days)  # fmt: skip
            return {name: found.physicians[name] for name in needed}

        along = lambda direction: jax.jvp(records, (doses,), (direction,))  # noqa: E731
        return jax.vmap(along, out_axes=(None, 0))(jnp.eye(len(doses), dtype=doses.dtype))

    return jax.vmap(one)(parameters, words)
