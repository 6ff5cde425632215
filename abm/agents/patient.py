"""A patient of one physician's panel: traits, a pending appointment, unmet need, continuity."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Any

import mesa

if TYPE_CHECKING:
    from abm.agents.physician import Physician


class Patient(mesa.Agent):
    """One of some 2,000 members of a panel. Patients ask in proportion to a power of their complexity.

    Attributes:
        complexity: standard normal; log-complexity over its spread. Members are ranked by it.
        no_show_trait: standard normal propensity to miss an appointment.
        disadvantaged: 1.0 for members of the disadvantaged equity group.
        pending_since: calendar day of the oldest request still waiting, or None.
        visits, no_shows: kept and missed appointments so far.
    """

    __slots__ = ("_unmet", "_unmet_day", "complexity", "disadvantaged", "no_show_trait", "no_shows", "pending_since",
                 "physician", "visits")  # fmt: skip

    def __init__(
        self, model: Any, physician: Physician, complexity: float, no_show_trait: float, disadvantaged: float
    ) -> None:
        super().__init__(model)
        self.physician = physician
        self.complexity = complexity
        self.no_show_trait = no_show_trait
        self.disadvantaged = disadvantaged
        self.pending_since: int | None = None
        self.visits = 0
        self.no_shows = 0
        self._unmet = 0.0
        self._unmet_day = 0

    @property
    def unmet_need(self) -> float:
        """Unmet requests and missed visits, fading with `unmet_need_days`."""
        if not self._unmet:
            return 0.0
        return self._unmet * exp(-(self.model.day - self._unmet_day) / self.model.parameters.unmet_need_days)

    def leave_unmet(self) -> None:
        """A need of today stays unmet."""
        self._unmet = self.unmet_need + 1.0
        self._unmet_day = self.model.day
        self.pending_since = None

    @property
    def continuity(self) -> float:
        """How well (0-1) the panel's present physician knows this patient; 0 while the post is vacant."""
        physician = self.physician
        return physician.employed * (1.0 - exp(-physician.tenure / self.model.parameters.continuity_days))

    def no_show_logit(self) -> float:
        """Personal part of the log-odds of a no-show."""
        p = self.model.parameters
        return p.no_show_patient_spread * self.no_show_trait + p.no_show_disadvantage * self.disadvantaged

    def comes(self, lead_days: float, u: float) -> bool:
        """Whether the patient keeps an appointment booked ``lead_days`` ago, from a uniform draw."""
        clinic = self.model
        p = clinic.parameters
        chance = clinic.rules.no_show_probability(
            lead_days,
            self.no_show_logit(),
            p.no_show_intercept,
            p.no_show_delay_effect,
            p.no_show_delay_days,
            clinic.xp,
        )
        return not u < chance
