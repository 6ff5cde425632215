"""Draws from the posterior about a fit's best point, and what they say of each physician.

Unknowns are normal about the best point (Laplace). How people answer surveys is not: it is drawn from its own posterior
given what each draw expects of the answers (`calibration.readouts`).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd

from abm.parameters import ENTRIES, from_unbounded
from calibration import forward
from calibration.observations import person_ids
from calibration.readouts import NODES, OWN
from calibration.rounds import Look, Point, Rounds
from calibration.slopes import as_single
from calibration.summaries import SEARCHED

DRAWS = 64  # at least: 5 % and 95 % quantiles to a quarter of a standard deviation
INTERVAL = (0.05, 0.95)


@dataclasses.dataclass(frozen=True)
class Posterior:
    """K draws; D unknowns, N physicians."""

    unknowns: np.ndarray  # [K, D]
    own: np.ndarray  # [K, len(OWN), N]: the traits behind how a person answers
    own_mass: np.ndarray  # [len(OWN), N, nodes]: posterior share of each of NODES, over all draws
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
    asked = look.expected.outputs[:, rounds.plan.size :]
    slopes = look.slopes[:, rounds.plan.size :]
    masses = np.stack([
        rounds.masses(asked + np.einsum("nl,nol->no", move[rounds.place], slopes), look.expected.chance)
        for move in moves
    ])  # fmt: skip
    chosen = (masses.cumsum(axis=-1) < rng.random((*masses.shape[:-1], 1))).sum(axis=-1).clip(max=len(NODES) - 1)
    own = NODES[chosen]
    intercepts = own[:, OWN.index("intercept")]
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
    return Posterior(unknowns, own, masses.mean(axis=0), errors, risk, burned_out)


def risk_table(posterior: Posterior, settled: np.ndarray) -> pd.DataFrame:
    """One row a physician, of the last RISK_DAYS.

    ``risk``: the chance (0-1) that someone with the physician's exhaustion, cynicism, motivation and change fatigue is
    burned out, with the middle 90 % of its posterior (``low``, ``high``). ``burned_out``: the chance that this very
    physician is, by the own answers to surveys as well. ``settled``: whether the fit follows the physician to the end;
    where a post of the pod became vacant, colleagues carry a load that it leaves out, and ``risk`` is too low.
    """
    low, high = np.quantile(posterior.risk, INTERVAL, axis=0, method="weibull")  # covers as it says, with few draws too
    return pd.DataFrame({
        "who": person_ids(posterior.risk.shape[1]), "risk": posterior.risk.mean(axis=0), "low": low, "high": high,
        "burned_out": posterior.burned_out.mean(axis=0), "settled": settled,
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
        columns |= {f"{effect} {who}": posterior.own[:, k, i] for k, effect in enumerate(OWN)}
    return pd.DataFrame(columns)


def own_moments(posterior: Posterior) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and standard deviations [N, len(OWN)] of the traits behind how a person answers."""
    mean = posterior.own_mass @ NODES
    square = posterior.own_mass @ NODES**2
    return mean.T, np.sqrt(np.maximum(square - mean**2, 1e-12)).T


def own_interval(posterior: Posterior) -> tuple[np.ndarray, np.ndarray]:
    """Ends [N, len(OWN)] of the middle 90 % of them."""
    cumulative = posterior.own_mass.cumsum(axis=-1)
    low, high = (NODES[(cumulative < q).sum(axis=-1).clip(max=len(NODES) - 1)].T for q in INTERVAL)
    return low, high
