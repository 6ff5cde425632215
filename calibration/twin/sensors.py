"""Which sources to believe: a two-state filter, working or failing, for each stream of each person.

A working source's values scatter about what the twin expects of that person and day as the twin says they do. A failing
one repeats its last value or reports any value alike. A day's values, all measures of the stream together, move the
chance that the source fails by Bayes' rule; its values count by the chance that it works, and not at all below one
half. What all physicians share that day is taken out first, so that a change of the whole clinic is no sensor's fault.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import t as student

from calibration.measures import MEASURES, Kind
from calibration.quality import WORKING_SHARE
from calibration.twin.scales import COMPARED, step_on_scale, value_steps

WATCHED = ("ehr", "schedule", "wearable")
FAILS_PER_DAY = 0.001  # chance that a working source begins to fail (assumed: once in three years)
MENDED_PER_DAY = 0.02  # chance that a failing one is replaced (assumed: within seven weeks)
REPEATS_SHARE = 0.5  # of failed sources: those that repeat their last value (assumed)
TAIL = (
    4.0  # degrees of freedom: the twin is wrong now and then by more than a normal distribution would have it (assumed)
)
# The most that one day may say, a likelihood ratio of 100 (assumed): no single odd day condemns a source.
MOST_OF_A_DAY = math.log(100.0)
ALERT, CALM = 0.9, 0.5  # chance of failing from which on an alert begins, and below which it ends (assumed)
BELIEVED = 0.5  # chance of working from which on values count
_CONTINUOUS = np.array([MEASURES[n].kind in (Kind.LOGNORMAL, Kind.NORMAL) for n in COMPARED])
_STREAM = np.array([MEASURES[n].stream for n in COMPARED])


class Sources(NamedTuple):
    """Of each watched stream and person, after a day's values."""

    log_odds: np.ndarray  # [S, N]: of failing
    last: np.ndarray  # [M, N]: last value of each of COMPARED; NaN if there was none


def first_sources(physicians: int) -> Sources:
    """Before any value: as many work as do in the long run of a year in which none was replaced."""
    start = math.log(FAILS_PER_DAY / (1 - FAILS_PER_DAY))
    return Sources(np.full((len(WATCHED), physicians), start), np.full((len(COMPARED), physicians), np.nan))


def watch(before: Sources, value: np.ndarray, suspect: np.ndarray, on_scale: np.ndarray, mean: np.ndarray,
          deviation: np.ndarray) -> Sources:  # fmt: skip
    """The sources after a day's ``value`` (as reported), each argument [M, N] by COMPARED.

    ``on_scale`` are the values on their scales, ``mean`` and ``deviation`` what was expected of them there.
    """
    failing = expit(before.log_odds)
    failing = failing * (1 - MENDED_PER_DAY) + (1 - failing) * FAILS_PER_DAY
    evidence = _evidence(before.last, value, suspect, on_scale, mean, deviation)
    log_odds = np.log(failing) - np.log1p(-failing)
    for s, stream in enumerate(WATCHED):
        log_odds[s] += np.clip(evidence[_STREAM == stream].sum(axis=0), -MOST_OF_A_DAY, MOST_OF_A_DAY)
    return Sources(log_odds, np.where(np.isfinite(value), value, before.last))


def chance_of_working(sources: Sources) -> np.ndarray:
    """[M, N] by COMPARED; one for streams that are not watched."""
    result = np.ones_like(sources.last)
    for s, stream in enumerate(WATCHED):
        result[_STREAM == stream] = expit(-sources.log_odds[s])
    return result


def _evidence(last: np.ndarray, value: np.ndarray, suspect: np.ndarray, on_scale: np.ndarray, mean: np.ndarray,
              deviation: np.ndarray) -> np.ndarray:  # fmt: skip
    """log-likelihood ratio [M, N] of failing against working; 0 where there is no value or none that could tell."""
    there = np.isfinite(value) & _CONTINUOUS[:, None]
    surprise = np.where(there, on_scale - mean, np.nan)
    enough = there.sum(axis=1) >= 5
    common = np.zeros(len(value))
    common[enough] = np.nanmedian(surprise[enough], axis=1)
    result = np.zeros_like(value)
    for m, name in enumerate(COMPARED):
        here = there[m]
        if not here.any():
            continue
        measure = MEASURES[name]
        z = (surprise[m, here] - common[m]) / deviation[m, here]
        working = student.logpdf(z, TAIL) + np.log(step_on_scale(measure, value[m, here]) / deviation[m, here])
        repeats = value[m, here] == last[m, here]
        failing = np.log((1 - REPEATS_SHARE) / value_steps(measure)[1] + REPEATS_SHARE * repeats)
        marked = math.log(WORKING_SHARE["good"] / (1 - WORKING_SHARE["good"])) - math.log(
            WORKING_SHARE["suspect"] / (1 - WORKING_SHARE["suspect"])
        )
        result[m, here] = failing - np.minimum(working, 0.0) + marked * suspect[m, here]
    return result
