"""From an experiment's scenarios, with their several doses, to the list of clinics that are run."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable

import numpy as np

from abm.interventions import Intervention
from experiments.conditions import Condition
from experiments.config import BASELINE, Change, Experiment, Scenario


@dataclasses.dataclass(frozen=True)
class PlannedScenario:
    """One scenario as it is run: every dose chosen, start days counted from day 0 of the warm-up."""

    label: str
    family: str  # the scenario's name before doses made several of it
    interventions: tuple[Intervention, ...]
    conditions: tuple[Condition, ...] = ()  # days counted from the end of the warm-up

    @property
    def kind(self) -> str:
        """The interventions' kinds joined by ' + '; empty for the baseline."""
        return " + ".join(dict.fromkeys(change.kind for change in self.interventions))

    @property
    def dose(self) -> float:
        """The dose of a single intervention; 0 for the baseline, NaN for several interventions."""
        if len(self.interventions) > 1:
            return math.nan
        return sum(change.dose for change in self.interventions)


def planned_scenarios(experiment: Experiment) -> tuple[PlannedScenario, ...]:
    """The baseline, then every scenario at every combination of its doses. Raises ValueError on equal labels."""
    planned = [PlannedScenario(BASELINE, BASELINE, (), experiment.conditions)]
    for scenario in experiment.scenarios:
        for doses in itertools.product(*(change.dose_values for change in scenario.interventions)):
            changes = tuple(
                _intervention(change, dose, experiment.warm_up_days)
                for change, dose in zip(scenario.interventions, doses, strict=True)
            )
            conditions = experiment.conditions if scenario.conditions is None else scenario.conditions
            planned.append(PlannedScenario(_label(scenario, doses), scenario.name, changes, conditions))
    labels: dict[str, str] = {}
    for one in planned:
        if one.label in labels:
            raise ValueError(f"met scenario {one.label!r} in {labels[one.label]!r} and in {one.family!r}, "
                             "expected different names (doses are told apart by six digits)")  # fmt: skip
        labels[one.label] = one.family
    return tuple(planned)


def _label(scenario: Scenario, doses: tuple[float, ...]) -> str:
    """The scenario's name, then the doses that vary: 'ai_scribe 0.5', or with their kinds where several vary."""
    varied = [(change.kind, dose) for change, dose in zip(scenario.interventions, doses, strict=True) if change.doses]
    if len(varied) > 1:
        return f"{scenario.name} ({', '.join(f'{kind} {dose:g}' for kind, dose in varied)})"
    return " ".join([scenario.name, *(f"{dose:g}" for _, dose in varied)])


def _intervention(change: Change, dose: float, warm_up_days: int) -> Intervention:
    return Intervention(
        change.kind, dose, start_day=warm_up_days + change.start_day, ramp_days=change.ramp_days,
        stagger_days=change.stagger_days, decision_days=change.decision_days,
        pods=change.pods, physicians=change.physicians,
    )  # fmt: skip


def replicate_words(seed: int, replicates: int | Iterable[int]) -> np.ndarray:
    """Seed words of every replicate (of so many, or of those), uint32 [replicates, 2]: the same in all scenarios."""
    chosen = range(replicates) if isinstance(replicates, int) else replicates
    return np.stack([
        np.random.SeedSequence(seed, spawn_key=(int(replicate),)).generate_state(2, np.uint32) for replicate in chosen
    ])  # fmt: skip
