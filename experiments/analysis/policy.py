"""The policy problem: doses that make burnout least within a budget and a limit on waiting for an appointment."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import jax
import numpy as np
import pandas as pd

from abm.parameters import Parameters
from experiments.analysis.dose_gradients import measures_and_slopes
from experiments.analysis.inputs import Inputs
from experiments.analysis.measured_runs import MeasuredRuns

ACCESS = "third_next_available"  # days; what the limit is put on
OBJECTIVES = ("burnout_risk", "burned_out")
MEASURES_READ = (*OBJECTIVES, ACCESS, "visits_kept", "net")
KINDS_SEARCHED = ("scribe", "ai_scribe", "team_documentation", "inbox_pooling", "protected_time", "wellbeing",
                  "twin_advice")  # fmt: skip
TOLERANCE = 0.02  # of a limit: what still counts as kept to, in the noise of few replicates (assumed)


@dataclasses.dataclass(frozen=True)
class Problem:
    """Minimise ``objective`` over doses [C] of ``runs.kinds``.

    ``budget`` is in USD a year in full use, ``access_limit`` in days of third next available. With ``tail`` 1 the
    objective is a mean over replicates, below 1 the mean of the worst such share (CVaR). ``uncertain`` parameters are
    drawn for each replicate from their priors; None keeps ``parameters`` for all.
    """

    runs: MeasuredRuns
    parameters: Parameters
    budget: float
    access_limit: float
    objective: str = "burnout_risk"
    tail: float = 1.0
    uncertain: Inputs | None = None

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective: met {self.objective!r}, expected one of {', '.join(OBJECTIVES)}")
        if not 0 < self.tail <= 1:
            raise ValueError(f"tail: met {self.tail}, expected a share above 0, up to 1 (the mean)")
        if not self.budget >= 0:
            raise ValueError(f"budget: met {self.budget}, expected USD a year, 0 or more")
        if not self.access_limit > 0:
            raise ValueError(f"access limit: met {self.access_limit}, expected days above 0")

    def drawn(self, seeds: np.ndarray) -> Parameters:
        """Parameters of the replicates with these seeds: the same seed, the same draw."""
        if self.uncertain is None:
            return self.parameters
        points = [np.random.default_rng([int(seed), 1]).random(len(self.uncertain.names)) for seed in seeds]
        return self.uncertain.at(np.array(points))

    def simulate(self, doses: np.ndarray, seeds: np.ndarray,
                 progress: Callable[[int], None] | None = None) -> dict[str, np.ndarray]:  # fmt: skip
        """Measures [K, S] of K policies ``doses`` [K, C] with the exact mode, all on the same seeds [S]."""
        count, replicates = len(doses), len(seeds)
        parameters = jax.tree.map(lambda v: np.tile(v, count) if np.ndim(v) else v, self.drawn(seeds))
        frame = self.runs.run(parameters, np.repeat(doses, replicates, axis=0), [int(s) for s in seeds] * count,
                              progress=progress)  # fmt: skip
        return {m: frame[m].to_numpy().reshape(count, replicates) for m in self.runs.measures}

    def slopes(self, doses: np.ndarray, seeds: np.ndarray) -> Sloped:
        """Objective and access at ``doses`` [C] with their derivatives, by the relaxed mode."""
        values, by_dose = measures_and_slopes(self.runs, self.drawn(seeds), doses, [int(s) for s in seeds])
        burnout = values[self.objective].to_numpy()
        worst = np.argsort(-burnout)[: worst_count(len(seeds), self.tail)]
        return Sloped(float(burnout[worst].mean()), by_dose[self.objective][worst].mean(axis=0),
                      float(values[ACCESS].mean()), by_dose[ACCESS].mean(axis=0))  # fmt: skip

    def table(self, doses: np.ndarray, seeds: np.ndarray,
              progress: Callable[[int], None] | None = None) -> pd.DataFrame:  # fmt: skip
        """One row a policy: its doses, cost, objective, mean measures, whether it keeps to budget and limit."""
        doses = np.atleast_2d(doses)
        found = self.simulate(doses, seeds, progress)
        frame = pd.DataFrame(doses, columns=list(self.runs.kinds))
        frame["yearly_cost"] = self.runs.yearly_costs(doses)
        frame["objective"] = risk(found[self.objective], self.tail)
        for name, values in found.items():
            frame[name] = values.mean(axis=1)
        frame["keeps"] = self.keeps(frame["yearly_cost"].to_numpy(), frame[ACCESS].to_numpy())
        return frame

    def keeps(self, cost: np.ndarray, access: np.ndarray) -> np.ndarray:
        """Whether policies keep to the budget and, within TOLERANCE, to the limit."""
        return (cost <= self.budget * (1 + 1e-6)) & (access <= self.access_limit * (1 + TOLERANCE))


@dataclasses.dataclass(frozen=True)
class Sloped:
    """Values and derivatives by dose [C]; burnout in %, access in days."""

    objective: float
    objective_slope: np.ndarray
    access: float
    access_slope: np.ndarray


def worst_count(replicates: int, tail: float) -> int:
    """Replicates in the worst share ``tail``: at least one."""
    return max(math.ceil(tail * replicates - 1e-9), 1)


def risk(values: np.ndarray, tail: float) -> np.ndarray:
    """Mean over the worst (highest) share ``tail`` of the last axis; 1: the mean."""
    count = worst_count(values.shape[-1], tail)
    return np.sort(values, axis=-1)[..., -count:].mean(axis=-1)
