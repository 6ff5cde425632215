"""Clinics drawn from a fit's posterior, to be simulated, so that the uncertainty of the fit goes into what follows.

The best point alone will not do for whether a physician is burned out: answers bound a personal intercept from both
sides, and the middle of such an interval keeps everybody away from the thresholds, which makes changes look weak.
"""

from __future__ import annotations

import numpy as np

from abm.layout import TRAITS
from abm.parameters import NAMES, Parameters
from calibration.fit_result import Fit, FitError
from calibration.observations import person_ids
from calibration.summaries import EFFECTS


def posterior_clinics(fit: Fit, count: int | None = None) -> list[tuple[Parameters, np.ndarray]]:
    """(parameters, traits [P, GENERATIONS, len(TRAITS)]) of ``count`` posterior draws, of all if None.

    Raises FitError if the fit has none, or fewer than ``count``.
    """
    rows = fit.draws if count is None else fit.draws.iloc[:count]
    if rows.empty or (count is not None and len(rows) < count):
        raise FitError(f"draws: met {len(fit.draws)} posterior draws, expected {count or 'at least one'}")
    population = [name for name in NAMES if name in rows]
    who = person_ids(int(fit.info["physicians"]))
    columns = [[f"{effect} {person}" for person in who] for effect in EFFECTS]
    place = [TRAITS.index(effect) for effect in EFFECTS]
    clinics = []
    for _, row in rows.iterrows():
        traits = np.array(fit.traits, float)
        traits[: len(who), 0, place] = np.stack([row[names].to_numpy(float) for names in columns], axis=1)
        clinics.append((fit.parameters.replace(**{name: float(row[name]) for name in population}), traits))
    return clinics
