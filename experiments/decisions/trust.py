"""How far past advice was right, as a number that is shown with new advice and makes its intervals wider.

Let z be realised minus forecast effect of a decision on the burnout risk, in standard deviations of that difference
(`realised.realised_effects`). If the twin is calibrated z has mean square 1. The widening is the square root of the
mean of z squared, together with PRIOR_DECISIONS imagined ones that went as forecast, and never below 1: a good record
does not make advice bolder than its evidence. The score is (1 + within) / (2 + judged), where "within" had |z| up to
LARGEST_Z: the mean of a uniform prior's posterior for the chance that advice comes out as forecast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from experiments.effects import LEVEL

PRIOR_DECISIONS = 4.0  # assumed
LARGEST_Z = float(norm.ppf(0.5 + LEVEL / 2))
JUDGED_BY = "burnout_risk"


class Trust(NamedTuple):
    """The record of past advice; `experiments.decisions` says what the fields hold."""

    judged: int
    within: int
    score: float
    widening: float
    words: str


def trust_in(realised: pd.DataFrame | None = None) -> Trust:
    """Trust from a table of `realised_effects`; without any that could be judged: a half, and no widening."""
    z = np.array([])
    if realised is not None and len(realised):
        z = realised.loc[realised["measure"] == JUDGED_BY, "score"].to_numpy(float)
        z = z[np.isfinite(z)]
    within = int((np.abs(z) <= LARGEST_Z).sum())
    widening = max(1.0, float(np.sqrt((PRIOR_DECISIONS + (z**2).sum()) / (PRIOR_DECISIONS + len(z)))))
    score = (1 + within) / (2 + len(z))
    return Trust(len(z), within, score, widening, _words(len(z), within, score, widening))


def _words(judged: int, within: int, score: float, widening: float) -> str:
    if not judged:
        return "no advice of the past can be judged yet: trust 0.50"
    wider = f"; intervals are {widening:.2f} times as wide for it" if widening > 1 else ""
    return f"{within} of {judged} decisions came out as forecast: trust {score:.2f}{wider}"
