"""What a challenge can move: parameters, events, stream faults, the programme; each with bounds and usual value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from abm.parameters import ENTRIES, Parameters, from_unbounded, to_unbounded
from experiments.implementation.frames import ImplementationError
from experiments.implementation.picture import fault_bounds

PARAMETER, EVENT, FAULT, PROGRAMME = "parameter", "event", "fault", "programme"
SEVERE = 2.0  # strength: 0 none, 1 typical, 2 severe


@dataclasses.dataclass(frozen=True)
class Setting:
    """One thing of the programme: usual value, bounds and meaning; ``whole``: it comes in whole numbers."""

    usual: float
    low: float
    high: float
    meaning: str
    whole: bool = False


SETTINGS = {
    "delay_days": Setting(0, 0, 300, "days by which everything begins later"),
    "stagger_days": Setting(0, 0, 28, "days by which each further pod begins later"),
    "ramp_days": Setting(14, 1, 200, "days over which changes are ramped up"),
    "dose_share": Setting(1, 0, 1, "share of the doses of all changes but the twin's own advice"),
    "extra_cost": Setting(0, 0, 20_000, "USD a physician taken from the programme's budget, which lowers its doses"),
    "reach_share": Setting(1, 0, 1, "share of pods that the programme reaches"),
    "wrong_targets": Setting(0, 0, 1, "share of the targeted physicians chosen by chance instead of by the picture"),
    "trial_days": Setting(0, 0, 182, "days of a trial system before the real one goes live with everything else"),
    "quarters_kept": Setting(4, 0, 4, "quarters until the programme is given up", True),
    "useless_changes": Setting(0, 0, 3, "further changes that go live, have to be learned and help nobody"),
    "mistake_quarters": Setting(
        0, 0, 4, "quarters in which a change that helps nobody stays before it is undone", True
    ),
    "team_documentation": Setting(1, 0, 1, "share of the programme's team documentation"),
    "inbox_pooling": Setting(1, 0, 1, "share of the programme's inbox pooling"),
    "protected_time": Setting(1, 0, 1, "share of the programme's protected time"),
}


@dataclasses.dataclass(frozen=True)
class Move:
    """One quantity moved: its value at typical and at severe strength."""

    kind: str
    name: str
    typical: float
    severe: float

    @property
    def quantity(self) -> str:
        """'parameter trust', as in the data."""
        return f"{self.kind} {self.name}"

    @property
    def usual(self) -> float:
        """The value without the challenge."""
        return usual(self.kind, self.name)

    def shift(self, strength: float) -> float:
        """How far it is moved at a strength of 0 (none), 1 (typical), 2 (severe), straight in between, on the scale on
        which moves of several challenges add up."""
        one, two = (
            to_scale(self.kind, self.name, v) - to_scale(self.kind, self.name, self.usual)
            for v in (self.typical, self.severe)
        )
        return strength * one if strength <= 1 else one + (strength - 1) * (two - one)


def bounds(kind: str, name: str) -> tuple[float, float, float]:
    """(usual value, lowest, highest) of a quantity. Raises ImplementationError on one that there is not."""
    if kind in (PARAMETER, EVENT) and name in ENTRIES:
        e = ENTRIES[name]
        return e.default, e.low, e.high
    if kind == FAULT:
        try:
            return fault_bounds(name)
        except ValueError as error:
            raise ImplementationError(str(error)) from None
    if kind == PROGRAMME and name in SETTINGS:
        s = SETTINGS[name]
        return s.usual, s.low, s.high
    raise ImplementationError(
        f"met {kind} {name!r}, expected a parameter, an event, a fault of a stream or "
        f"a setting of the programme ({', '.join(SETTINGS)})"
    )


def usual(kind: str, name: str) -> float:
    """The value without any challenge."""
    return bounds(kind, name)[0]


def to_scale(kind: str, name: str, value: float) -> float:
    """Where moves add up: the scaled logit for parameters and events, so that no sum leaves the bounds; shares of the
    programme on the log scale, so that a half of a half is a quarter; the rest as it is."""
    if kind in (PARAMETER, EVENT):
        return to_unbounded(value, ENTRIES[name])
    if _multiplies(kind, name):
        return math.log(max(value, 1e-3))
    return value


def from_scale(kind: str, name: str, scaled: float) -> float:
    """Inverse of :func:`to_scale`, inside the bounds."""
    _, low, high = bounds(kind, name)
    if kind in (PARAMETER, EVENT):
        return min(max(float(from_unbounded(float(scaled), ENTRIES[name])), low), high)
    value = math.exp(scaled) if _multiplies(kind, name) else scaled
    value = 0.0 if _multiplies(kind, name) and value < 2e-3 else min(max(value, low), high)
    return float(round(value)) if kind == PROGRAMME and SETTINGS[name].whole else value


def _multiplies(kind: str, name: str) -> bool:
    return kind == PROGRAMME and SETTINGS[name].usual == SETTINGS[name].high == 1


def together(moves: Iterable[tuple[Move, float]], own: Parameters | None = None) -> dict[str, dict[str, float]]:
    """Values by kind and name of (move, strength) pairs, moves of one quantity added up.

    ``own``: a clinic's parameters, from which they are moved instead of from the defaults.
    """
    shifts: dict[tuple[str, str], float] = {}
    for move, strength in moves:
        key = (move.kind, move.name)
        shifts[key] = shifts.get(key, 0.0) + move.shift(strength)
    values: dict[str, dict[str, float]] = {PARAMETER: {}, EVENT: {}, FAULT: {}, PROGRAMME: {}}
    for (kind, name), shift in shifts.items():
        if shift:
            start = getattr(own, name) if own and kind in (PARAMETER, EVENT) else usual(kind, name)
            values[kind][name] = from_scale(kind, name, to_scale(kind, name, start) + shift)
    return values
