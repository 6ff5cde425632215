"""Choosing a policy: three searches on equal runs, checked on fresh seeds, and a front of burnout, cost, access."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.policy import ACCESS, Problem, risk
from experiments.analysis.search import Found, by_gradient, grid_doses, of_doses, random_doses
from experiments.effects import estimate

FRESH = 1_000_003  # from the search's seeds to those of the check
BY_GRADIENT, GRID, RANDOM, NOTHING = "gradient", "grid", "random", "nothing"
Reporting = Callable[[str, int], Callable[[int], None]]


class Sizes(NamedTuple):
    """How much is run."""

    runs: int = 480  # model runs of each search
    replicates: int = 2  # seeds that a search sees
    starts: int = 3  # of the search by gradient
    check: int = 32  # fresh seeds of the check
    front: int = 3  # further budgets of the front, even shares of the budget

    def check_for(self, kinds: int) -> None:
        """Raises ValueError where the runs do not suffice for two evaluations of so many doses."""
        least = 2 * self.replicates * (kinds + 1)
        if self.runs < least:
            raise ValueError(f"runs: met {self.runs}, expected at least {least}: two evaluations of {kinds} doses and "
                             f"a run for each of {self.replicates} seeds")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Choice:
    """``checked``: a row a method; ``front``: policies that no other beats in burnout, cost and access at once."""

    checked: pd.DataFrame
    tried: pd.DataFrame  # every policy that the searches and the front simulated, by the exact mode or the relaxed
    front: pd.DataFrame
    runs: dict[str, int]
    seconds: dict[str, float]  # of each search, compilation included


def choose(problem: Problem, sizes: Sizes, seed: int = 0, reporting: Reporting | None = None) -> Choice:
    """Search by gradient, on a grid and at random with ``sizes.runs`` model runs each, and check on fresh seeds.

    The check simulates each method's policy, and none, with the exact mode on the same ``sizes.check`` seeds, so that
    differences are paired. Raises ValueError where the runs do not suffice for one evaluation.
    """
    kinds = problem.runs.kinds
    sizes.check_for(len(kinds))
    seeds = seed + np.arange(sizes.replicates)
    told = lambda what, count: reporting(what, count) if reporting else None  # noqa: E731
    clock = [time.monotonic()]
    found = {BY_GRADIENT: by_gradient(problem, seeds, sizes.runs, sizes.starts, seed, told(BY_GRADIENT, sizes.runs))}
    clock.append(time.monotonic())
    tried = sizes.runs // sizes.replicates
    lists = {GRID: grid_doses(problem, tried), RANDOM: random_doses(problem, tried, np.random.default_rng([seed, 3]))}
    for method, doses in lists.items():
        found[method] = of_doses(problem, doses, seeds, told(method, len(doses) * sizes.replicates))
        clock.append(time.monotonic())
    seconds = {method: after - before for method, before, after in zip(found, clock, clock[1:], strict=False)}
    on_front = _front_by_gradient(problem, found[BY_GRADIENT], sizes, seed, told)
    policies = {method: one.best(problem) for method, one in found.items()} | {NOTHING: np.zeros(len(kinds))}
    checked = _checked(problem, policies, seed + FRESH + np.arange(sizes.check), told)
    all_tried = pd.concat([_as_tried(problem, m, f) for m, f in (found | {"front": on_front}).items()])
    runs = {method: f.runs for method, f in (found | {"front": on_front}).items()} | {
        "check": sizes.check * len(policies)
    }
    return Choice(checked, all_tried.reset_index(drop=True), _front(all_tried, kinds), runs, seconds)


def _checked(problem: Problem, policies: dict[str, np.ndarray], seeds: np.ndarray, told: Callable) -> pd.DataFrame:
    doses = np.array(list(policies.values()))
    found = problem.simulate(doses, seeds, told("check", len(doses) * len(seeds)))
    table = pd.DataFrame({"method": list(policies)})
    table[list(problem.runs.kinds)] = doses
    table["yearly_cost"] = problem.runs.yearly_costs(doses)
    table["objective"] = risk(found[problem.objective], problem.tail)
    for name, values in found.items():
        level = estimate(values)
        table[name], table[f"{name}_low"], table[f"{name}_high"] = level.mean, level.low, level.high
    mine = list(policies).index(BY_GRADIENT)
    apart = estimate(found[problem.objective] - found[problem.objective][mine])
    table["behind_gradient"], table["behind_low"], table["behind_high"] = apart.mean, apart.low, apart.high
    table["keeps"] = problem.keeps(table["yearly_cost"].to_numpy(), table[ACCESS].to_numpy())
    return table


def _front_by_gradient(problem: Problem, found: Found, sizes: Sizes, seed: int, told: Callable) -> Found:
    """Searches at smaller budgets, a fourth of the runs each, that begin at the policy found, cut to the budget."""
    parts = []
    each = max(sizes.runs // 4, 2 * sizes.replicates * (len(problem.runs.kinds) + 1))
    progress = told("front", each * sizes.front) if sizes.front else None
    for share in np.arange(1, sizes.front + 1) / (sizes.front + 1):
        smaller = dataclasses.replace(problem, budget=problem.budget * share)
        begin = share * found.best(problem)
        parts.append(by_gradient(smaller, seed + np.arange(sizes.replicates), each, 1, seed, progress, begin))
    if not parts:
        return Found(found.doses[:0], found.objective[:0], found.access[:0], 0)
    columns = (np.concatenate([getattr(p, name) for p in parts]) for name in ("doses", "objective", "access"))
    return Found(*columns, sum(p.runs for p in parts))


def _as_tried(problem: Problem, method: str, found: Found) -> pd.DataFrame:
    frame = pd.DataFrame(found.doses, columns=list(problem.runs.kinds))
    frame.insert(0, "method", method)
    frame["yearly_cost"] = problem.runs.yearly_costs(found.doses) if len(found.doses) else np.zeros(0)
    frame["objective"], frame[ACCESS] = found.objective, found.access
    return frame


def _front(tried: pd.DataFrame, kinds: tuple[str, ...]) -> pd.DataFrame:
    """Policies that none other beats: as cheap, as soon an appointment, and less burnout."""
    values = tried[["objective", "yearly_cost", ACCESS]].to_numpy()
    return tried[pareto(values)].sort_values(["yearly_cost", "objective"]).reset_index(drop=True)


def pareto(values: np.ndarray) -> np.ndarray:
    """True [K] for rows [K, M] that no other row is as low as everywhere and lower somewhere."""
    no_worse = (values[:, None] <= values[None]).all(axis=-1)
    lower = (values[:, None] < values[None]).any(axis=-1)
    return ~(no_worse & lower).any(axis=0)
