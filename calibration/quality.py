"""How much each observed value counts: by its reported quality, and by how well a working source explains it."""

from __future__ import annotations

import numpy as np

from calibration import likelihoods
from calibration.measures import MEASURES, Kind, Measure
from calibration.summaries import Plan, range_steps

# Share of values whose source works, by reported quality (assumed). A failed source's values are not used at all.
WORKING_SHARE = {"good": 0.99, "suspect": 0.5}
# A noisy sensor that repeats itself this often is stuck (assumed): at a chance of 0.16 for two equal values, as of a
# heart rate of noise 1.8 in whole beats, a run of seven appears in three of a thousand people's half years.
STUCK_RUN = 7
SENSORS = ("wearable",)  # streams whose sources fail unnoticed


def stuck(values: np.ndarray) -> np.ndarray:
    """True [days, N] within runs of STUCK_RUN or more equal values; missing days (NaN) neither break nor lengthen a
    run."""
    result = np.zeros(values.shape, bool)
    for column, series in enumerate(values.T):
        days = np.flatnonzero(np.isfinite(series))
        if len(days):
            change = np.append(True, np.diff(series[days]) != 0)
            run = np.cumsum(change) - 1
            result[days, column] = np.bincount(run)[run] >= STUCK_RUN
    return result


def prior_working(good: np.ndarray, suspect: np.ndarray, measure: Measure) -> np.ndarray:
    """Chance [days, N] that a value's source works, before looking at the value; 0 where there is none."""
    there = np.where(
        np.isfinite(good), WORKING_SHARE["good"], np.where(np.isfinite(suspect), WORKING_SHARE["suspect"], 0.0)
    )
    if measure.stream in SENSORS:
        there = np.where(stuck(np.where(np.isfinite(good), good, suspect)), 0.0, there)
    return there


def working(
    values: np.ndarray, prior: np.ndarray, expected: np.ndarray, variance: np.ndarray, plan: Plan
) -> np.ndarray:
    """Chance [M, days, N] that each sensor value's source works, by Bayes' rule; 0 where there is no value.

    Other streams keep their ``prior``: books and logs do not drift, and to trust unusual days of a clinic less would
    leave out just what makes its means. A broken sensor is taken to show any possible value alike. ``expected``
    [M, days, N] are the model's values of a day and ``variance`` [M] their chance variation relative to their square.
    """
    result = []
    for m, name in enumerate(plan.measures):
        measure = MEASURES[name]
        if measure.stream not in SENSORS:
            result.append(prior[m])
            continue
        there = prior[m] > 0
        log_prob = _log_prob(
            measure, values[m], _at_own_level(measure, values[m], prior[m], expected[m]), float(variance[m])
        )
        if log_prob is None:
            result.append(prior[m])
            continue
        broken = -np.log(range_steps(measure))
        inside = np.where(there, prior[m], 0.5)
        result.append(np.where(there, likelihoods.clean_probability(log_prob, broken, inside), 0.0))
    return np.stack(result)


def _at_own_level(measure: Measure, values: np.ndarray, prior: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Expected values, moved to each person's own (median) level if the measure has one."""
    if measure.personal is None:
        return expected
    there = prior >= WORKING_SHARE["good"]
    is_log = measure.kind is Kind.LOGNORMAL
    difference = np.log(np.maximum(values, 1e-3) / np.maximum(expected, 1e-3)) if is_log else values - expected
    own = np.array([np.median(d[t]) if t.any() else 0.0 for d, t in zip(difference.T, there.T, strict=True)])
    return expected * np.exp(own) if is_log else expected + own


def _log_prob(measure: Measure, values: np.ndarray, expected: np.ndarray, variance: float) -> np.ndarray | None:
    """log-probability of each value from a working source; None for measures whose values cannot be told apart."""
    if measure.kind is Kind.LOGNORMAL:
        spread = float(np.sqrt(measure.noise**2 + np.log1p(variance)))
        median = expected * np.exp(-0.5 * np.log1p(variance))
        return np.asarray(likelihoods.lognormal_log_prob(values, median, spread, measure.step or 1.0))
    if measure.kind is Kind.NORMAL:
        spread_here = np.sqrt(measure.noise**2 + variance * expected**2)
        return np.asarray(
            likelihoods.normal_log_prob(values, expected, spread_here, measure.step or 1.0, measure.low, measure.high)
        )
    return None
