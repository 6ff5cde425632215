"""The tables of a fit: population parameters and physicians' traits, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from abm.parameters import ENTRIES, Parameters, from_unbounded, to_unbounded
from calibration.observations import person_ids
from calibration.spreads import SpreadPosterior
from calibration.summaries import EFFECTS

NINETY = 1.6449  # standard normal quantile of the middle 90 %
INFORMED = 0.25  # contraction from which a posterior counts as informed: three quarters of the prior's width (assumed)


def population_table(names: Sequence[str], in_vector: Sequence[str], unknowns: np.ndarray, errors: np.ndarray,
                     spreads: dict[str, SpreadPosterior], centre: Parameters) -> pd.DataFrame:  # fmt: skip
    """One row a fitted population parameter, in the order of ``names``; see `calibration.Fit`."""
    rows = []
    for name in names:
        e = ENTRIES[name]
        middle = to_unbounded(getattr(centre, name), e)
        at = lambda u, e=e, middle=middle: float(from_unbounded(float(middle + e.prior_spread * u), e))  # noqa: E731
        if name in in_vector:
            k = list(in_vector).index(name)
            estimate, deviation = at(unknowns[k]), float(errors[k])
            low, high = at(unknowns[k] - NINETY * deviation), at(unknowns[k] + NINETY * deviation)
        elif name in spreads:
            estimate, low, high, deviation = spreads[name][:4]
        else:  # interrupted before the first look at it
            estimate, deviation, low, high = at(0.0), 1.0, at(-NINETY), at(NINETY)
        contraction = 1.0 - min(deviation, 1.0)
        rows.append({
            "name": name, "unit": e.unit, "estimate": estimate, "low": low, "high": high, "prior_low": at(-NINETY),
            "prior_high": at(NINETY), "contraction": contraction, "informed": contraction >= INFORMED,
        })  # fmt: skip
    columns = ["name", "unit", "estimate", "low", "high", "prior_low", "prior_high", "contraction", "informed"]
    return pd.DataFrame(rows, columns=columns)


def effects_table(traits: np.ndarray, errors: np.ndarray, low: np.ndarray, high: np.ndarray) -> pd.DataFrame:
    """One row a physician and trait, [N, len(EFFECTS)] each, in standard deviations between physicians."""
    physicians, count = traits.shape
    return pd.DataFrame({
        "who": np.repeat(person_ids(physicians), count), "effect": list(EFFECTS) * physicians,
        "estimate": traits.ravel(), "standard_error": errors.ravel(), "low": low.ravel(), "high": high.ravel(),
        "informed": 1.0 - errors.ravel() >= INFORMED,
    })  # fmt: skip


def counts_table(rows: pd.DataFrame, measures: Sequence[str], weights: np.ndarray, prior: np.ndarray) -> pd.DataFrame:
    """The account of the rows by measure, with the number of values [M, days, N] trusted less than half."""
    low = ((weights < 0.5) & (prior > 0)).sum(axis=(1, 2))
    of_measure = {m: int(n) for m, n in zip(measures, low, strict=True)}
    down = [of_measure.get(m, 0) if used else 0 for m, used in zip(rows["measure"], rows["used"], strict=True)]
    return rows.assign(down_weighted=down)
