"""Simulation-based calibration: are the ranks of truths among posterior draws uniform?

Bands hold the whole empirical distribution function at once (Säilynoja et al. 2022, Stat Comput 32:32), by ArviZ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

BAND = 0.99
SIMULATIONS = 1000  # behind a band; its level is good to a third of a percentage point


class RankCheck(NamedTuple):
    """Points (0-1), the empirical distribution function of the ranks there, and its band."""

    points: np.ndarray
    ecdf: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def inside(self) -> bool:
        return bool((self.ecdf >= self.low).all() and (self.ecdf <= self.high).all())


def rank_check(ranks: np.ndarray, band: float = BAND, seed: int = 0) -> RankCheck:
    """Whether independent ``ranks`` (0-1), one a clinic, look uniform."""
    from arviz_stats.ecdf_utils import ecdf_pit

    found = ecdf_pit(np.asarray(ranks, float), band, SIMULATIONS, rng=np.random.default_rng(seed))
    return RankCheck(*(np.asarray(a, float) for a in found))


def rank_checks(study: pd.DataFrame, band: float = BAND) -> dict[str, RankCheck]:
    """A check of each population parameter of a study."""
    rows = study[study["kind"] == "parameter"]
    return {str(name): rank_check(table["rank"].to_numpy(), band) for name, table in rows.groupby("name", sort=False)}
