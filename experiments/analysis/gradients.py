"""Sensitivity from derivatives on the unit cube: slopes, elasticities, and what they say of Sobol' indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from experiments.analysis.sobol import LEVEL, Model

STEP = (
    0.05  # of the cube's edge, to each side: beyond the relaxed mode's kinks, within what is nearly straight (assumed)
)
UNIFORM_VARIANCE = 1 / 12  # of a coordinate of the unit cube
POINCARE = 1 / np.pi**2  # constant of an even law on [0, 1] (Lamboni 2013, Math Comput Simul 87:45)


def slopes(model: Model, at: np.ndarray, step: float = STEP, sides: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """(outcome [Q], slopes [Q, k]) at points ``at`` [Q, k] by differences to one or both sides, in one call.

    Takes ``slope_runs(k, Q, sides)`` runs. Points nearer than ``step`` to an edge of the cube are moved in.
    """
    if sides not in (1, 2):
        raise ValueError(f"sides: met {sides}, expected 1 or 2")
    at = np.clip(np.atleast_2d(np.asarray(at, float)), step, 1 - step)
    count, inputs = at.shape
    ways = [step * np.eye(inputs), -step * np.eye(inputs)][:sides]
    moves = np.concatenate([np.zeros((1, inputs)), *ways])
    values = np.asarray(model((at[:, None] + moves).reshape(-1, inputs)), float).reshape(count, -1)
    middle, ahead, behind = values[:, :1], values[:, 1 : inputs + 1], values[:, inputs + 1 :]
    return values[:, 0], (ahead - (behind if sides == 2 else middle)) / (sides * step)


def slope_runs(inputs: int, points: int = 1, sides: int = 2) -> int:
    """Model runs of :func:`slopes`."""
    return points * (sides * inputs + 1)


def linear_indices(slope: np.ndarray) -> np.ndarray:
    """Share of the variance due to each input [k] if the model were straight with this slope [k] (0 if it is flat)."""
    squares = np.asarray(slope, float) ** 2
    return squares / (squares.sum() or 1.0)


def derivative_measures(names: Sequence[str], slopes_at: np.ndarray, variance: float) -> pd.DataFrame:
    """Derivative-based global sensitivity measures from slopes [Q, k] at Q even points; one row an input.

    Columns: name, mean_square (nu, of the derivative) with its 90 % interval, and ``bound``: mean_square / (pi^2
    variance), which no total index exceeds for even inputs (Sobol' & Kucherenko 2009; Lamboni et al. 2013).
    """
    squares = np.asarray(slopes_at, float) ** 2
    mean = squares.mean(axis=0)
    error = squares.std(axis=0, ddof=1) / np.sqrt(len(squares)) if len(squares) > 1 else np.full_like(mean, np.nan)
    half = norm.ppf(0.5 + LEVEL / 2) * error
    return pd.DataFrame({
        "name": list(names), "mean_square": mean, "mean_square_low": mean - half, "mean_square_high": mean + half,
        "bound": POINCARE * mean / variance,
    })  # fmt: skip
