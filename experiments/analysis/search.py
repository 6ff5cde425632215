"""Three searches for a policy on one budget of model runs: by gradient, on a grid, at random."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog, minimize

from experiments.analysis.policy import Problem, Sloped

FINEST_GRID = 9  # levels of a dose
MOST_GRID = 2_000_000  # points of a grid that are counted
LEAST_STEP = 2e-3  # of a dose's range: SLSQP stops where steps get smaller


class Spent(Exception):
    """The budget of runs is used up."""


class Found(NamedTuple):
    """Where a search went: doses [K, C], objective [K] and access [K] as it saw them, and model runs it used."""

    doses: np.ndarray
    objective: np.ndarray
    access: np.ndarray
    runs: int

    def best(self, problem: Problem) -> np.ndarray:
        """The doses [C] with the least objective of those that keep to the limits, or the soonest appointments."""
        keeps = problem.keeps(problem.runs.yearly_costs(self.doses), self.access)
        if not keeps.any():
            return self.doses[np.argmin(self.access)]
        return self.doses[np.argmin(np.where(keeps, self.objective, np.inf))]


def by_gradient(problem: Problem, seeds: np.ndarray, most_runs: int, starts: int = 3, seed: int = 0,
                progress: Callable[[int], None] | None = None, begin: np.ndarray | None = None) -> Found:  # fmt: skip
    """Sequential quadratic programming (SciPy's SLSQP) with the relaxed mode's derivatives, from several starts.

    One evaluation is charged as S (C + 1) runs: a run and a derivative by each of C doses, for S seeds. The first start
    is ``begin`` (doses) or the best of the straight model of the first evaluation, the others are random policies on
    the budget.
    """
    walk = _Walk(problem, seeds, most_runs, progress)
    top = problem.runs.dose_max
    cost = problem.runs.yearly_costs(np.diag(top))
    first = _straight_best(walk(np.zeros(len(top))), cost, problem) if begin is None else begin / top
    others = random_doses(problem, starts - 1, np.random.default_rng([seed, 2])) / top
    share = (most_runs - walk.runs) // starts
    for i, x0 in enumerate([first, *others]):
        walk.allowed = most_runs if i == starts - 1 else walk.runs + share
        try:
            _slsqp(walk, x0, cost)
        except Spent:
            continue
    return Found(np.array(walk.at) * top, np.array([s.objective for s in walk.seen]),
                 np.array([s.access for s in walk.seen]), walk.runs)  # fmt: skip


class _Walk:
    """Evaluations in shares of the largest doses, remembered, counted, and stopped where the runs are used up."""

    def __init__(self, problem: Problem, seeds: np.ndarray, most_runs: int,
                 progress: Callable[[int], None] | None) -> None:  # fmt: skip
        self.problem, self.seeds, self.allowed, self.progress = problem, seeds, most_runs, progress
        self.each = len(seeds) * (len(problem.runs.kinds) + 1)
        self.at: list[np.ndarray] = []
        self.seen: list[Sloped] = []
        self.runs = 0

    def __call__(self, x: np.ndarray) -> Sloped:
        x = np.clip(x, 0.0, 1.0)
        for known, sloped in zip(reversed(self.at), reversed(self.seen), strict=True):
            if np.abs(known - x).max() < 1e-9:
                return sloped
        if self.runs + self.each > self.allowed:
            raise Spent
        self.runs += self.each
        self.at.append(x)
        self.seen.append(self.problem.slopes(x * self.problem.runs.dose_max, self.seeds))
        if self.progress is not None:
            self.progress(self.each)
        return self.seen[-1]


def _slsqp(walk: _Walk, x0: np.ndarray, cost: np.ndarray) -> None:
    problem, top = walk.problem, walk.problem.runs.dose_max
    budget = max(problem.budget, 1.0)
    within_budget = {"type": "ineq", "fun": lambda x: 1 - cost @ x / budget, "jac": lambda x: -cost / budget}
    limit = problem.access_limit
    within_limit = {"type": "ineq", "fun": lambda x: 1 - walk(x).access / limit,
                    "jac": lambda x: -walk(x).access_slope * top / limit}  # fmt: skip
    minimize(lambda x: walk(x).objective / 10, np.clip(x0, 0, 1), jac=lambda x: walk(x).objective_slope * top / 10,
             bounds=[(0, 1)] * len(x0), constraints=[within_budget, within_limit], method="SLSQP",
             options={"ftol": LEAST_STEP, "maxiter": 50})  # fmt: skip


def _straight_best(at_zero: Sloped, cost: np.ndarray, problem: Problem) -> np.ndarray:
    """Shares of the largest doses [C] that would be best if the model were straight."""
    top = problem.runs.dose_max
    rows, ends = np.stack([cost, at_zero.access_slope * top]), [problem.budget, problem.access_limit - at_zero.access]
    found = linprog(at_zero.objective_slope * top, A_ub=rows, b_ub=ends, bounds=(0, 1))
    return found.x if found.success else np.zeros(len(cost))


def random_doses(problem: Problem, count: int, rng: np.random.Generator) -> np.ndarray:
    """Doses [count, C] even in the box of all doses; those over the budget are scaled back onto it."""
    doses = rng.random((count, len(problem.runs.kinds))) * problem.runs.dose_max
    cost = problem.runs.yearly_costs(doses)
    return doses * np.minimum(1.0, problem.budget / np.maximum(cost, 1e-9))[:, None]


def grid_doses(problem: Problem, count: int) -> np.ndarray:
    """Doses [count or fewer, C] of the coarsest grid with as many within the budget, evenly thinned to ``count``."""
    top, kinds = problem.runs.dose_max, len(problem.runs.kinds)
    chosen = np.zeros((1, kinds))
    for levels in range(2, FINEST_GRID + 1):
        if levels**kinds > MOST_GRID:
            break
        grid = np.array(list(itertools.product(np.linspace(0, 1, levels), repeat=kinds))) * top
        chosen = grid[problem.runs.yearly_costs(grid) <= problem.budget * (1 + 1e-9)]
        if len(chosen) >= count:
            break
    return chosen[np.unique(np.linspace(0, len(chosen) - 1, min(count, len(chosen))).round().astype(int))]


def of_doses(problem: Problem, doses: np.ndarray, seeds: np.ndarray,
             progress: Callable[[int], None] | None = None) -> Found:  # fmt: skip
    """A search that simulates a list of policies with the exact mode."""
    table = problem.table(doses, seeds, progress)
    return Found(doses, table["objective"].to_numpy(), table["third_next_available"].to_numpy(),
                 len(doses) * len(seeds))  # fmt: skip
