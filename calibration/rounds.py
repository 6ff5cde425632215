"""The rounds of a fit: look at a point by exact runs, take slopes, move to where the linear clinic fits best.

A round is one Gauss-Newton step whose curvature, chance covariance and expectation are all taken anew. Steps are
judged by exact runs, so the maximum that is found is the exact engine's. Near it, exact runs with other seeds each
round send the steps to and fro about it by their own chance; the mean of the last points is the estimate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from calibration import forward, quality, readouts, search
from calibration.fit_data import FitData
from calibration.slopes import as_single, curvature, differences, places, slopes_of, standard_errors
from calibration.spreads import SPREADS, SpreadPosterior, prior_centre, spread_posterior
from calibration.summaries import SEARCHED, Observed, Plan, summarise_observations
from calibration.target import Expected, daily_law, expected, make_target, unexplained

RUNS = 16  # exact runs of a clinic of 50; more for smaller ones, so that the pooled covariance rests on as much
RELAXED_RUNS = 2  # at once, behind every slope
LEVELS_OPEN = 0.25  # variance of the logarithm of a day's value that the prior leaves open at the start (assumed)
LONGEST_STEP = 2.0  # prior standard deviations any unknown may move at once: the curves bend beyond
NEAR = 8.0  # promised gain in log-posterior below which a search has arrived: exact runs' chance alone promises half
SLACK = 5.0  # loss by which a step may end higher than it began: the chance of exact runs
HALVINGS = 4
WEIGHED = (0, 3)  # rounds of a search in which the trust in each value is estimated anew
SETTLING, AVERAGED = 5, 3  # rounds about the best point, and how many of the last make its mean
FIRST_PAIRS = 2  # pairs of relaxed runs behind the slopes of the first of them
Tell = Callable[["Point", float], None]


@dataclasses.dataclass
class Point:
    """Where a search stands: unknowns [D] and the trait of everybody's personal intercept [N]."""

    unknowns: np.ndarray
    intercepts: np.ndarray


class State(NamedTuple):
    """What rounds have learned besides the point: the problem holds the weights and the spreads between people."""

    problem: forward.Problem
    weights: np.ndarray  # [M, days, N]: trust in each value
    observed: Observed
    spreads: dict[str, SpreadPosterior]


class Look(NamedTuple):
    """What one round sees at a point."""

    expected: Expected
    target: forward.Target
    slopes: np.ndarray  # [N, O, L]
    matrix: np.ndarray  # [D, D]: curvature of the negative log-posterior


