"""Uncertain inputs of an analysis: parameters over the middle of their priors, as points of a unit cube."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from abm.parameters import ENTRIES, NAMES, Entry, Parameters, entry

TAIL = 0.05  # of the prior left out on each side: analyses cover its middle 90 %, as `clinictwin parameters` shows it


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Parameters that vary, independent of each other; the others keep the values of ``base``.

    Coordinate u (0-1) of a parameter is its prior's quantile ``TAIL + (1 - 2 TAIL) u``, where the prior is the table's
    (normal on the scaled logit) around the value of ``base``; so u is even, and 0.5 is the value of ``base``.
    """

    names: tuple[str, ...]
    base: Parameters

    def at(self, points: np.ndarray) -> Parameters:
        """Parameters at ``points`` [R, k] of the unit cube: those that vary are float64 arrays [R]."""
        columns = zip(self.names, np.asarray(points, float).T, strict=True)
        return self.base.replace(**{name: self.values(name, u) for name, u in columns})

    def values(self, name: str, u: np.ndarray) -> np.ndarray:
        """Values of one parameter at coordinates ``u`` (0-1), in its unit."""
        e = ENTRIES[name]
        score = norm.ppf(TAIL + (1 - 2 * TAIL) * np.asarray(u, float))
        share = 1 / (1 + np.exp(-(_logit(float(getattr(self.base, name)), e) + e.prior_spread * score)))
        return e.low + (e.high - e.low) * share

    def ends(self, name: str) -> tuple[float, float]:
        """Values between which a parameter varies."""
        low, high = self.values(name, np.array([0.0, 1.0]))
        return float(low), float(high)


def _logit(value: float, e: Entry) -> float:
    share = min(max((value - e.low) / (e.high - e.low), 1e-9), 1 - 1e-9)
    return float(np.log(share / (1 - share)))


def inputs(names: Sequence[str] | None = None, base: Parameters | None = None) -> Inputs:
    """Inputs of these parameters, all if None. Raises ParameterError on an unknown name, ValueError on one twice."""
    chosen = tuple(NAMES if names is None else names)
    for i, name in enumerate(chosen):
        entry(name)
        if name in chosen[:i]:
            raise ValueError(f"parameters: met {name} twice, expected different ones")
    if not chosen:
        raise ValueError("parameters: met none, expected at least one that varies")
    return Inputs(chosen, base or Parameters())
