"""Simulated clinics under challenges: burnout risk with the programme, without it, and what is lost of the promise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from abm.layout import Layout, make_layout
from abm.parameters import Parameters
from experiments.implementation.clinic_runs import ROWS_AT_ONCE, Row, Runner, burnout_risk
from experiments.implementation.mechanisms import mechanisms
from experiments.implementation.picture import Picture, plan_with, see
from experiments.implementation.programme import MOST_CHANGES, programme, targeted_count, targets_of
from experiments.implementation.quantities import EVENT, FAULT, PARAMETER, PROGRAMME, Move, together

ACCURACY = "advice_accuracy"
Strengths = Mapping[str, float]  # challenge -> strength: 0 none, 1 typical, 2 severe


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A clinic under challenges. ``programme``: whether it has the programme; ``twin``: whether the twin steers it (its
    advice, and its choice of whom to help) or the programme is spread by chance; ``moves``: of strategies, in full."""

    strengths: tuple[tuple[str, float], ...] = ()
    programme: bool = True
    twin: bool = True
    moves: tuple[Move, ...] = ()

    @classmethod
    def of(cls, strengths: Strengths, **options: Any) -> Scenario:
        """The scenario of some strengths; those of zero are left out."""
        return cls(tuple((key, float(s)) for key, s in strengths.items() if s), **options)


class Clinics:
    """Simulates scenarios on common random numbers: replicate r meets the same patients and chance in all of them."""

    def __init__(
        self,
        parameters: Parameters | None = None,
        layout: Layout | None = None,
        replicates: int = 12,
        seed: int = 0,
        rows_at_once: int = ROWS_AT_ONCE,
    ) -> None:
        self.parameters = parameters or Parameters()
        self.layout = layout or make_layout()
        self.replicates = replicates
        self._seed = seed
        self._runner = Runner(self.parameters, self.layout, replicates, seed, MOST_CHANGES, rows_at_once)
        self._pictures: dict[tuple[Any, ...], list[Picture]] = {}
        self._done: dict[Scenario, np.ndarray] = {}

    def risk(self, scenarios: Sequence[Scenario]) -> np.ndarray:
        """Burnout risk in % of filled posts, [scenarios, replicates, quarters]; each scenario is run once."""
        scenarios = [self._plain(scenario) for scenario in scenarios]
        new = [s for s in dict.fromkeys(scenarios) if s not in self._done]
        rows = [self._row(scenario, r) for scenario in new for r in range(self.replicates)]
        if rows:
            values = burnout_risk(self._runner.run(rows)).reshape(len(new), self.replicates, -1)
            self._done |= dict(zip(new, values, strict=True))
        return np.stack([self._done[scenario] for scenario in scenarios])

    def reduction(self, scenarios: Sequence[Scenario]) -> np.ndarray:
        """Points of burnout risk that the programme takes away from a clinic under the same standing challenges,
        [scenarios, replicates, quarters]."""
        without = [dataclasses.replace(s, programme=False) for s in scenarios]
        both = self.risk([*scenarios, *without])
        return both[len(scenarios) :] - both[: len(scenarios)]

    def _plain(self, scenario: Scenario) -> Scenario:
        """Without a programme only standing challenges act, so that such clinics are the same."""
        if scenario.programme:
            return scenario
        standing = tuple((key, s) for key, s in scenario.strengths if mechanisms()[key].standing)
        return Scenario(standing, programme=False)

    def _row(self, scenario: Scenario, replicate: int) -> Row:
        own = [(move, s) for key, s in scenario.strengths for move in mechanisms()[key].moves]
        values = together([*own, *((move, 1.0) for move in scenario.moves)], self.parameters)
        moved = values[PARAMETER]
        if not scenario.programme:
            return Row(replicate, moved, (), values[EVENT])
        settings = values[PROGRAMME]
        picture = self.pictures(values[FAULT])[replicate]
        if values[FAULT]:
            usual = self.pictures({})[replicate].accuracy
            ratio = max(picture.accuracy, 0.0) / usual if usual > 0 else 1.0
            moved[ACCURACY] = min(moved.get(ACCURACY, self.parameters.advice_accuracy) * ratio, 1.0)
        order = picture.at_highest_risk(self.layout.physicians)
        wrong = 1.0 if not scenario.twin else settings.get("wrong_targets", 0.0)
        targets = targets_of(order, targeted_count(self.layout), wrong, self.layout, replicate)
        return Row(replicate, moved, programme(settings, targets, self.layout, scenario.twin), values[EVENT])

    def _observation_seed(self, replicate: int) -> int:
        """Of the streams' chance in one replicate."""
        words = np.random.SeedSequence(self._seed, spawn_key=(replicate, 1)).generate_state(1, np.uint64)
        return int(words[0])

    def pictures(self, faults: Mapping[str, float]) -> list[Picture]:
        """The twin's picture under stream faults, by replicate."""
        key = tuple(sorted(faults.items()))
        if key not in self._pictures:
            plan, watched, n = plan_with(faults), self._runner.watched(), self.layout.physicians
            self._pictures[key] = [
                see(records, state.generation[:n], self.layout, self.parameters, plan, self._observation_seed(r))
                for r, (records, state) in enumerate(zip(watched.records, watched.states, strict=True))
            ]
        return self._pictures[key]
