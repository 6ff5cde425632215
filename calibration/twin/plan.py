"""What a twin is of: its clinic, its members, the unknowns they differ in, and the first day."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np

from abm.interventions import Intervention
from abm.parameters import ENTRIES, Parameters, entry, to_unbounded
from calibration.clinic import Clinic
from calibration.simulated import WARM_UP_DAYS

MEMBERS = 1024
PLACES_STEP = 4


class TwinError(ValueError):
    """Something that a twin refuses; the message says what was met and what was expected."""


@dataclasses.dataclass(frozen=True)
class TwinPlan:
    """Day 0 is ``first_day``, a Monday; before it ``warm_up_days`` are simulated that nobody observes."""

    clinic: Clinic
    first_day: dt.date
    names: tuple[str, ...]  # shared parameters that are estimated
    base: Parameters = dataclasses.field(default_factory=Parameters)  # prior centres, and the values of all others
    members: int = MEMBERS
    seed: int = 0
    timezone: str = "UTC"  # the clinic's
    warm_up_days: int = WARM_UP_DAYS
    interventions: tuple[Intervention, ...] = ()  # decided; days count from the first simulated one

    def __post_init__(self) -> None:
        if self.members < 8:
            raise TwinError(f"members: met {self.members}, expected 8 or more")
        if self.first_day.weekday() != 0:
            raise TwinError(f"first_day: met {self.first_day:%A %Y-%m-%d}, expected a Monday")
        if self.warm_up_days < 0 or self.warm_up_days % 7:
            raise TwinError(f"warm_up_days: met {self.warm_up_days}, expected whole weeks")
        if self.seed < 0:
            raise TwinError(f"seed: met {self.seed}, expected 0 or more")
        for name in self.names:
            entry(name, "names: ")

    @property
    def physicians(self) -> int:
        """How many posts the clinic has."""
        return int(self.clinic.layout.physicians)

    @property
    def places(self) -> int:
        """Room for changes in a member's state: in steps, so that another one seldom needs another program."""
        return -(-len(self.interventions) // PLACES_STEP) * PLACES_STEP

    def prior(self) -> tuple[np.ndarray, np.ndarray]:
        """(centres, standard deviations) [P] of the shared parameters on the unbounded scale."""
        centres = [to_unbounded(getattr(self.base, n), ENTRIES[n]) for n in self.names]
        return np.array(centres), np.array([ENTRIES[n].prior_spread for n in self.names])

    def date(self, day: int) -> dt.date:
        """The calendar date of a day's number."""
        return self.first_day + dt.timedelta(days=day)
