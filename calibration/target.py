"""What expected outputs are held against: observed summaries and the covariance of their chance deviations.

The clinic's own chance (which patients asked, who was absent, a bad week that lasts) is no parameter. It is integrated
out as in a synthetic likelihood (Wood 2010, Nature 466:1102): exact runs at the point where a search starts give the
covariance of all summaries of a physician about their expectation, pooled over physicians, and the observation model's
noise is added. So a busy month explains its EHR minutes by its visits instead of counting twice. The same runs give the
expectation itself; the relaxed engine only says how it moves with the unknowns.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from calibration.forward import Problem, Runs, Target
from calibration.measures import MEASURES
from calibration.readouts import Answers, Chance, split
from calibration.summaries import Observed, Plan, per_session_day

OUTLIER = 4.0  # standard deviations; by chance one summary in sixteen thousand is further off
STUDENT_DEGREES = 4.0  # of the Student-t distribution by which such a summary counts (assumed)
SHRINKAGE = 0.05  # of chance correlations towards zero (assumed): guards the inverse against spurious ones
LEAST_SCALE = 0.05  # logit units: the nodes over personal intercepts are less than that apart where most people are


@dataclasses.dataclass(frozen=True)
class Expected:
    """What exact runs at one point say of the observations' law; N physicians, S summaries, M measures."""

    outputs: np.ndarray  # [N, O]: mean over runs
    covariance: np.ndarray  # [S, S]: of the summaries about each physician's mean, pooled over physicians
    pairs: np.ndarray  # [S, S]: degrees of freedom behind each of its entries
    relative_spread: np.ndarray  # [N, S]: a physician's standard deviation relative to the pooled one
    chance: Chance  # of what is asked for in surveys
    runs: int


def expected(runs: Runs, observed: Observed, answers: Answers, plan: Plan) -> Expected:
    """Means and chance of exact ``runs``."""
    outputs = np.asarray(runs.outputs, float)
    count = len(outputs)
    there = observed.counts > 0
    deviation = (outputs - outputs.mean(axis=0))[..., : plan.size] * there
    pairs = np.maximum((count - 1) * (there.T.astype(float) @ there), 1.0)
    covariance = np.einsum("rns,rnt->st", deviation, deviation, optimize=True) / pairs
    return Expected(
        outputs.mean(axis=0), covariance, pairs, _relative_spread(deviation, np.diag(covariance), observed),
        _chance(runs, outputs, observed.values.shape[1], answers), count,
    )  # fmt: skip


def _relative_spread(deviation: np.ndarray, pooled: np.ndarray, observed: Observed) -> np.ndarray:
    """Own standard deviations over the pooled ones [N, S], from ``deviation`` [R, N, S].

    Drawn towards 1 as far as differences between physicians are no more than chance (empirical Bayes, by measure).
    """
    there = observed.counts > 0
    own = (deviation**2).sum(axis=0) / (len(deviation) - 1) / np.maximum(pooled, 1e-12)
    result = np.ones_like(own)
    for m in np.unique(observed.measure):
        here = observed.measure == m
        blocks = there[:, here].sum(axis=1)
        seen = blocks > 0
        if seen.sum() < 2:
            continue
        ratio = (own[:, here] * there[:, here]).sum(axis=1)[seen] / blocks[seen]
        noise = (2.0 / ((len(deviation) - 1) * blocks[seen])).mean()
        kept = max(1.0 - noise / max(float(ratio.var(ddof=1)), 1e-12), 0.0)
        result[np.ix_(seen, here)] = np.sqrt(np.maximum(1.0 + kept * (ratio - 1.0), 0.1))[:, None]
    return result


def _chance(runs: Runs, outputs: np.ndarray, count: int, answers: Answers) -> Chance:
    """How the burnout index and the log-odds of task load vary about their means of the day."""
    index_variance = float(np.asarray(runs.index, float).var(axis=0, ddof=1).mean())
    load = split(outputs[:, :, count:], answers).load.var(axis=0, ddof=1)
    weight = np.asarray(answers.load_weight, float)
    load_variance = float((weight * load).sum() / max(weight.sum(), 1e-9))
    scale = max(math.sqrt(3.0 * index_variance) / math.pi, LEAST_SCALE)
    return Chance(np.float32(scale), np.float32(math.sqrt(load_variance)))


