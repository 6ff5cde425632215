"""Morris screening of a model on the unit cube: which inputs do anything, at few runs an input."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.analysis.sobol import LEVEL, check_outcome, need_salib, unit_problem
from experiments.designs import MORRIS_LEVELS

RESAMPLES = 400


def morris_points(names: Sequence[str], trajectories: int, seed: int) -> np.ndarray:
    """``trajectories`` of one step an input each: points [trajectories (k + 1), k]. Raises ValueError."""
    need_salib()
    from SALib.sample import morris  # type: ignore[import-untyped]

    if trajectories < 2:
        raise ValueError(f"trajectories: met {trajectories}, expected at least 2 (their spread is what is read)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return morris.sample(unit_problem(names), trajectories, num_levels=MORRIS_LEVELS, seed=seed)


def morris_effects(names: Sequence[str], points: np.ndarray, outcome: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Elementary effects over the whole range of each input, in the outcome's unit, one row an input.

    Columns: name, effect (mean), size (mean absolute, mu*), size_low, size_high (90 % bootstrap), spread (their
    standard deviation: interactions and curvature). Raises ValueError on an outcome that is not finite or does not
    vary.
    """
    from SALib.analyze import morris

    outcome = np.asarray(outcome, float)
    check_outcome(outcome)
    found = morris.analyze(unit_problem(names), points, outcome, num_resamples=RESAMPLES, conf_level=LEVEL,
                           num_levels=MORRIS_LEVELS, seed=seed + 1)  # fmt: skip
    size, half = np.asarray(found["mu_star"], float), np.asarray(found["mu_star_conf"], float)
    return pd.DataFrame({
        "name": list(names), "effect": np.asarray(found["mu"], float), "size": size,
        "size_low": np.maximum(size - half, 0.0), "size_high": size + half,
        "spread": np.asarray(found["sigma"], float),
    })  # fmt: skip
