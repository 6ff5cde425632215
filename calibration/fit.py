"""Fit a clinic to its observations: population parameters and physicians' traits, maximum a posteriori.

Rounds (`calibration.rounds`) of: exact runs for level and chance (`calibration.target`), relaxed runs for slopes
(`calibration.slopes`), a search by Optax between them (`calibration.search`); spreads between people with the traits
integrated out (`calibration.spreads`), a new look at which values are trustworthy (`calibration.quality`), and draws
from the posterior at the end (`calibration.posterior`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from abm import interventions as iv
from abm.layout import TRAITS, Layout, of_one_shape
from abm.parameters import ENTRIES, Parameters, entry, to_unbounded
from calibration import forward, posterior
from calibration.corrections import traits_integrated_out, widening
from calibration.fit_data import FitData, prepare
from calibration.fit_result import Fit, FitError, load_fit, save_fit
from calibration.fit_tables import NINETY, counts_table, effects_table, population_table
from calibration.inference_data import inference_data
from calibration.progress import Report, progress_bar
from calibration.readouts import THRESHOLDS
from calibration.rounds import SETTLING, Look, Point, Rounds, Tell
from calibration.sampling import diagnose, sample_posterior
from calibration.search import loss
from calibration.simulated import WARM_UP_DAYS
from calibration.spreads import SPREADS
from calibration.summaries import EFFECTS, SEARCHED, Plan
from calibration.target import make_target, unexplained

__all__ = ["FITTED", "Fit", "FitError", "fit", "load_fit", "save_fit"]

# Population parameters that a clinic's streams together can tell apart and on which outcomes depend, found by the
# contraction of each one's posterior when all parameters that the table assigns to a stream were fitted together.
FITTED = (
    "visit_minutes", "visit_requests_per_patient_year", "no_show_intercept",
    "documentation_minutes_per_visit", "order_minutes_per_visit", "chart_review_minutes_per_visit", "in_room_share",
    "system_messages_per_day", "system_message_minutes",
    "sleep_hours_base", "fatigue_build_rate",
    "exhaustion_midpoint", "baseline_motivation", *THRESHOLDS, "task_load_intercept",
    "absence_per_day", "pace_spread", "efficiency_spread", "task_load_spread",
)  # fmt: skip
NOT_FITTED = {
    "session_minutes": "the roster's scheduled minutes give it",
    "leaving_per_year": "observations are used up to a pod's first departure",
}
METHODS = ("laplace", "nuts")
START_SPREAD = 0.7  # prior standard deviations by which further starts are scattered
TYPICAL_ROUNDS = 6  # for the progress bar


def fit(observations: pd.DataFrame, layout: Layout, *, parameters: Parameters | None = None,
        names: Sequence[str] | None = None, starts: int = 2, rounds: int = 12, seed: int = 0, progress: bool = True,
        first_day: dt.date | None = None, timezone: str = "UTC", warm_up_days: int = WARM_UP_DAYS,
        interventions: Iterable[iv.Intervention] | None = None, method: str = "laplace") -> Fit:  # fmt: skip
    """Fit a clinic. An interrupt (Ctrl-C) ends the search and keeps the best so far.

    Args:
        observations: a table as `calibration.read_observations` returns it.
        layout: who works in the clinic; its physicians' traits are ignored.
        parameters: prior centres, start, and the values of all that is not fitted; the table's defaults if None.
        names: population parameters to fit; FITTED if None, of which those that the streams say nothing of stay as
            uncertain as before: what depends on them (a risk) is no surer than it should be.
        starts: searches to begin, one at the prior's centre, the others scattered about it.
        rounds: most rounds of one search; most clinics take five to eight.
        seed: of the simulated draws and the scattered starts.
        first_day: a Monday, first day of the period; that of the first observation's week if None.
        warm_up_days: whole weeks to simulate before it, for a clinic that does not start empty.
        interventions: what was in force, with start days counted from the simulation's first day.
        method: of the posterior: "laplace" (normal about the best point) or "nuts" (a sampler; minutes more, needs the
            posterior extra).

    Raises:
        FitError, ParameterError, InterventionError, ObservationError: on arguments or observations that are refused.
    """
    if starts < 1 or rounds < 1:
        raise FitError(f"starts and rounds: met {starts} and {rounds}, expected 1 or more")
    if warm_up_days < 0 or warm_up_days % 7:
        raise FitError(f"warm_up_days: met {warm_up_days}, expected whole weeks")
    if method not in METHODS:
        raise FitError(f"method: met {method!r}, expected one of {', '.join(METHODS)}")
    began = time.monotonic()
    data = prepare(observations, layout, first_day=first_day, timezone=timezone)
    base = parameters or Parameters()
    chosen = FITTED if names is None else tuple(names)
    for name in chosen:
        entry(name, "names: ")
        if name in NOT_FITTED:
            raise FitError(f"names: met {name!r}, expected a parameter to fit: {NOT_FITTED[name]}")
    work = prepare_rounds(data, layout, base, chosen, warm_up_days=warm_up_days, interventions=interventions, seed=seed)
    search = _Search(work)
    with progress_bar("fit", starts * TYPICAL_ROUNDS + SETTLING, progress) as report:
        try:
            found, look = search.run(starts, rounds, report)
            found = traits_integrated_out(work, found, look, 60)
        except KeyboardInterrupt:
            found = search.stop()
            report("interrupted: posterior about the best point so far")
            look = work.look(work.exact(found, 50), work.differences(found, 50))
        report("posterior")
        wider = widening(work, np.asarray(work.runs_at(found, 61).outputs, float), look)
        samples = None if method == "laplace" else sample_posterior(found, look, work.place, seed=seed)
        drawn = posterior.draw(work, found, look, wider, samples)
    info = {
        "physicians": layout.physicians, "days": data.days, "warm_up_days": warm_up_days, "seed": seed,
        "streams": list(data.streams), "starts": starts, "interrupted": search.interrupted,
        "model_runs": work.model_runs, "method": method,
        **({} if samples is None else {"chains": diagnose(samples)._asdict()}),
        "driven": {} if data.session_minutes is None else {"session_minutes": data.session_minutes},
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    tree = inference_data(work, found, look, drawn)
    return _result(work, search, found, drawn, tree, layout, base, chosen, info)


class _Search:
    """From several starts to the best point, which is kept wherever an interrupt comes."""

    def __init__(self, work: Rounds) -> None:
        self.work = work
        self.best, self.state = work.start(), work.state
        self.interrupted = False
        self.starts: list[dict[str, float]] = []

    def run(self, starts: int, rounds: int, report: Report) -> tuple[Point, Look]:
        """Every start down to where it ends, then rounds about the best; (estimate, how it looks there)."""
        work = self.work
        ends: list[Point] = []
        for number in range(starts):
            start = work.start()
            if number:
                count = len(work.plan.names)
                scatter = np.random.default_rng([work.seed, number]).standard_normal(count)
                start.unknowns[:count] = START_SPREAD * scatter
            report(f"start {number + 1} of {starts}")
            ends.append(work.descend(start, number, rounds, self._teller(report, f"start {number + 1}", number == 0)))
        self.best, self.state = self._better(ends), work.state
        return work.settle(self.best, self._teller(report, "settling", True))

    def _teller(self, report: Report, doing: str, keep: bool) -> Tell:
        def tell(point: Point, value: float) -> None:
            if keep:
                self.best, self.state = point, self.work.state
            report(f"{doing}: loss {value:,.0f}", 1)

        return tell

    def stop(self) -> Point:
        """The best point so far, the rounds as they were when it was reached."""
        self.interrupted = True
        self.work.state = self.state
        return self.best

    def _better(self, ends: list[Point]) -> Point:
        """The end of lowest loss, all held against what is expected of the first."""
        work = self.work
        first = work.exact(ends[0], 0)
        target = make_target(work.observed, first, work.problem, unexplained(work.observed, first))
        count = len(work.plan.names)
        for number, end in enumerate(ends):
            at = first if number == 0 else work.exact(end, 0)
            apart = float(np.abs(end.unknowns - ends[0].unknowns)[:count].max(initial=0.0))
            value = loss(end.unknowns, at.outputs, target)
            self.starts.append({"start": number, "loss": value, "largest_difference_to_first": apart})
        return ends[int(np.argmin([s["loss"] for s in self.starts]))]


def _result(work: Rounds, search: _Search, found: Point, drawn: posterior.Posterior, tree: xr.DataTree, layout: Layout,
            base: Parameters, names: tuple[str, ...], info: dict[str, Any]) -> Fit:  # fmt: skip
    """What came out, in tables."""
    count = len(work.plan.names)
    values, searched = forward.values_at(jnp.asarray(found.unknowns, jnp.float32), work.problem, work.plan)
    estimates = {n: float(getattr(values, n)) for n in names}
    own, own_error = posterior.own_moments(drawn)
    traits = np.concatenate([np.asarray(searched, float), own], axis=1)
    errors = np.concatenate([drawn.errors[count:].reshape(-1, len(SEARCHED)), own_error], axis=1)
    for name, spread in work.state.spreads.items():  # traits are told in a unit that is uncertain itself
        k = EFFECTS.index(SPREADS[name])
        errors[:, k] = np.hypot(errors[:, k], traits[:, k] * np.log(spread.high / spread.low) / (2.0 * NINETY))
    low, high = traits - NINETY * errors, traits + NINETY * errors
    low[:, len(SEARCHED) :], high[:, len(SEARCHED) :] = posterior.own_interval(drawn)
    all_traits = np.array(layout.traits, float)
    all_traits[: layout.physicians, 0] = 0.0
    all_traits[: layout.physicians, 0, [TRAITS.index(name) for name in EFFECTS]] = traits
    return Fit(
        table=population_table(names, work.plan.names, found.unknowns, drawn.errors, work.state.spreads, base),
        effects=effects_table(traits, errors, low, high),
        risk=posterior.risk_table(drawn, work.data.settled),
        parameters=base.replace(**info["driven"], **estimates),
        traits=all_traits,
        trace=pd.DataFrame(work.trace, columns=["start", "round", "loss", "promised"]),
        starts=pd.DataFrame(search.starts, columns=["start", "loss", "largest_difference_to_first"]),
        counts=counts_table(work.data.rows, work.plan.measures, work.state.weights, work.data.prior),
        draws=posterior.draws_table(work, drawn),
        inference=tree,
        info=info,
    )


def prepare_rounds(data: FitData, layout: Layout, base: Parameters, names: Sequence[str], *, warm_up_days: int = 0,
                   interventions: Iterable[iv.Intervention] | None = None, seed: int = 0) -> Rounds:  # fmt: skip
    """The rounds of a fit of ``names`` about the priors' centres ``base``, not yet begun."""
    plan = Plan(tuple(n for n in names if n not in SPREADS), data.measures, data.days, warm_up_days)
    problem = _problem(data, layout, base, plan, interventions)
    return Rounds(data, problem, plan, [n for n in names if n in SPREADS], seed)


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
        layout=of_one_shape(layout),
        changes=jax.tree.map(single, iv.as_set(interventions, layout)),
        weights=jnp.asarray(data.prior, jnp.float32),
        answers=jax.tree.map(single, data.answers),
    )
