"""A fit beside the truth of the simulated clinic that it was fitted to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from abm.layout import TRAITS
from calibration.fit_result import Fit
from calibration.simulated import SimulatedClinic


def recovered_parameters(found: Fit, truth: SimulatedClinic) -> pd.DataFrame:
    """The fit's table with the ``truth`` of each parameter, and whether its 90 % interval ``covers`` it."""
    return _covered(found.table.assign(truth=[float(getattr(truth.parameters, name)) for name in found.table["name"]]))


def recovered_traits(found: Fit, truth: SimulatedClinic) -> pd.DataFrame:
    """The fit's traits with the ``truth`` of each, in standard deviations between physicians, and ``covers``."""
    order = {who: i for i, who in enumerate(dict.fromkeys(found.effects["who"]))}
    values = [truth.traits[order[row.who], TRAITS.index(row.effect)] for row in found.effects.itertuples()]
    return _covered(found.effects.assign(truth=values))


def recovered_risk(found: Fit, truth: SimulatedClinic) -> pd.DataFrame:
    """The fit's risks with the ``truth`` of each physician, and ``covers``."""
    return _covered(found.risk.assign(estimate=found.risk["risk"], truth=truth.risk))


def _covered(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(covers=table["truth"].between(table["low"], table["high"]))


def rank_of_truth(draws: np.ndarray, truth: float, rng: np.random.Generator) -> float:
    """Share (0-1) of draws below the truth, made continuous: uniform if the draws are the posterior's (Talts et al.
    2018, arXiv:1804.06788)."""
    below, equal = int((draws < truth).sum()), int((draws == truth).sum())
    return float((below + rng.random() * (equal + 1)) / (len(draws) + 1))
