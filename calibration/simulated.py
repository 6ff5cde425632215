"""Simulated clinics of which both the observations and the truth behind them are known: what a fit is tried on."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from abm import interventions as iv
from abm.clinic import Clinic
from abm.layout import TRAITS, Layout, make_layout
from abm.outcomes import RECORDED
from abm.parameters import ENTRIES, Parameters, entry, from_unbounded, to_unbounded
from abm.population import simulate
from abm.rules import Rules
from calibration.forward import RISK_DAYS
from calibration.observing import ObservationPlan, observe_with_truth
from calibration.readouts import THRESHOLDS

# Days simulated before the first observation, so that waiting lists and exhaustion have settled: twice the longest of
# the time constants of exhaustion, unmet need and patience by default.
WARM_UP_DAYS = 56


@dataclasses.dataclass(frozen=True)
class SimulatedClinic:
    """Observations of a simulated clinic and its truth; D observed days, N physicians."""

    observations: pd.DataFrame
    layout: Layout  # with the true traits
    parameters: Parameters  # the truth
    records: Mapping[str, np.ndarray]  # float [D, N]: the physicians' outcomes of each observed day
    traits: np.ndarray  # float [N, len(TRAITS)]: of whoever held the post on the first observed day
    risk: np.ndarray  # float [N]: mean `burnout_risk` over the last RISK_DAYS
    burned_out: np.ndarray  # float [N]: share of those days burned out
    baselines: Mapping[str, np.ndarray]  # float [GENERATIONS, N]: own level of the measures that have one
    failed_sensors: pd.DataFrame  # who, day from which on, kind, quality
    first_day: dt.date  # of observation, a Monday
    days: int
    warm_up_days: int  # simulated before it


def simulate_observations(
    parameters: Parameters | None = None, *, days: int = 182, physicians: int = 50, seed: int = 0,
    plan: ObservationPlan | None = None, warm_up_days: int = WARM_UP_DAYS,
    interventions: Iterable[iv.Intervention] | None = None, layout: Layout | None = None, engine: str = "jax",
    rules: Rules | None = None,
) -> SimulatedClinic:  # fmt: skip
    """What a clinic's systems would report over ``days``.

    Args:
        physicians: a multiple of five; ignored where a ``layout`` is given.
        seed: of who is who, of the clinic's chance, and of the streams' faults; equal seeds give equal clinics.
        layout: who works there; a sample of physicians from the population if None.
        warm_up_days: whole weeks simulated before the first observation.
        interventions: their start days count from the first simulated day, the warm-up's.
        engine: "jax" (exact mode) or "mesa", whose patients are agents and whose draws are its own.
        rules: behavioural rules to use instead of the standard ones, for a truth that no fit has in its model.

    Raises:
        ValueError: on sizes or an intervention that is refused.
    """
    if warm_up_days < 0 or warm_up_days % 7:
        raise ValueError(f"warm_up_days: met {warm_up_days}, expected whole weeks")
    if days < 1:
        raise ValueError(f"days: met {days}, expected 1 or more")
    parameters, plan = parameters or Parameters(), plan or ObservationPlan()
    layout = layout or _sampled(make_layout(physicians, seed=seed))
    whole = _simulated(parameters, warm_up_days + days, seed, interventions, layout, engine, rules)
    records = {name: values[warm_up_days:] for name, values in whole.items()}
    hires = whole["hired"][:warm_up_days].sum(axis=0)
    observed = observe_with_truth(records, layout, parameters, seed, plan, generation=hires)
    generation = np.minimum(hires, layout.traits.shape[1] - 1).astype(int)
    last = slice(max(days - RISK_DAYS, 0), days)
    return SimulatedClinic(
        observations=observed.observations, layout=layout, parameters=parameters, records=records,
        traits=np.asarray(layout.traits)[np.arange(layout.physicians), generation],
        risk=records["burnout_risk"][last].mean(axis=0), burned_out=records["burned_out"][last].mean(axis=0),
        baselines=observed.baselines, failed_sensors=observed.failed_sensors, first_day=plan.first_day,
        days=days, warm_up_days=warm_up_days,
    )  # fmt: skip


def _simulated(parameters: Parameters, days: int, seed: int, interventions: Iterable[iv.Intervention] | None,
               layout: Layout, engine: str, rules: Rules | None) -> dict[str, np.ndarray]:  # fmt: skip
    """Physicians' daily outcomes [days, N] by name."""
    if engine == "jax":
        run = simulate(parameters, days, seed, interventions, layout=layout, rules=rules)
        return {name: np.asarray(run.physicians[name], float) for name in RECORDED}
    if engine != "mesa":
        raise ValueError(f"engine: met {engine!r}, expected jax or mesa")
    clinic = Clinic(parameters, interventions=interventions or (), layout=layout, rules=rules, rng=seed)
    clinic.run_for(days)
    return clinic.records()


def _sampled(layout: Layout) -> Layout:
    """The layout with physicians drawn from the population, where `make_layout` spreads their traits evenly.

    A fit takes a clinic's physicians for such a sample; among evenly spread ones it would be surer than it says.
    """
    rng = np.random.default_rng([layout.seed, layout.physicians])
    traits = np.array(layout.traits, float)
    traits[: layout.physicians, 0] = rng.standard_normal((layout.physicians, len(TRAITS)))
    return dataclasses.replace(layout, traits=traits)


def draw_truth(seed: int, names: Sequence[str], *, base: Parameters | None = None, width: float = 1.0) -> Parameters:
    """Parameters of which ``names`` are drawn from their priors about ``base``, made ``width`` times as wide.

    Drawn anew where the burnout scale's thresholds do not rise. Raises ParameterError on a name that is not in the
    table.
    """
    base = base or Parameters()
    rng = np.random.default_rng([seed, len(TRAITS)])
    entries = [entry(name, "names: ") for name in names]
    centres = [to_unbounded(getattr(base, e.name), e) for e in entries]
    spreads = [width * e.prior_spread for e in entries]
    while True:
        drawn = rng.normal(centres, spreads)
        truth = base.replace(**{n: from_unbounded(float(z), ENTRIES[n]) for n, z in zip(names, drawn, strict=True)})
        if all(np.diff([getattr(truth, name) for name in THRESHOLDS]) > 0):
            return truth