class Rounds:
    """A fit under way: the problem, the trust in each value, the spreads between people, and the account of it all."""

    def __init__(self, data: FitData, problem: forward.Problem, plan: Plan, spreads: list[str], seed: int) -> None:
        self.data, self.plan, self.seed, self.spread_names = data, plan, seed, spreads
        self.physicians = problem.layout.physicians
        self.runs = max(RUNS, 2 * -(-RUNS * 25 // self.physicians))  # even: posterior draws come in pairs
        self.place = places(len(plan.names), problem.layout)
        self.prior_base = problem.base
        self.state = State(problem, data.prior, summarise_observations(data.values, data.prior, plan), {})
        self.trace: list[dict[str, float]] = []
        self.model_runs = 0

    @property
    def problem(self) -> forward.Problem:
        return self.state.problem

    @property
    def observed(self) -> Observed:
        return self.state.observed

    def seeds(self, block: int, count: int) -> np.ndarray:
        """Seeds [count, 2] of one block of runs; blocks share none."""
        first = np.arange(count) + 10_000 * block
        return np.stack([first, np.full(count, self.seed)], axis=1).astype(np.uint32)

    def start(self) -> Point:
        """The prior's centre."""
        return Point(np.zeros(self.place.max() + 1), np.zeros(self.physicians))

    # --- one round
    def runs_at(self, point: Point, block: int) -> forward.Runs:
        """Exact runs at ``point``."""
        repeat = lambda a: np.repeat(a[None], self.runs, axis=0)  # noqa: E731
        rows = as_single(repeat(point.unknowns), repeat(point.intercepts))
        self.model_runs += self.runs
        return forward.exact_runs(*rows, self.problem, self.seeds(block, self.runs), self.plan)

    def exact(self, point: Point, block: int) -> Expected:
        """What exact runs at ``point`` expect."""
        return expected(self.runs_at(point, block), self.observed, self.problem.answers, self.plan)

    def differences(self, point: Point, block: int) -> np.ndarray:
        """Slopes of relaxed runs at ``point``, one by one; see `calibration.slopes`."""
        self.model_runs += RELAXED_RUNS * (1 + len(self.plan.names) + 2 * len(SEARCHED))
        seeds = self.seeds(block, RELAXED_RUNS)
        return differences(point.unknowns, point.intercepts, self.problem, seeds, self.plan)

    def look(self, at: Expected, each: np.ndarray) -> Look:
        """Target, slopes and curvature at a point of which exact runs expect ``at`` and relaxed ones have slopes
        ``each``."""
        target = make_target(self.observed, at, self.problem, unexplained(self.observed, at))
        slopes = slopes_of(each, len(self.plan.names), self.problem.layout)
        return Look(at, target, slopes, curvature(at.outputs, slopes, target, self.place))

    def best_move(self, point: Point, look: Look) -> tuple[np.ndarray, float, float]:
        """(move to the best point of the clinic as it looks, gain that promises, loss before it)."""
        outputs = look.expected.outputs
        move, gain = search.best_move(point.unknowns, outputs, look.slopes, self.place, look.target, look.matrix)
        return move, gain, search.loss(point.unknowns, outputs, look.target)

    def moved(self, point: Point, move: np.ndarray) -> Point:
        """``point`` after a ``move`` [D], no unknown by more than LONGEST_STEP."""
        length = min(1.0, LONGEST_STEP / max(float(np.abs(move).max()), 1e-9))
        return Point(point.unknowns + length * move, point.intercepts)

    def descend(self, point: Point, number: int, rounds: int, tell: Tell) -> Point:
        """Rounds from ``point`` until the promised gain is small; ``tell`` is told every point reached."""
        for level in range(rounds):
            if level in WEIGHED:
                self.weigh(point, LEVELS_OPEN if level == 0 else 0.0)
            if level in (0, *WEIGHED):
                at = self.exact(point, 0)
            look = self.look(at, self.differences(point, 0))
            move, gain, before = self.best_move(point, look)
            self.trace.append({"start": number, "round": level, "loss": before, "promised": gain})
            if gain < NEAR and level > max(WEIGHED):
                break
            for _ in range(1 + HALVINGS):
                there = self.moved(point, move)
                now = self.exact(there, 0)
                if search.loss(there.unknowns, now.outputs, look.target) < before + SLACK:
                    break
                move = 0.4 * move
            else:
                break
            point, at = Point(there.unknowns, self.own_intercepts(now)), now
            tell(point, before)
        return point

    def settle(self, point: Point, tell: Tell) -> tuple[Point, Look]:
        """(mean of the last of SETTLING rounds about the best point, how it looks there).

        Spreads between people are estimated in the first rounds. Slopes, which hardly change any more, are gathered.
        """
        ends: list[Point] = []
        self.weigh(point)
        gathered = np.concatenate([self.differences(point, 1 + k) for k in range(FIRST_PAIRS)], axis=1)
        for level in range(SETTLING):
            block = 1 + FIRST_PAIRS + level
            gathered = np.concatenate([gathered, self.differences(point, block)], axis=1)
            at = self.exact(point, block)
            look = self.look(at, gathered)
            if level < SETTLING - AVERAGED:
                point = self.update_spreads(point, look)
            move, gain, before = self.best_move(point, look)
            self.trace.append({"start": -1, "round": level, "loss": before, "promised": gain})
            point = Point(self.moved(point, move).unknowns, self.own_intercepts(at))
            ends.append(point)
            tell(point, before)
        last = ends[-AVERAGED:]
        mean = Point(np.mean([p.unknowns for p in last], axis=0), np.mean([p.intercepts for p in last], axis=0))
        look = self.look(self.exact(mean, 50), gathered)
        return self.update_spreads(mean, look), look

    # --- what a round updates
    def weigh(self, point: Point, more_variance: float = 0.0) -> None:
        """New trust in each value, given what the clinic at ``point`` would show."""
        daily, variance = daily_law(self.runs_at(point, 0), self.plan)
        weights = quality.working(self.data.values, self.data.prior, daily, variance + more_variance, self.plan)
        problem = self.problem._replace(weights=jnp.asarray(weights, jnp.float32))
        observed = summarise_observations(self.data.values, weights, self.plan)
        self.state = State(problem, weights, observed, self.state.spreads)

    def masses(self, asked: np.ndarray, chance: readouts.Chance) -> np.ndarray:
        """Posterior shares [len(OWN), N, nodes] of `readouts.NODES`, given what is ``asked`` [N, A]."""
        return np.asarray(readouts.masses(jnp.asarray(asked, jnp.float32), self.problem.answers, chance), float)

    def own_intercepts(self, at: Expected) -> np.ndarray:
        """Posterior means [N] of the trait behind everybody's personal intercept."""
        masses = self.masses(at.outputs[:, self.plan.size :], at.chance)
        return masses[readouts.OWN.index("intercept")] @ readouts.NODES

    def update_spreads(self, point: Point, look: Look) -> Point:
        """New spreads between people; traits keep what they mean in minutes."""
        count = len(self.plan.names)
        alone = standard_errors(look.matrix[count:, count:]).reshape(-1, len(SEARCHED))  # given the population
        traits = point.unknowns[count:].reshape(-1, len(SEARCHED)).copy()
        base, spreads = self.problem.base, dict(self.state.spreads)
        for name in self.spread_names:
            k = SEARCHED.index(SPREADS[name])
            current = float(getattr(base, name))
            centre = prior_centre(name, float(getattr(self.prior_base, name)))
            posterior = spread_posterior(name, current, centre, traits[:, k], alone[:, k])
            spreads[name] = posterior
            traits[:, k] *= current / posterior.median
            base = base.replace(**{name: np.float32(posterior.median)})
        self.state = self.state._replace(problem=self.problem._replace(base=base), spreads=spreads)
        return Point(np.concatenate([point.unknowns[:count], traits.ravel()]), point.intercepts)
