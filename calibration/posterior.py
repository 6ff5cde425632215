"""Draws from the posterior about a fit's best point, and what they say of each physician.

Unknowns are normal about the best point (Laplace), or sampled (`calibration.sampling`). How people answer surveys is
not normal: it is drawn from its own posterior given what each draw expects of the answers (`calibration.readouts`).
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
from calibration.sampling import Samples
from calibration.slopes import as_single
from calibration.spreads import SPREADS
from calibration.summaries import SEARCHED

DRAWS = 64  # at least: 5 % and 95 % quantiles to a quarter of a standard deviation
INTERVAL = (0.05, 0.95)


@dataclasses.dataclass(frozen=True)
class Posterior:
    """C chains of K draws, L of which were run; D unknowns, N physicians, S summaries."""

    unknowns: np.ndarray  # [C, K, D]
    own: np.ndarray  # [C, K, len(OWN), N]: the traits behind how a person answers
    own_mass: np.ndarray  # [len(OWN), N, nodes]: posterior share of each of NODES, over all draws
    errors: np.ndarray  # [D]: standard deviations
    spreads: dict[str, np.ndarray]  # [C, K] each: spreads between people, by parameter
    statistics: dict[str, np.ndarray]  # [C, K] each: of the sampler, named as ArviZ names them
    chosen: np.ndarray  # [L]: positions, in C x K, of the draws that were run
    summaries: np.ndarray  # [L, N, S]: of an exact run of each
    risk: np.ndarray  # [L, N]: mean chance of burnout over the last RISK_DAYS
    burned_out: np.ndarray  # [L, N]: share of these days burned out, personal intercept included

    @property
    def unknowns_run(self) -> np.ndarray:
        """[L, D]"""
        return self.unknowns.reshape(-1, self.unknowns.shape[-1])[self.chosen]

    @property
    def own_run(self) -> np.ndarray:
        """[L, len(OWN), N]"""
        return self.own.reshape(-1, *self.own.shape[2:])[self.chosen]


def draw(rounds: Rounds, point: Point, look: Look, wider: np.ndarray, samples: Samples | None = None) -> Posterior:
    """Draws about ``point`` and exact runs of at least DRAWS of them.

    ``wider`` [P] are factors of the parameters' deviations; ``samples`` come from a sampler (Laplace if None).
    """
    batches = math.ceil(DRAWS / rounds.runs)
    count = batches * rounds.runs
    rng = np.random.default_rng([rounds.seed, 1])
    factor = np.concatenate([wider, np.ones(len(look.matrix) - len(wider))])
    covariance = factor[:, None] * np.linalg.inv(look.matrix) * factor
    if samples is None:
        normals = rng.standard_normal((count // 2, len(factor)))
        normals = np.concatenate([normals, -normals])  # in pairs, so that their mean is the best point
        moves, statistics = (normals @ np.linalg.cholesky(covariance).T)[None], {}
        errors = np.sqrt(np.diag(covariance))
    else:
        moves, statistics = samples.moves * factor, samples.statistics
        errors = moves.reshape(-1, len(factor)).std(axis=0, ddof=1)
    masses = _masses(rounds, look, moves.reshape(-1, len(factor)))
    nodes = (masses.cumsum(axis=-1) < rng.random((*masses.shape[:-1], 1))).sum(axis=-1).clip(max=len(NODES) - 1)
    every = moves.shape[0] * moves.shape[1]
    found = Posterior(
        point.unknowns + moves, NODES[nodes].reshape(*moves.shape[:2], len(OWN), -1), masses.mean(axis=0), errors,
        {name: spread.draw(rng, moves.shape[:2]) for name, spread in rounds.state.spreads.items()},
        statistics, np.linspace(0, every - 1, count).round().astype(int), *(np.zeros(0) for _ in range(3)),
    )  # fmt: skip
    return _run(rounds, found, batches)


def _masses(rounds: Rounds, look: Look, moves: np.ndarray) -> np.ndarray:
    """Posterior shares [moves, len(OWN), N, nodes] of the own traits after each of ``moves`` [moves, D]."""
    asked = look.expected.outputs[:, rounds.plan.size :]
    slopes = look.slopes[:, rounds.plan.size :]
    return np.stack([
        rounds.masses(asked + np.einsum("nl,nol->no", move[rounds.place], slopes), look.expected.chance)
        for move in moves
    ])  # fmt: skip


def _run(rounds: Rounds, found: Posterior, batches: int) -> Posterior:
    """With an exact run of each of the draws that were chosen for it."""
    unknowns, intercepts = found.unknowns_run, found.own_run[:, OWN.index("intercept")]
    runs = []
    for batch in range(batches):
        rows = slice(batch * rounds.runs, (batch + 1) * rounds.runs)
        seeds = rounds.seeds(100 + batch, rounds.runs)
        runs.append(
            forward.exact_runs(*as_single(unknowns[rows], intercepts[rows]), rounds.problem, seeds, rounds.plan)
        )
    rounds.model_runs += len(unknowns)
    outputs, risk, burned_out = (
        np.concatenate([np.asarray(getattr(r, name), float) for r in runs])
        for name in ("outputs", "risk", "burned_out")
    )
    summaries = outputs[:, :, : rounds.plan.size]
    return dataclasses.replace(found, summaries=summaries, risk=risk, burned_out=burned_out)


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


def population_values(rounds: Rounds, posterior: Posterior) -> dict[str, np.ndarray]:
    """Population parameters in their units, [C, K] each."""
    names = rounds.plan.names
    centre, spread = np.asarray(rounds.problem.centre, float), np.asarray(rounds.problem.spread, float)
    z = centre + spread * posterior.unknowns[..., : len(names)]
    convert = [np.vectorize(lambda v, e=ENTRIES[name]: from_unbounded(float(v), e), otypes=[float]) for name in names]
    return {name: convert[k](z[..., k]) for k, name in enumerate(names)} | posterior.spreads


def trait_values(rounds: Rounds, posterior: Posterior) -> dict[str, np.ndarray]:
    """Traits in standard deviations between people, [C, K, N] each.

    What observations tell of a person are minutes: in a draw with a wider spread the same minutes are fewer standard
    deviations.
    """
    count = len(rounds.plan.names)
    searched = posterior.unknowns[..., count:].reshape(*posterior.unknowns.shape[:2], -1, len(SEARCHED))
    values = {name: searched[..., k] for k, name in enumerate(SEARCHED)}
    for name, drawn in posterior.spreads.items():
        trait = SPREADS[name]
        values[trait] = values[trait] * (rounds.state.spreads[name].median / drawn)[..., None]
    return values | {name: posterior.own[:, :, k] for k, name in enumerate(OWN)}


def draws_table(rounds: Rounds, posterior: Posterior) -> pd.DataFrame:
    """One row a draw that was run: population parameters in their units, then a column for each trait of each
    physician."""
    flat = lambda values: values.reshape(-1, *values.shape[2:])[posterior.chosen]  # noqa: E731
    columns = {name: flat(values) for name, values in population_values(rounds, posterior).items()}
    traits = {name: flat(values) for name, values in trait_values(rounds, posterior).items()}
    for i, who in enumerate(person_ids(rounds.physicians)):
        columns |= {f"{effect} {who}": values[:, i] for effect, values in traits.items()}
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
