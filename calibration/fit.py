"""Fit a clinic to its observations: population parameters and physicians' traits, maximum a posteriori.

Rounds of: exact runs for level and chance (`calibration.target`), curvature by finite differences, a search along the
relaxed engine's gradient (`calibration.search`), spreads between people with the traits integrated out
(`calibration.spreads`), and a new look at which values are trustworthy (`calibration.quality`).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from abm import interventions as iv
from abm.layout import TRAITS, Layout
from abm.parameters import ENTRIES, Parameters, entry, to_unbounded
from calibration import forward, quality
from calibration.fit_data import FitData, prepare
from calibration.fit_result import Fit, FitError, load_fit, save_fit
from calibration.fit_tables import effects_table, population_table
from calibration.progress import Report, progress_bar
from calibration.search import gauss_newton, minimise, standard_errors
from calibration.spreads import SPREADS, SpreadPosterior, prior_centre, spread_posterior
from calibration.summaries import EFFECTS, Plan, summarise_observations
from calibration.target import make_target, outlying

__all__ = ["FITTED", "Fit", "FitError", "default_names", "fit", "load_fit", "save_fit"]

# Population parameters that a clinic's streams can tell apart and on which outcomes depend, found by the contraction of
# each one's posterior when all parameters that the table assigns to a stream are fitted together.
FITTED = (
    "visit_minutes", "visit_requests_per_patient_year", "no_show_intercept",
    "documentation_minutes_per_visit", "order_minutes_per_visit", "chart_review_minutes_per_visit", "in_room_share",
    "system_messages_per_day", "system_message_minutes",
    "sleep_hours_base", "fatigue_build_rate",
    "exhaustion_midpoint", "baseline_motivation", "burnout_threshold_3", "task_load_intercept",
    "absence_per_day", "pace_spread", "efficiency_spread", "task_load_spread",
)  # fmt: skip
NOT_FITTED = {
    "session_minutes": "the roster's scheduled minutes give it",
    "leaving_per_year": "observations are used up to a pod's first departure",
}
ROUNDS = 3
RUNS = 16  # exact runs of a clinic of 50; more for smaller ones, so that the pooled covariance rests on as much
RELAXED_RUNS = 2  # behind every gradient: they give differences, the exact runs the level
LEVELS_OPEN = 0.25  # variance of the logarithm of a day's value that the prior leaves open at the start (assumed)
START_SPREAD = 0.7  # prior standard deviations by which further starts are scattered


def default_names(streams: Iterable[str]) -> tuple[str, ...]:
    """The population parameters of FITTED that one of the streams can inform, by the table of parameters."""
    present = set(streams)
    return tuple(name for name in FITTED if present & set(ENTRIES[name].streams))


def fit(observations: pd.DataFrame, layout: Layout, *, parameters: Parameters | None = None,
        names: Sequence[str] | None = None, starts: int = 2, steps: int = 30, seed: int = 0, progress: bool = True,
        first_day: dt.date | None = None, timezone: str = "UTC", warm_up_days: int = 0,
        interventions: Iterable[iv.Intervention] | None = None) -> Fit:  # fmt: skip
    """Fit a clinic. An interrupt (Ctrl-C) ends the search and keeps the best so far.

    Args:
        observations: a table as `calibration.read_observations` returns it.
        layout: who works in the clinic; its physicians' traits are ignored.
        parameters: prior centres, start, and the values of all that is not fitted; the table's defaults if None.
        names: population parameters to fit; `default_names` of the streams present if None.
        starts: searches to begin, one at the prior's centre, the others scattered about it.
        steps: most steps of one search.
        seed: of the simulated draws and the scattered starts.
        first_day: a Monday, day 0 of the simulation; that of the first observation's week if None.
        warm_up_days: whole weeks to simulate before it, for a clinic that does not start empty.
        interventions: what was in force, with start days counted from the simulation's first day.

    Raises:
        FitError, ParameterError, InterventionError, ObservationError: on arguments or observations that are refused.
    """
    if starts < 1 or steps < 1:
        raise FitError(f"starts and steps: met {starts} and {steps}, expected 1 or more")
    if warm_up_days < 0 or warm_up_days % 7:
        raise FitError(f"warm_up_days: met {warm_up_days}, expected whole weeks")
    data = prepare(observations, layout, first_day=first_day, timezone=timezone)
    base = parameters or Parameters()
    chosen = tuple(names) if names is not None else default_names(data.streams)
    for name in chosen:
        entry(name, "names: ")
        if name in NOT_FITTED:
            raise FitError(f"names: met {name!r}, expected a parameter to fit: {NOT_FITTED[name]}")
    work = _Work(data, layout, base, chosen, interventions, warm_up_days, seed)
    total = starts + ROUNDS - 1
    with progress_bar("fit", total, progress) as report:
        try:
            work.search_all(starts, steps, report)
        except KeyboardInterrupt:
            work.interrupted = True
        report("standard errors")
        return work.result(starts)


class _Work:
    """A fit under way: the problem, the best point so far, and the account of how it was found."""

    def __init__(self, data: FitData, layout: Layout, base: Parameters, names: tuple[str, ...],
                 interventions: Iterable[iv.Intervention] | None, warm_up_days: int, seed: int) -> None:  # fmt: skip
        self.began = time.monotonic()
        self.data, self.layout, self.names, self.seed = data, layout, names, seed
        self.prior_parameters = base
        self.plan = Plan(tuple(n for n in names if n not in SPREADS), data.measures, data.days, warm_up_days)
        self.runs = max(RUNS, -(-16 * 50 // layout.physicians))
        self.problem = _problem(data, layout, base, self.plan, interventions)
        self.observed = summarise_observations(data.values, data.prior, self.plan)
        self.spreads: dict[str, SpreadPosterior] = {}
        self.best = np.zeros(len(self.plan.names) + layout.physicians * len(EFFECTS))
        self.weights = data.prior
        self.outlying: np.ndarray | None = None
        self.trace: list[dict[str, float]] = []
        self.starts: list[dict[str, float]] = []
        self.evaluations = 0
        self.interrupted = False

    # --- searching
    def search_all(self, starts: int, steps: int, report: Report) -> None:
        """Every start once, then refining rounds from the best."""
        self._update_weights(LEVELS_OPEN)
        ends = []
        for number in range(starts):
            start = self._start(number)
            end = self._round(start, number, 0, steps, report, f"start {number + 1} of {starts}")
            ends.append(end)
            report("", 1)
        leading = self._compare(ends)
        self.best = ends[leading]
        for level in range(1, ROUNDS):
            self._update_spreads()
            self._update_weights()
            self._update_outlying()
            self.best = self._round(self.best, leading, level, steps, report, f"round {level + 1} of {ROUNDS}")
            report("", 1)

    def _start(self, number: int) -> np.ndarray:
        start = np.zeros_like(self.best)
        if number:
            count = len(self.plan.names)
            start[:count] = START_SPREAD * np.random.default_rng([self.seed, number]).standard_normal(count)
        return start

    def _seeds(self, count: int) -> np.ndarray:
        return np.stack([np.arange(count), np.full(count, self.seed)], axis=1).astype(np.uint32)

    def _exact(self, unknowns: np.ndarray) -> forward.Exact:
        return forward.exact_runs(unknowns.astype(np.float32), self.problem, self._seeds(self.runs), self.plan)

    def _target(self, unknowns: np.ndarray) -> forward.Target:
        relaxed = forward.relaxed_outputs(self._batch(unknowns), self.problem, self._seeds(RELAXED_RUNS), self.plan)[0]
        return make_target(self.observed, self._exact(unknowns), np.asarray(relaxed, float), self.runs, self.outlying)

    def _batch(self, unknowns: np.ndarray) -> np.ndarray:
        """The point, repeated to the size of a curvature's batch, so that one compiled program serves both."""
        return np.repeat(unknowns[None].astype(np.float32), 1 + len(self.plan.names) + len(EFFECTS), axis=0)

    def _round(self, start: np.ndarray, number: int, level: int, steps: int, report: Report, doing: str) -> np.ndarray:
        report(f"{doing}: exact runs")
        target = self._target(start)
        seeds = self._seeds(RELAXED_RUNS)
        report(f"{doing}: curvature")
        matrix = gauss_newton(start, self.problem, target, seeds, self.plan).matrix

        def value_and_gradient(unknowns: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = forward.loss_and_gradient(
                unknowns.astype(np.float32), self.problem, target, seeds, self.plan
            )
            return float(value), np.asarray(gradient, float)

        def on_step(unknowns: np.ndarray, value: float) -> None:
            if number == 0 or level > 0:
                self.best = unknowns
            report(f"{doing}: loss {value:.1f}")

        report(f"{doing}: search")
        search = minimise(value_and_gradient, start, matrix, steps, on_step)
        self.evaluations += search.evaluations
        self.trace += [{"start": number, "round": level, "step": i, "loss": v} for i, v in enumerate(search.trace)]
        return search.unknowns

    def _compare(self, ends: list[np.ndarray]) -> int:
        """Index of the best end, all held against one target: that of the first."""
        target = self._target(ends[0])
        seeds, count = self._seeds(RELAXED_RUNS), len(self.plan.names)
        for number, end in enumerate(ends):
            loss = float(forward.loss_and_gradient(end.astype(np.float32), self.problem, target, seeds, self.plan)[0])
            apart = float(np.abs(end - ends[0])[:count].max(initial=0.0))
            self.starts.append({"start": number, "loss": loss, "largest_difference_to_first": apart})
        return int(np.argmin([s["loss"] for s in self.starts]))

    def _update_spreads(self) -> None:
        """New spreads between people; traits keep what they mean in minutes."""
        chosen = [name for name in self.names if name in SPREADS]
        if not chosen:
            return
        errors = self._errors()[1]
        traits = self.best[len(self.plan.names) :].reshape(-1, len(EFFECTS))
        base = self.problem.base
        for name in chosen:
            k = EFFECTS.index(SPREADS[name])
            current = float(getattr(base, name))
            centre = prior_centre(name, getattr(self.prior_parameters, name))
            posterior = spread_posterior(name, current, centre, traits[:, k], errors[:, k])
            self.spreads[name] = posterior
            traits[:, k] *= current / posterior.median
            base = base.replace(**{name: np.float32(posterior.median)})
        self.problem = self.problem._replace(base=base)

    def _update_weights(self, more_variance: float = 0.0) -> None:
        """Trust in each value, given what the clinic at the best point would show."""
        exact = self._exact(self.best)
        variance = np.asarray(exact.daily_variance, float) + more_variance
        self.weights = quality.working(
            self.data.values, self.data.prior, np.asarray(exact.daily, float), variance, self.plan
        )
        self.problem = self.problem._replace(weights=jnp.asarray(self.weights, jnp.float32))
        self.observed = summarise_observations(self.data.values, self.weights, self.plan)

    def _update_outlying(self) -> None:
        """Wider variances for the summaries that the best point does not explain."""
        exact = self._exact(self.best)
        self.outlying = outlying(self.observed, exact, np.asarray(exact.outputs, float)[:, : self.plan.size], self.runs)

    # --- what came out
    def _errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Posterior standard deviations of the parameters' and of the traits' coordinates, [P] and [N,
        len(EFFECTS)]."""
        target = self._target(self.best)
        matrix = gauss_newton(self.best, self.problem, target, self._seeds(RELAXED_RUNS), self.plan).matrix
        errors = standard_errors(matrix)
        count = len(self.plan.names)
        return errors[:count], errors[count:].reshape(-1, len(EFFECTS))

    def result(self, starts: int) -> Fit:
        of_parameters, of_traits = self._errors()
        values, traits = forward.values_at(jnp.asarray(self.best, jnp.float32), self.problem, self.plan)
        base = self.prior_parameters
        driven = {} if self.data.session_minutes is None else {"session_minutes": self.data.session_minutes}
        fitted = base.replace(**driven, **{n: float(getattr(values, n)) for n in self.names})
        all_traits = np.array(self.layout.traits, float)
        columns = [TRAITS.index(name) for name in EFFECTS]
        own = np.zeros((self.layout.physicians, len(TRAITS)))
        own[:, columns] = np.asarray(traits, float)
        all_traits[: self.layout.physicians, 0] = own
        counts = self.data.rows.copy()
        low = (self.weights < 0.5) & (self.data.prior > 0)
        by_measure = {m: int(low[k].sum()) for k, m in enumerate(self.plan.measures)}
        counts["down_weighted"] = [
            by_measure.get(m, 0) if used else 0 for m, used in zip(counts["measure"], counts["used"], strict=True)
        ]
        info = {
            "physicians": self.layout.physicians, "days": self.data.days, "warm_up_days": self.plan.warm_up_days,
            "seed": self.seed, "starts": starts, "rounds": ROUNDS, "interrupted": self.interrupted,
            "gradient_evaluations": self.evaluations, "exact_runs_per_round": self.runs,
            "driven": driven, "seconds": round(time.monotonic() - self.began, 1),
        }  # fmt: skip
        table = population_table(self.names, self.plan.names, self.best, of_parameters, self.spreads, base)
        effects = effects_table(np.asarray(traits, float), of_traits)
        return Fit(
            table,
            effects,
            fitted,
            all_traits,
            pd.DataFrame(self.trace, columns=["start", "round", "step", "loss"]),
            pd.DataFrame(self.starts),
            counts,
            info,
        )


def _problem(data: FitData, layout: Layout, base: Parameters, plan: Plan,
             interventions: Iterable[iv.Intervention] | None) -> forward.Problem:  # fmt: skip
    """The forward model's fixed part, in float32."""
    driven = {"leaving_per_year": 0.0}
    if data.session_minutes is not None:
        e = ENTRIES["session_minutes"]
        driven["session_minutes"] = min(max(data.session_minutes, e.low), e.high)
    single = lambda a: jnp.asarray(a) if jnp.asarray(a).dtype == jnp.int32 else jnp.asarray(a, jnp.float32)  # noqa: E731
    return forward.Problem(
        base=jax.tree.map(jnp.float32, base.replace(**driven)),
        centre=jnp.asarray([to_unbounded(getattr(base, n), ENTRIES[n]) for n in plan.names], jnp.float32),
        spread=jnp.asarray([ENTRIES[n].prior_spread for n in plan.names], jnp.float32),
        layout=dataclasses.replace(layout, seed=0),  # else programs would be compiled for each seed
        changes=jax.tree.map(single, iv.as_set(interventions, layout)),
        weights=jnp.asarray(data.prior, jnp.float32),
        answer_day=jnp.asarray(data.answer_day, jnp.int32),
        answer=jnp.asarray(data.answer, jnp.int32),
        answer_weight=jnp.asarray(data.answer_weight, jnp.float32),
    )
