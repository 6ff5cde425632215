"""How far physicians differ: the spread parameters, estimated with the traits integrated out.

At a joint maximum of traits and their spread the spread runs away (wide spread, small traits), because the traits'
uncertainty is ignored. Here each trait counts as a noisy measurement of a person, and the spread has a posterior of its
own, on a grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from abm.parameters import ENTRIES, from_unbounded, to_unbounded

SPREADS = {"pace_spread": "pace", "efficiency_spread": "efficiency", "recovery_spread": "recovery",
           "motivation_spread": "motivation"}  # fmt: skip
GRID = np.linspace(-5.0, 5.0, 1001)  # prior standard deviations
LEAST_INFORMED = 0.02  # share of a trait's prior variance that must have gone before it says anything of the spread


class SpreadPosterior(NamedTuple):
    """Of one spread parameter: its median and middle 90 %, its standard deviation in prior standard deviations, and
    the ``share`` [G] of each of ``values`` [G]."""

    median: float
    low: float
    high: float
    deviation: float
    values: np.ndarray
    share: np.ndarray

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Values of the spread, drawn from its posterior."""
        return np.interp(rng.random(shape), np.cumsum(self.share), self.values)


def spread_posterior(
    name: str, current: float, centre: float, traits: np.ndarray, errors: np.ndarray
) -> SpreadPosterior:
    """Posterior of the spread parameter ``name``.

    ``traits`` [N] are posterior means and ``errors`` [N] posterior standard deviations, in units of the ``current``
    spread
    and under a standard normal prior; ``centre`` is the prior's centre on the unbounded scale.
    """
    entry = ENTRIES[name]
    variance = np.minimum(errors**2, 1.0 - 1e-9)
    says = 1.0 - variance > LEAST_INFORMED
    measured = traits[says] / (1.0 - variance[says])  # what the data alone say of a person
    noise = variance[says] / (1.0 - variance[says])
    values = np.array([from_unbounded(float(centre + entry.prior_spread * g), entry) for g in GRID])
    total = (values[:, None] / max(current, 1e-9)) ** 2 + noise
    log_posterior = -0.5 * (np.log(total) + measured**2 / total).sum(axis=1) - 0.5 * GRID**2
    mass = np.exp(log_posterior - log_posterior.max())
    mass /= mass.sum()
    cumulative = np.cumsum(mass)
    median, low, high = (float(np.interp(q, cumulative, values)) for q in (0.5, 0.05, 0.95))
    mean = float((mass * GRID).sum())
    deviation = float(np.sqrt((mass * (GRID - mean) ** 2).sum()))
    return SpreadPosterior(median, low, high, deviation, values, mass)


def prior_centre(name: str, value: float) -> float:
    """Centre of the prior on the unbounded scale."""
    return to_unbounded(value, ENTRIES[name])
