"""One browser session's clinic: the Mesa model, with each appointment's times kept so that a day can be watched."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np

from abm import interventions as iv
from abm.agents import Physician
from abm.agents.manager import ActiveChange
from abm.clinic import Clinic
from abm.layout import make_layout
from abm.parameters import Parameters

NEVER = 36_500.0  # days: a start that does not come
SERIES = {  # data collector's name -> label, unit, factor
    "burnout prevalence": ("Burned out", "%", 100.0),
    "evening minutes": ("Work after hours", "min/day", 1.0),
    "mean fatigue": ("Morning fatigue", "%", 100.0),
    "waiting requests": ("Waiting for a visit", "", 1.0),
    "vacancies": ("Vacant posts", "", 1.0),
}
KEPT = ("burnout_risk", "fatigue", "exhaustion", "change_fatigue", "motivation", "evening_minutes")


class Appointment(NamedTuple):
    """A kept appointment; minutes since the session began."""

    booked: float
    rooming: float
    roomed: float
    begins: float
    ends: float


class WatchedPhysician(Physician):
    """A physician who notes when each patient was roomed and seen."""

    appointments: tuple[Appointment, ...] | list[Appointment] = ()

    def wake(self) -> None:
        self.appointments = []
        super().wake()

    def see(self, visit: Any, assistants_free: list[float], assistant_slowness: float) -> None:
        """As for every physician; besides, the times are kept."""
        rooming, minutes = self.rooming_sum, self.visit_minutes
        super().see(visit, assistants_free, assistant_slowness)
        roomed, ends = self.model.last_roomed, self.free_at
        self.appointments = [*self.appointments, Appointment(
            self.slot_minutes * visit.slot, roomed - (self.rooming_sum - rooming), roomed,
            ends - (self.visit_minutes - minutes), ends,
        )]  # fmt: skip


class WatchedClinic(Clinic):
    """A clinic of watched physicians."""

    last_roomed = 0.0

    def occupy_assistant(self, free: list[float], until: float) -> None:  # type: ignore[override]
        """As for every clinic; besides, the time is kept for the physician whose patient it is."""
        self.last_roomed = until
        Clinic.occupy_assistant(free, until)


class Session:
    """The clinic of one browser session, and what its controls did. Every method may be called from any thread."""

    def __init__(self, physicians: int, seed: int) -> None:
        self.physicians, self.seed = physicians, seed
        self.clinic: WatchedClinic | None = None
        self.doses: dict[str, float] = {}
        self.values: dict[str, float] = {}
        self.marks: list[tuple[int, str]] = []  # day, what was changed
        self.history: dict[str, list[np.ndarray]] = {}
        self._active: dict[str, ActiveChange] = {}
        self.lock = threading.RLock()

    def build(self) -> None:
        """Hire everybody and live the first day. Seconds for 50 physicians with 100,000 patients."""
        with self.lock:
            self.clinic = None
            self.doses, self.values, self.marks, self._active = {}, {}, [], {}
            self.history = {name: [] for name in KEPT}
            self.clinic = WatchedClinic(rng=self.seed, layout=make_layout(self.physicians),
                                        physician_class=WatchedPhysician)  # fmt: skip
            self.step()

    @property
    def running(self) -> WatchedClinic:
        """The clinic. Raises RuntimeError before `build`."""
        if self.clinic is None:
            raise RuntimeError("the clinic is not built yet")
        return self.clinic

    @property
    def day(self) -> int:
        """The last day lived, 0 is a Monday; -1 before `build`."""
        return -1 if self.clinic is None else self.clinic.day

    def step(self) -> None:
        """Live one day."""
        with self.lock:
            self.running.step()
            days = [physician.day_outcomes() for physician in self.running.physicians]
            for name, kept in self.history.items():
                kept.append(np.array([day.get(name, 0.0) for day in days]))

    def switch(self, kind: str, dose: float) -> None:
        """From the next day on use this dose of a kind of change; 0 ends it. Raises InterventionError."""
        with self.lock:
            clinic = self.running
            change = iv.Intervention(kind, dose, start_day=clinic.day + 1.0, ramp_days=1.0)
            before = self.doses.get(kind, 0.0)
            active = self._active.get(kind)
            if active is None:
                active = self._active[kind] = clinic.manager.introduce(change)
            elif before == 0.0:
                active.start = [change.start_day for _ in active.start]
            active.change, active.dose = change, dose
            active.read_effects()
            self.doses[kind] = dose
            if (before == 0.0) != (dose == 0.0):
                self.marks.append((clinic.day + 1, f"{plain(kind)} {'on' if dose else 'off'}"))

    def set_parameter(self, name: str, value: float) -> None:
        """Go on with another value of a parameter. Raises ParameterError."""
        with self.lock:
            clinic = self.running
            clinic.change_parameters(clinic.parameters.replace(**{name: value}))
            self.values[name] = value

    def series(self) -> list[dict[str, Any]]:
        """The clinic's series so far: label, unit, values by day."""
        with self.lock:
            collected = self.running.datacollector.model_vars
            return [
                {"label": label, "unit": unit, "values": [round(v * factor, 2) for v in collected[name]]}
                for name, (label, unit, factor) in SERIES.items()
            ]

    def value_of(self, name: str) -> float:
        """A parameter's present value."""
        return float(getattr(Parameters() if self.clinic is None else self.clinic.parameters, name))


def plain(name: str) -> str:
    """A name of the model as people read it."""
    return name.replace("_", " ").replace("ai scribe", "AI scribe")
