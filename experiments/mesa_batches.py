"""Batches of a sweep on the Mesa engine: one clinic a batch, on the same draws as the JAX engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from abm.clinic import Clinic
from abm.parameters import NAMES, Parameters
from experiments.jax_batches import program_days
from experiments.plan import Plan
from experiments.workers import Stopped

LOOK_DAYS = 7  # simulated between two looks at whether to stop


class MesaBatches:
    """Computes batches of one clinic, each from the first day of the warm-up; `stopping` is an event or None."""

    def __init__(self, plan: Plan, stopping: Any = None) -> None:
        self.plan, self.stopping = plan, stopping

    def __reduce__(self) -> Any:
        return MesaBatches, (self.plan,)

    def warm_up(self, block: int) -> None:
        """Nothing: agents are not copied from one scenario to another."""

    def run(self, scenario: int, block: int, warm: None = None) -> np.ndarray:
        """Records float32 [outcomes, 1, periods, N] of one scenario, from the end of the warm-up."""
        e, rows = self.plan.experiment, self.plan.block(block).rows(0, 1)
        interventions, words = self.plan.interventions(rows, scenario), self.plan.words(rows)[0]
        clinic = Clinic(_of_one(self.plan.parameters(rows)), rng=0, layout=self.plan.layout(rows),
                        interventions=interventions, draws_seed=words)  # fmt: skip
        self._run_for(clinic, e.warm_up_days)
        days = program_days(e)[1]
        for day in range(0, e.days, days):
            if self.plan.scenarios[scenario].conditions:
                clinic.change_parameters(_of_one(self.plan.parameters(rows, scenario, day)))
            self._run_for(clinic, days)
        records = clinic.records()
        after = np.stack([records[name][e.warm_up_days :] for name in e.recorded])
        periods = after.reshape(len(e.recorded), 1, e.days // e.period_days, e.period_days, e.physicians)
        return periods.mean(axis=3).astype(np.float32)

    def _run_for(self, clinic: Clinic, days: int) -> None:
        while days:
            if self.stopping is not None and self.stopping.is_set():
                raise Stopped
            clinic.run_for(min(days, LOOK_DAYS))
            days -= min(days, LOOK_DAYS)


def _of_one(parameters: Parameters) -> Parameters:
    """Parameters of one clinic as plain floats."""
    return Parameters(**{name: float(np.ravel(getattr(parameters, name))[0]) for name in NAMES})
