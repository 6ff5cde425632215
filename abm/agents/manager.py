"""The manager: decides which changes the budget allows, and keeps the list of those that are on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mesa

from abm import interventions as iv
from abm.agents.person import Person
from abm.rules.person import ChangeUse


class ActiveChange:
    """One approved change as the agents meet it: plain floats, looked up by person."""

    def __init__(self, clinic: Any, change: iv.Intervention, arrays: iv.InterventionSet, c: int) -> None:
        self.clinic, self.change = clinic, change
        self.kind = iv.KINDS[change.kind]
        self.dose = float(arrays.dose[c])
        self.ramp = float(arrays.ramp[c])
        self.start = arrays.start[c].tolist()
        self.reached = arrays.reached[c].tolist()
        self.needs_adoption = float(arrays.needs_adoption[c])
        self.learning_load = float(arrays.learning_load[c])
        self.novelty = float(arrays.novelty[c])
        self.end = float(arrays.end[c])
        self.read_effects()

    def read_effects(self) -> None:
        """What it does at full use, by the clinic's present parameters."""
        clinic = self.clinic
        self.effects = {
            lever: self.dose * (getattr(clinic.parameters, name) if name else iv.EXTRA_ASSISTANT)
            for lever, name in self.kind.levers.items()
        }
        relief = 1.0
        for lever in iv.RELIEF:
            relief *= 1.0 - min(self.effects.get(lever, 0.0), 1.0)
        self.relief = 1.0 - relief

    def starts_today(self, person: Person) -> bool:
        day = self.clinic.day
        live = day <= self.start[person.index] < day + 1 and day < self.end
        return bool(self.reached[person.index]) and live

    def in_force(self, person: Person) -> float:
        day = self.clinic.day
        live = self.start[person.index] < day + 1 and day < self.end and self.dose > 0
        return self.reached[person.index] * (1.0 if live else 0.0)

    def rolled_out(self, person: Person) -> float:
        share = min(max((self.clinic.day + 1.0 - self.start[person.index]) / self.ramp, 0.0), 1.0)
        return self.reached[person.index] * share if self.clinic.day < self.end else 0.0


class Manager(mesa.Agent):
    """Approves proposed changes in order while their yearly cost stays within ``budget`` (USD; None = no limit)."""

    def __init__(self, model: Any, proposed: Iterable[iv.Intervention], budget: float | None = None) -> None:
        super().__init__(model)
        self.budget = budget
        approved, self.open_recommendations = iv.approve(proposed, model.layout, budget)
        self.arrays = iv.as_set(approved, model.layout)
        self.changes = [ActiveChange(model, change, self.arrays, c) for c, change in enumerate(approved)]

    def read_effects(self) -> None:
        """Let every change do what the clinic's present parameters say."""
        for change in self.changes:
            change.read_effects()

    def introduce(self, change: iv.Intervention) -> ActiveChange:
        """Add a change while the clinic runs, between two days; it meets the chances of the change of its number."""
        active = ActiveChange(self.model, change, iv.as_set([change], self.model.layout), 0)
        self.changes.append(active)
        for person in self.model.people:
            person.uses.append(ChangeUse(0.0, 0.0, 0.0))
        return active

    @property
    def trust(self) -> float:
        """Trust in the twin and in changes it brings (0-1)."""
        return self.model.parameters.trust
