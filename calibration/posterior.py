"""Draws from the posterior about a fit's best point, and what they say of each physician.

Unknowns are normal about the best point (Laplace). Personal intercepts are not: a person's answers bound them from both
sides, so they are drawn from their own posterior given each draw's index and thresholds.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd

from abm.parameters import ENTRIES, from_unbounded
from calibration import forward
from calibration.likelihoods import INTERCEPT_NODES
from calibration.observations import person_ids
from calibration.rounds import Look, Point, Rounds, intercept_masses
from calibration.slopes import as_single
from calibration.summaries import SEARCHED
from calibration.target import index_scale

DRAWS = 64  # at least: 5 % and 95 % quantiles to a quarter of a standard deviation
INTERVAL = (0.05, 0.95)


@dataclasses.dataclass(frozen=True)
class Posterior:
    """K draws; D unknowns, N physicians."""

    unknowns: np.ndarray  # [K, D]
    intercepts: np.ndarray  # [K, N]: the trait behind the personal intercept
    intercept_mass: np.ndarray  # [N, nodes]: posterior share of each of INTERCEPT_NODES, over all draws
    errors: np.ndarray  # [D]: standard deviations
    risk: np.ndarray  # [K, N]: mean chance of burnout over the last RISK_DAYS, of an exact run of each draw
    burned_out: np.ndarray  # [K, N]: share of these days burned out, personal intercept included


def draw(rounds: Rounds, point: Point, look: Look, wider: np.ndarray) -> Posterior:
    """Draws about ``point`` and an exact run of each; ``wider`` [P] are factors of the parameters' deviations."""
    batches = math.ceil(DRAWS / rounds.runs)
    count = batches * rounds.runs
    rng = np.random.default_rng([rounds.seed, 1])
    factor = np.concatenate([wider, np.ones(len(look.matrix) - len(wider))])
    covariance = factor[:, None] * np.linalg.inv(look.matrix) * factor
    normals = rng.standard_normal((count // 2, len(factor)))
    normals = np.concatenate([normals, -normals])  # in pairs, so that their mean is the best point
    moves = normals @ np.linalg.cholesky(covariance).T
    unknowns = point.unknowns + moves
    answers = look.expected.outputs[:, rounds.plan.size :]
    slopes = look.slopes[:, rounds.plan.size :]
    scale = index_scale(look.expected)
    masses = np.stack([
        intercept_masses(answers + np.einsum("nl,nol->no", move[rounds.place], slopes), scale, rounds.problem)
        for move in moves
    ])  # fmt: skip
    chosen = (masses.cumsum(axis=2) < rng.random((*masses.shape[:2], 1))).sum(axis=2).clip(max=len(INTERCEPT_NODES) - 1)
    intercepts = INTERCEPT_NODES[chosen]
    runs = []
    for batch in range(batches):
        rows = slice(batch * rounds.runs, (batch + 1) * rounds.runs)
        seeds = rounds.seeds(100 + batch, rounds.runs)
        runs.append(
            forward.exact_runs(*as_single(unknowns[rows], intercepts[rows]), rounds.problem, seeds, rounds.plan)
        )
    rounds.model_runs += count
    risk, burned_out = (
        np.concatenate([np.asarray(getattr(r, name), float) for r in runs]) for name in ("risk", "burned_out")
    )
    errors = np.sqrt(np.diag(covariance))
    return Posterior(unknowns, intercepts, masses.mean(axis=0), errors, risk, burned_out)


def risk_table(posterior: Posterior) -> pd.DataFrame:
    """One row a physician, of the last RISK_DAYS.

    ``risk``: the chance (0-1) that someone with the physician's exhaustion, cynicism, motivation and change fatigue is
    burned out, with the middle 90 % of its posterior (``low``, ``high``). ``burned_out``: the chance that this very
    physician is, by the own answers to surveys as well.
    """
    low, high = np.quantile(posterior.risk, INTERVAL, axis=0, method="weibull")  # covers as it says, with few draws too
    return pd.DataFrame({
        "who": person_ids(posterior.risk.shape[1]), "risk": posterior.risk.mean(axis=0), "low": low, "high": high,
        "burned_out": posterior.burned_out.mean(axis=0),
    })  # fmt: skip


def draws_table(rounds: Rounds, posterior: Posterior) -> pd.DataFrame:
    """One row a draw: population parameters in their units, then a column for each trait of each physician."""
    names = rounds.plan.names
    centre, spread = np.asarray(rounds.problem.centre, float), np.asarray(rounds.problem.spread, float)
    z = centre + spread * posterior.unknowns[:, : len(names)]
    columns = {
        name: np.array([from_unbounded(float(v), ENTRIES[name]) for v in z[:, k]]) for k, name in enumerate(names)
    }
    traits = posterior.unknowns[:, len(names) :].reshape(len(z), -1, len(SEARCHED))
    for i, who in enumerate(person_ids(rounds.physicians)):
        columns |= {f"{effect} {who}": traits[:, i, k] for k, effect in enumerate(SEARCHED)}
        columns[f"intercept {who}"] = posterior.intercepts[:, i]
    return pd.DataFrame(columns)


def intercept_moments(posterior: Posterior) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and standard deviation [N] of the trait behind the personal intercept."""
    mean = posterior.intercept_mass @ INTERCEPT_NODES
    square = posterior.intercept_mass @ INTERCEPT_NODES**2
    return mean, np.sqrt(np.maximum(square - mean**2, 1e-12))


def intercept_interval(posterior: Posterior) -> tuple[np.ndarray, np.ndarray]:
    """Ends [N] of the middle 90 % of it."""
    cumulative = posterior.intercept_mass.cumsum(axis=1)
    low, high = (INTERCEPT_NODES[(cumulative < q).sum(axis=1).clip(max=len(INTERCEPT_NODES) - 1)] for q in INTERVAL)
    return low, high
