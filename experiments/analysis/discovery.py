"""Scenario discovery: in which region of the uncertain parameters a policy fails, as a box (PRIM) of few limits."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest, qmc

from abm.interventions import KINDS
from experiments.analysis.inputs import Inputs
from experiments.analysis.measured_runs import MeasuredRuns
from experiments.outcome_groups import MEASURES

# what matters most for burnout by its total index (`clinictwin sensitivity`, shipped parameters)
FOREMOST = ("recovery_rate", "burnout_exhaustion_effect", "exhaustion_midpoint", "burnout_threshold_3",
            "fatigue_build_rate", "awake_rest_quality", "visit_minutes", "burnout_cynicism_effect",
            "baseline_motivation", "in_room_share")  # fmt: skip
OF_ADOPTION = ("adoption_intercept", "adoption_usefulness_effect", "trust", "take_up_innovation",
               "learning_minutes_per_day")  # fmt: skip
LEAST_MASS = 0.05  # of the runs, that a box holds
MOST_LIMITED = 4  # parameters of a box, so that it can be said in a sentence (assumed)
SURE = 0.05  # chance that a limit which means nothing looks as good (quasi-p): above, it is dropped
FEWEST_FAILURES = 10
Limits = dict[str, tuple[float | None, float | None]]


class Box(NamedTuple):
    """Where a policy fails: ``limits`` by parameter (low, high), None where the range's end is the limit.

    ``coverage`` is the share of the failures inside, ``density`` the share of the runs inside that fail; ``fresh_``:
    the same on runs that the box was not made from; it ``holds`` if more of those inside fail than elsewhere, by more
    than chance would make of a box that means nothing.
    """

    limits: Limits
    coverage: float
    density: float
    mass: float
    fresh_coverage: float
    fresh_density: float
    holds: bool


@dataclasses.dataclass(frozen=True)
class Discovery:
    """``runs``: a row a sampled clinic with its parameters, gain, and whether the policy fails."""

    runs: pd.DataFrame
    fails: float
    box: Box | None  # None where failures are too few or fill everything
    trajectory: pd.DataFrame
    names: tuple[str, ...]


def usual_inputs(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Parameters to vary for a policy: what matters most for burnout, and what these kinds' effects depend on."""
    effects = [name for kind in kinds for name in KINDS[kind].levers.values() if name]
    adoption = OF_ADOPTION if any(KINDS[kind].needs_adoption for kind in kinds) else ()
    return tuple(dict.fromkeys((*FOREMOST, *effects, *adoption)))


def discover(runs: MeasuredRuns, doses: np.ndarray, inputs: Inputs, measure: str, samples: int, *,
             least_gain: float | None = None, limit: float | None = None, seed: int = 0,
             progress: Callable[[int], None] | None = None) -> Discovery:  # fmt: skip
    """Run ``samples`` clinics of a Latin hypercube with and without the policy and describe where it fails.

    It fails where the measure gets better by less than ``least_gain``, pair by pair on the same draws, or where it is
    worse than ``limit`` with the policy (both in its unit). The box is made from one half of the clinics and held
    against the other. Raises ValueError on too few samples, or on neither criterion.
    """
    if least_gain is None and limit is None:
        raise ValueError("when a policy fails: met neither a least gain nor a limit, expected one of them or both")
    if samples < 40:
        raise ValueError(f"samples: met {samples}, expected at least 40 (a half makes the box, a half checks it)")
    points = qmc.LatinHypercube(len(inputs.names), rng=np.random.default_rng(seed)).random(samples)
    values = inputs.at(points)
    twice = {n: np.tile(getattr(values, n), 2) for n in inputs.names}
    both = np.concatenate([np.zeros((samples, len(doses))), np.tile(doses, (samples, 1))])
    seeds = [seed + i for i in range(samples)] * 2
    found = runs.run(inputs.base.replace(**twice), both, seeds, progress=progress)[measure].to_numpy()
    gain = MEASURES[measure].better * (found[samples:] - found[:samples])
    table = pd.DataFrame({name: twice[name][:samples] for name in inputs.names})
    fails = np.zeros(samples, bool)
    if least_gain is not None:
        fails |= gain < least_gain
    if limit is not None:
        fails |= MEASURES[measure].better * (found[samples:] - limit) < 0
    box, trajectory = find_box(table, fails)
    table["without"], table["with"], table["gain"], table["fails"] = found[:samples], found[samples:], gain, fails
    return Discovery(table, float(fails.mean()), box, trajectory, inputs.names)


