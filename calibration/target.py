"""What expected outputs are held against: observed summaries and the covariance of their chance deviations.

The clinic's own chance (which patients asked, who was absent, a bad week that lasts) is no parameter. It is integrated
out as in a synthetic likelihood (Wood 2010, Nature 466:1102): exact runs at the point where a search starts give the
covariance of all summaries of a physician about their expectation, pooled over physicians, and the observation model's
noise is added. So a busy month explains its EHR minutes by its visits instead of counting twice. The same runs give the
expectation itself; the relaxed engine only says how it moves with the unknowns.
"""

from __future__ import annotations

import math

import numpy as np

from calibration.forward import Exact, Target
from calibration.summaries import Observed

SHRINKAGE = 0.05  # of chance correlations towards zero (assumed): guards the inverse against spurious ones
OUTLIER = 3.0  # standard deviations beyond which a summary's variance is widened
STUDENT_DEGREES = 4.0  # of the Student-t distribution by which it is (assumed)
LEAST_SCALE = 0.25  # logit units: the width at which the relaxed engine itself smooths the burnout threshold


def make_target(observed: Observed, exact: Exact, relaxed_outputs: np.ndarray, runs: int,
                outlying: np.ndarray | None = None) -> Target:  # fmt: skip
    """The target of a search that starts where ``exact`` and ``relaxed_outputs`` [N, O] were taken.

    ``outlying`` [N, S] widens the variance of summaries that the last search could not explain (:func:`outlying`).
    """
    covariance = covariances(observed, exact, runs, outlying)
    there = observed.counts > 0
    precision = np.linalg.inv(covariance) * (there[:, :, None] & there[:, None, :])
    offset = np.asarray(exact.outputs, float) - relaxed_outputs
    scale = max(math.sqrt(3.0 * float(exact.index_variance)) / math.pi, LEAST_SCALE)
    as_float = lambda a: np.asarray(a, np.float32)  # noqa: E731
    return Target(as_float(observed.values), as_float(precision), as_float(offset), as_float(scale))


def covariances(observed: Observed, exact: Exact, runs: int, outlying: np.ndarray | None = None) -> np.ndarray:
    """Covariance [N, S, S] of observed summaries about the expected ones; unit variance where nothing was observed."""
    process = process_covariance(np.asarray(exact.covariance, float), np.asarray(exact.pairs, float))
    there = observed.counts > 0
    typical = observed.counts.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    # fewer days than others have: more chance, as if days were independent (too much for slow states: on the safe side)
    wider = np.sqrt(np.maximum(typical / np.maximum(observed.counts, 1e-9), 1.0)) * there
    result = wider[:, :, None] * process * wider[:, None, :] * (1.0 + 1.0 / runs)
    same_measure = observed.measure[:, None] == observed.measure[None, :]
    own_level = np.sqrt(observed.baseline)
    result += (same_measure * np.outer(own_level, own_level)) * (there[:, :, None] & there[:, None, :])
    index = np.arange(process.shape[0])
    result[:, index, index] += np.where(there, observed.noise, 1.0)
    if outlying is not None:
        result[:, index, index] += np.where(there, outlying, 0.0)
    result[:, index, index] *= 1.0 + 1e-6
    return result


def process_covariance(covariance: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Chance covariance [S, S] fit to be inverted: shrunk, and enlarged for having been estimated (Hartlap et al.
    2007)."""
    size = len(covariance)
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = (1.0 - SHRINKAGE) * covariance / np.outer(sd, sd)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)  # entries rest on different runs: mend what is not positive
    correlation = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    degrees = float(np.median(np.diag(pairs)))
    enlarge = (degrees - 1.0) / max(degrees - size - 2.0, 0.2 * degrees)
    return enlarge * correlation * np.outer(sd, sd)


def outlying(observed: Observed, exact: Exact, expected: np.ndarray, runs: int) -> np.ndarray:
    """Extra variance [N, S] for summaries far from ``expected`` [N, S], as the weights of a Student-t would give it."""
    variance = np.einsum("nss->ns", covariances(observed, exact, runs))
    square = (observed.values - expected) ** 2 / variance
    weight = (STUDENT_DEGREES + 1.0) / (STUDENT_DEGREES + square)
    far = (square > OUTLIER**2) & (observed.counts > 0)
    return np.where(far, variance * (1.0 / weight - 1.0), 0.0)