def daily_law(runs: Runs, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """What exact ``runs`` expect of single days: means [M, days, N], and the values' variance relative to their square,
    [M]."""
    on_duty = np.asarray(runs.on_duty, float)
    laws = [
        _daily(np.asarray(runs.daily[:, m], float), on_duty if per_session_day(MEASURES[name]) else None)
        for m, name in enumerate(plan.measures)
    ]
    return np.stack([mean for mean, _ in laws]), np.array([variance for _, variance in laws])


def _daily(values: np.ndarray, there: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Mean [days, N] over runs [R, days, N] in which there is a value, and their variance relative to its square."""
    weight = np.ones_like(values) if there is None else there
    total = weight.sum(axis=0)
    mean = (weight * values).sum(axis=0) / np.maximum(total, 1e-3)
    square = (weight * (values - mean) ** 2).sum(axis=0) / np.maximum(total - 1.0, 1.0)
    seen = mean > 1e-3
    return mean, float((square[seen] / mean[seen] ** 2).mean()) if seen.any() else 0.0


def make_target(observed: Observed, at: Expected, problem: Problem, extra: np.ndarray) -> Target:
    """The target of a round that starts where ``at`` was taken; ``extra`` [N, S] is more variance of the summaries."""
    covariance = covariances(observed, at)
    index = np.arange(covariance.shape[1])
    covariance[:, index, index] += extra
    there = observed.counts > 0
    precision = np.linalg.inv(covariance) * (there[:, :, None] & there[:, None, :])
    answers = Answers(*map(np.asarray, problem.answers))
    return Target(observed.values.astype(np.float32), precision.astype(np.float32), answers, at.chance)


def covariances(observed: Observed, at: Expected) -> np.ndarray:
    """Covariance [N, S, S] of observed summaries about the expected ones; unit variance where nothing was observed."""
    process = process_covariance(at.covariance, at.pairs)
    there = observed.counts > 0
    wider = at.relative_spread * there
    result = wider[:, :, None] * process * wider[:, None, :] * (1.0 + 1.0 / at.runs)
    same_measure = observed.measure[:, None] == observed.measure[None, :]
    own_level = np.sqrt(observed.baseline)
    result += (same_measure * np.outer(own_level, own_level)) * (there[:, :, None] & there[:, None, :])
    index = np.arange(process.shape[0])
    result[:, index, index] += np.where(there, observed.noise, 1.0)
    result[:, index, index] *= 1.0 + 1e-6
    return result


def process_covariance(covariance: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Chance covariance [S, S] fit to be inverted: shrunk, and enlarged for having been estimated (Hartlap et al.
    2007)."""
    seen = np.diag(pairs) > 1.0
    if not seen.any():
        return np.zeros_like(covariance)
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = (1.0 - SHRINKAGE) * covariance / np.outer(sd, sd)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)  # entries rest on different runs: mend what is not positive
    correlation = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    degrees = float(np.median(np.diag(pairs)[seen]))
    enlarge = (degrees - 1.0) / max(degrees - seen.sum() - 2.0, 0.2 * degrees)
    return enlarge * correlation * np.outer(sd, sd)


def unexplained(observed: Observed, at: Expected) -> np.ndarray:
    """Variance [N, S] of what the point ``at`` leaves unexplained, beyond chance and noise.

    By measure, what the mean square residual is too large by. Far from the best point this keeps the sharpest measures
    from ruling the search; at the best point of a clinic that is as the model says it is next to nothing; where it is
    not, it keeps the posterior from being surer than the model is good. Beyond it single summaries further off than
    OUTLIER count as a Student's t would count them.
    """
    variance = np.einsum("nss->ns", covariances(observed, at))
    there = observed.counts > 0
    square = (observed.values - at.outputs[:, : observed.values.shape[1]]) ** 2
    factor = np.ones_like(variance)
    for m in np.unique(observed.measure):
        here = there & (observed.measure == m)
        if here.any():
            factor[here] = max(float((square[here] / variance[here]).mean()), 1.0)
    distance = square / (factor * variance)
    outlying = distance > OUTLIER**2
    factor = np.where(outlying, factor * (STUDENT_DEGREES + distance) / (STUDENT_DEGREES + 1.0), factor)
    return (factor - 1.0) * variance * there