def find_box(table: pd.DataFrame, fails: np.ndarray) -> tuple[Box | None, pd.DataFrame]:
    """(box, peeling trajectory) by the patient rule induction method (Friedman & Fisher 1999) on even rows.

    Every box on the trajectory is cut down to its surest limits, at most ``MOST_LIMITED`` and none that a random split
    would match; the one that holds most failures and fewest others (by the difference of both shares) is taken. Odd
    rows check it. None where there are too few failures, too few others, or no limit that means something.
    """
    made, checked = np.arange(len(table)) % 2 == 0, np.arange(len(table)) % 2 == 1
    count = int(fails[made].sum())
    if not FEWEST_FAILURES <= count <= made.sum() - FEWEST_FAILURES:
        return None, pd.DataFrame()
    own, of_own = table[made].reset_index(drop=True), fails[made]
    peeled = _peel(own, of_own)
    candidates = [_limits(peeled.inspect(at, style="data")[0][1]) for at in range(1, len(peeled.peeling_trajectory))]
    candidates = [limits for limits in candidates if limits]
    if not candidates:
        return None, peeled.peeling_trajectory
    best = max(candidates, key=lambda limits: _told_apart(limits, own, of_own))
    coverage, density, mass = _quality(best, own, of_own)
    fresh_coverage, fresh_density, fresh_mass = _quality(best, table[checked], fails[checked])
    count = round(fresh_mass * checked.sum())
    usual = fails[checked].mean()
    holds = count > 0 and binomtest(round(fresh_density * count), count, usual, alternative="greater").pvalue <= SURE
    return Box(best, coverage, density, mass, fresh_coverage, fresh_density, bool(holds)), peeled.peeling_trajectory


def _told_apart(limits: Limits, table: pd.DataFrame, fails: np.ndarray) -> float:
    """Share of the failures inside minus share of the others inside; below any other if the box is too small."""
    within = inside(limits, table)
    return float(within[fails].mean() - within[~fails].mean()) if within.mean() >= LEAST_MASS else -1.0


def inside(limits: Limits, table: pd.DataFrame) -> np.ndarray:
    """True for rows within all limits."""
    within = np.ones(len(table), bool)
    for name, (low, high) in limits.items():
        values = table[name].to_numpy()
        within &= (values >= low if low is not None else True) & (values <= high if high is not None else True)
    return within


def _quality(limits: Limits, table: pd.DataFrame, fails: np.ndarray) -> tuple[float, float, float]:
    """(coverage, density, mass)."""
    within = inside(limits, table)
    hits = float((within & fails).sum())
    return hits / max(fails.sum(), 1), hits / max(within.sum(), 1), float(within.mean())


def need_workbench() -> Any:
    """The workbench's PRIM. Raises ValueError where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optional parts that it finds missing
            from ema_workbench.analysis import prim  # type: ignore[import-untyped]
    except ImportError:
        raise ValueError("scenario discovery needs ema_workbench, which is not installed: "
                         "pip install 'clinictwin[sensitivity]'") from None  # fmt: skip
    return prim


def _peel(table: pd.DataFrame, fails: np.ndarray) -> Any:
    prim = need_workbench()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return prim.Prim(table, fails, mass_min=LEAST_MASS).find_box()


def _limits(restricted: pd.DataFrame) -> Limits:
    """The surest limits, surest first, from the workbench's table of a box: low, high, and the quasi-p of each."""
    found: dict[str, tuple[float, tuple[float | None, float | None]]] = {}
    for name, (low, high, chance_low, chance_high) in zip(restricted.index, restricted.to_numpy(), strict=True):
        chances = [c for c in (chance_low, chance_high) if c <= SURE]  # a side that is not limited has none (NaN)
        sides = (float(low) if chance_low <= SURE else None, float(high) if chance_high <= SURE else None)
        if chances:
            found[str(name)] = (min(chances), sides)
    surest = sorted(found, key=lambda name: found[name][0])[:MOST_LIMITED]
    return {name: found[name][1] for name in surest}
