"""Medical assistants, nurses, front desk and scribes: they share their pod's work of their role."""

from __future__ import annotations

from typing import Any

from abm.agents.person import DayOfWork, Person
from abm.layout import ROLES


class Staff(Person):
    """One staff member of a pod; `role` is one of `abm.layout.ROLES`."""

    def __init__(self, model: Any, index: int, pod: int, trait_sets: list[list[float]], role: int) -> None:
        super().__init__(model, index, pod, trait_sets)
        self.role = ROLES[role]

    def do_share(self, pod_minutes: float, members_here: float) -> None:
        """Work an equal share of ``pod_minutes``; what exceeds the paid day is overtime."""
        paid = self.model.parameters.staff_minutes_per_day
        minutes = pod_minutes / max(members_here, 1.0)
        overtime = max(minutes - paid, 0.0) * self.here
        self.work = DayOfWork(paid / 60.0, overtime / 60.0, 0.0, min(minutes / paid, 1.0) * self.here, self.here)

    @property
    def work_minutes(self) -> float:
        return 60.0 * (self.work.session_hours * self.work.session_intensity + self.work.wrap_up_hours)
