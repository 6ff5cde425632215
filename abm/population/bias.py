"""How far the relaxed mode is from the exact one, outcome by outcome, on common seeds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from abm.interventions import Intervention, InterventionSet, as_set
from abm.layout import Layout
from abm.outcomes import DERIVED, OF_WORK, OUTCOMES, RECORDED, derive
from abm.parameters import Parameters
from abm.population.simulate import Run, default_layout, simulate
from abm.population.workday import by_profession
from abm.rules import Rules, turnover

GOAL_PERCENT = 2.0  # of each outcome's value
GOAL_POINTS = 1.0  # of prevalence
IN_POINTS = ("burnout_risk", "burned_out", "staff_burnout_risk", "staff_burned_out")
# changes that give every outcome something to measure: one that must be adopted, one that covers vacant posts
CHANGES = (Intervention("ai_scribe", start_day=56), Intervention("float_physician", start_day=56))
REPLICATES_AT_ONCE = 8  # bounds memory: a year's records of one default clinic are 4 MB
OF_POSTS = ("employed", "left", "hired", "turnover_cost", "on_duty", "work_minutes")  # whether filled or not
SURE = 2.0  # Monte-Carlo standard errors between an estimate and the goal before a verdict is given


def relaxation_bias(
    parameters: Parameters | None = None,
    *,
    replicates: int = 64,
    days: int = 364,
    seed: int = 0,
    layout: Layout | None = None,
    interventions: Sequence[Intervention] | None = None,
) -> pd.DataFrame:
    """Bias of relaxed against exact runs from day 0, means over a clinic and all ``days``; one row an outcome.

    Both modes run on the same ``replicates`` seeds (``seed``, ``seed + 1``, ...), so that most chance cancels.
    ``interventions`` are `CHANGES` if None. Columns: outcome, unit, exact, relaxed (means), bias and its
    monte_carlo_error (a standard error), both in bias_unit (% of the exact value, or points of prevalence), goal, and
    verdict: *met* or *missed* if the bias is so by two standard errors, else *open*. Raises ValueError on fewer than
    two replicates.
    """
    if replicates < 2:
        raise ValueError(f"replicates: met {replicates}, expected at least 2 (the error is their spread)")
    layout = layout or default_layout()
    changes = as_set(CHANGES if interventions is None else interventions, layout)
    seeds = jax.vmap(jax.random.key)(jnp.arange(seed, seed + replicates))
    means = {mode: _in_batches(parameters or Parameters(), seeds, changes, layout, days, mode)
             for mode in ("exact", "relaxed")}  # fmt: skip
    rows = [row for name in means["exact"] if (row := _row(name, means["exact"][name], means["relaxed"][name]))]
    return pd.DataFrame(rows)


def _row(name: str, exact: np.ndarray, relaxed: np.ndarray) -> dict[str, Any] | None:
    """One outcome's row from its values by replicate; None where there is nothing to compare."""
    value = float(exact.mean())
    if not value:
        return None
    spec = OUTCOMES[name.removeprefix("staff_")]
    in_points = name in IN_POINTS
    scale = 100.0 if in_points else 100.0 / abs(value)
    bias = scale * float((relaxed - exact).mean())
    error = scale * float((relaxed - exact).std(ddof=1)) / np.sqrt(len(exact))
    goal = GOAL_POINTS if in_points else GOAL_PERCENT
    clear = abs(abs(bias) - goal) > SURE * error
    return {
        "outcome": name, "unit": spec.unit, "exact": value, "relaxed": float(relaxed.mean()), "bias": bias,
        "monte_carlo_error": error, "bias_unit": "points" if in_points else "%", "goal": goal,
        "verdict": ("met" if abs(bias) < goal else "missed") if clear else "open",
    }  # fmt: skip


def _in_batches(
    parameters: Parameters, seeds: Any, changes: InterventionSet, layout: Layout, days: int, mode: str
) -> dict[str, np.ndarray]:
    """Every outcome's clinic mean by replicate."""
    batches = [seeds[i : i + REPLICATES_AT_ONCE] for i in range(0, len(seeds), REPLICATES_AT_ONCE)]
    parts = [jax.tree.map(np.asarray, _runs(parameters, batch, changes, layout, days, mode)) for batch in batches]
    return with_derived({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


@functools.partial(jax.jit, static_argnames=("days", "mode"))
def _runs(
    parameters: Parameters, seeds: Any, changes: InterventionSet, layout: Layout, days: int, mode: str
) -> dict[str, Any]:
    def one(seed: Any) -> dict[str, Any]:
        run = simulate(parameters, days, seed, changes, layout=layout, mode=mode)
        return clinic_means(run, parameters, layout)

    return jax.vmap(one)(seeds)


def clinic_means(run: Run, parameters: Parameters, layout: Layout) -> dict[str, Any]:
    """Recorded outcomes of a run as means over posts and days, by name (staff's with the prefix ``staff_``).

    States count while someone holds the post, work as it is (a vacant post does none). Leavers and hires are counted
    by their chance of the day in both modes: the same expectation, without the noise of rare events.
    """
    n = layout.physicians
    physicians = run.physicians | _turnover(run.physicians, parameters, slice(None, n), layout)
    physicians["turnover_cost"] = physicians["left"] * parameters.turnover_cost
    staff = run.staff | _turnover(run.staff, parameters, slice(n, None), layout)
    means = {name: _mean(name, values, physicians["employed"]) for name, values in physicians.items()}
    return means | {f"staff_{name}": _mean(name, values, staff["employed"]) for name, values in staff.items()}


def _mean(name: str, values: Any, held: Any) -> Any:
    return values.mean() if name in OF_POSTS or name in OF_WORK else (held * values).sum() / held.sum()


def _turnover(record: dict[str, Any], p: Parameters, who: slice, layout: Layout) -> dict[str, Any]:
    """Expected leavers and hires of each day, given the day."""
    per_year = by_profession(p.leaving_per_year, p.staff_leaving_per_year, layout)[who]
    hire_days = by_profession(p.hire_days, p.staff_hire_days, layout)[who]
    leaving = Rules().leaving_probability(record["burned_out"], record["exhaustion"], 1.0, per_year,
                                          p.leaving_burnout_ratio, p.leaving_exhaustion_effect, jnp)  # fmt: skip
    hiring = turnover.hiring_probability(1.0, hire_days, jnp)
    return {"left": record["employed"] * leaving, "hired": (1.0 - record["employed"]) * hiring}


def with_derived(means: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add the derived outcomes, ratios of a clinic's means."""
    recorded = xr.Dataset({name: ("replicate", np.asarray(means[name], float)) for name in RECORDED})
    derived = derive(recorded)
    return means | {name: derived[name].to_numpy() for name in DERIVED}
