"""Sobol' indices of a model on the unit cube, by Saltelli's design, with bootstrap intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

LEVEL = 0.90  # of intervals, as in reports
RESAMPLES = 400  # of the bootstrap
Model = Callable[[np.ndarray], np.ndarray]  # points [R, k] of the unit cube -> outcome [R]


def unit_problem(names: Sequence[str]) -> dict[str, Any]:
    """SALib's description of a unit cube."""
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def need_salib() -> None:
    """Raises ValueError where SALib is not installed."""
    try:
        import SALib  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise ValueError("sensitivity needs SALib, which is not installed: pip install 'clinictwin[sensitivity]'"
                         ) from None  # fmt: skip


def saltelli_runs(inputs: int, points: int) -> int:
    """Runs of the design: two base samples, and one more for each input."""
    return points * (inputs + 2)


def saltelli_points(names: Sequence[str], points: int, seed: int) -> np.ndarray:
    """Saltelli's design [points (k + 2), k] without the rows for second-order indices. Raises ValueError."""
    need_salib()
    from SALib.sample import sobol

    if points < 2 or points & (points - 1):
        raise ValueError(f"points: met {points}, expected a power of two, at which a Sobol' sequence is balanced")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sobol.sample(unit_problem(names), points, calc_second_order=False, seed=seed)


def sobol_indices(names: Sequence[str], outcome: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """First-order and total indices from the outcome at :func:`saltelli_points`, one row an input.

    Columns: name, first, first_low, first_high, total, total_low, total_high: estimates of Saltelli 2010, and the
    middle 90 % of a bootstrap over base points. Estimates from few points may lie outside 0 to 1. Raises ValueError on
    an outcome that is not finite or does not vary.
    """
    need_salib()
    from SALib.analyze import sobol

    outcome = np.asarray(outcome, float)
    check_outcome(outcome)
    found = sobol.analyze(unit_problem(names), outcome, calc_second_order=False, num_resamples=RESAMPLES,
                          keep_resamples=True, seed=seed + 1)  # fmt: skip  # it takes seed 0 for none
    tails = 100 * np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    columns: dict[str, Any] = {"name": list(names)}
    for mine, theirs in (("first", "S1"), ("total", "ST")):
        low, high = np.percentile(found[f"{theirs}_conf_all"], tails, axis=0)
        columns |= {mine: np.asarray(found[theirs]), f"{mine}_low": low, f"{mine}_high": high}
    return pd.DataFrame(columns)


def check_outcome(outcome: np.ndarray) -> None:
    """Raises ValueError on an outcome that no variance can be made of."""
    if not np.isfinite(outcome).all():
        raise ValueError(f"outcome: met {(~np.isfinite(outcome)).sum()} values of {outcome.size} that are not finite, "
                         "expected an outcome that every run has")  # fmt: skip
    if np.ptp(outcome) == 0:
        raise ValueError(f"outcome: met {outcome.flat[0]:g} in every run, expected one that varies with the inputs")
