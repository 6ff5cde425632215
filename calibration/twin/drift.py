"""Whether the clinic still is what the twin takes it for: a two-sided CUSUM of each measure's clinic-wide surprises.

While the twin is right, a clinic mean's surprise (observed less predicted, in standard deviations expected) has mean
zero and variance one and tells nothing of tomorrow's. A change of regime shifts its mean. Page's (1954) cumulative sum
with a reference value of half a standard deviation is the quickest to find a shift of one. At a limit of ten its run
length to a false alarm is about 70,000 days of values on both sides together (Siegmund's approximation): for 14
measures on 260 days one in twenty years. `calibration.twin.watchfulness` measures it on simulated clinics: of eight
of 20 physicians, with 256 members begun from the priors, the four that changed were found to in 2 to 4 days, and there
was one false alarm in 452 days after the first weeks: small ensembles that still learn are surprised a little longer
than they should be. Those weeks themselves do not count: who knows little is rightly surprised.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calibration.twin.scales import COMPARED

REFERENCE = 0.5  # standard deviations
LIMIT = 10.0
LEARNING_DAYS = 28  # a twin that has just begun is surprised by what it does not know yet: not counted (assumed)
LARGEST = 4.0  # standard deviations: a single day counts no more (assumed)
NONE = -1


class Drift(NamedTuple):
    """Cumulative sums of each of COMPARED, each [2, M]: too high, too low."""

    total: np.ndarray
    since: np.ndarray  # day on which the sum last rose from zero; NONE while it is zero
    alarm: np.ndarray  # bool: over the limit, and not yet back at zero


def no_drift() -> Drift:
    """Before any value."""
    shape = (2, len(COMPARED))
    return Drift(np.zeros(shape), np.full(shape, NONE), np.zeros(shape, bool))


def follow_drift(before: Drift, innovation: np.ndarray, there: np.ndarray, day: int) -> Drift:
    """After a day's clinic-wide ``innovation`` [M] of the measures that are ``there``."""
    there = there & (day >= LEARNING_DAYS)
    bounded = np.clip(innovation, -LARGEST, LARGEST)
    step = np.stack([bounded, -bounded]) - REFERENCE
    total = np.where(there, np.maximum(before.total + step, 0.0), before.total)
    # a long excursion is remembered no longer than it takes to see that it has ended
    total = np.minimum(total, 2.0 * LIMIT)
    since = np.where(total == 0.0, NONE, np.where(before.total == 0.0, day, before.since))
    return Drift(total, since, (before.alarm | (total > LIMIT)) & (total > 0.0))
