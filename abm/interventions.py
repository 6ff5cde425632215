"""What a manager can change: kinds of interventions, their levers, when they go live and whom they reach."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from abm.layout import Layout
from abm.parameters import Parameters
from abm.spelling import nearest

# Levers on a physician's day. Shares of several changes combine as 1 - (1 - a)(1 - b); the others add up.
SHARE_LEVERS = (
    "documentation_to_scribe", "documentation_to_software", "documentation_to_team", "orders_to_scribe",
    "orders_to_team", "inbox_to_team", "slots_removed", "panel_removed", "session_removed", "float_cover", "advice",
)  # fmt: skip
SUM_LEVERS = ("assistants", "protected_minutes", "recovery", "control", "support")
LEVERS = SHARE_LEVERS + SUM_LEVERS
RELIEF = SHARE_LEVERS[:9]  # shares of work taken away: what makes a change look useful


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of intervention: which levers it moves by which parameter, and what it asks of people."""

    meaning: str
    levers: dict[str, str]  # lever -> name of the parameter with its effect at dose 1 and full use
    dose_unit: str
    dose_max: float = 1.0
    needs_adoption: bool = False  # its effect scales with each physician's adoption
    learning_load: float = 0.2  # 1 = a new documentation tool
    novelty: float = 0.3  # 1 = the go-live of a new documentation tool
    cost_per_physician_year: float = 0.0  # USD at dose 1, assumed


# fmt: off
KINDS: dict[str, Kind] = {
    "scribe": Kind("a human scribe documents visits", {"documentation_to_scribe": "scribe_documentation_share", "orders_to_scribe": "scribe_order_share", "support": "team_support"}, "share of visits", 1.0, False, 0.3, 0.4, 45_000.0),
    "ai_scribe": Kind("software drafts the note from the conversation", {"documentation_to_software": "ai_scribe_documentation_share"}, "share of visits", 1.0, True, 0.6, 0.7, 4_000.0),
    "team_documentation": Kind("medical assistants and nurses share notes and orders", {"documentation_to_team": "team_documentation_share", "orders_to_team": "team_order_share", "support": "team_support"}, "share of visits", 1.0, True, 0.6, 0.7, 12_000.0),
    "inbox_pooling": Kind("nurses answer a pooled inbox first", {"inbox_to_team": "pooling_inbox_share", "support": "team_support"}, "share of messages", 1.0, False, 0.2, 0.4, 10_000.0),
    "extra_medical_assistant": Kind("more medical assistants in the pod", {"assistants": ""}, "assistants per pod", 3.0, False, 0.0, 0.1, 9_000.0),
    "template_change": Kind("longer slots, fewer visits", {"slots_removed": "template_slots_removed"}, "share of the full change", 2.0, False, 0.0, 0.2, 0.0),
    "protected_time": Kind("session time turned into desk time", {"protected_minutes": "protected_minutes", "control": "wellbeing_control"}, "times protected_minutes", 2.0, False, 0.0, 0.1, 0.0),
    "panel_reduction": Kind("part of the panel is moved to other clinics", {"panel_removed": "panel_removed"}, "share of the full change", 2.0, False, 0.0, 0.1, 0.0),
    "part_time": Kind("part of session, slots and panel given up", {"session_removed": "part_time_share", "panel_removed": "part_time_share"}, "share of the full change", 1.0, False, 0.0, 0.1, 0.0),
    "float_physician": Kind("a float physician sees the panels of vacant posts", {"float_cover": "float_cover_share"}, "share of the full cover", 1.0, False, 0.0, 0.1, 8_000.0),
    "wellbeing": Kind("recovery and well-being programme", {"recovery": "wellbeing_recovery", "control": "wellbeing_control"}, "intensity", 1.0, True, 0.2, 0.3, 1_500.0),
    "twin_advice": Kind("the twin moves messages from the overloaded to the others of the pod", {"advice": "advice_balance"}, "reach: share of messages", 1.0, True, 0.4, 0.6, 2_500.0),
}
# fmt: on
KIND_NAMES = tuple(KINDS)
EXTRA_ASSISTANT = 1.0  # lever units per dose of an extra medical assistant, by definition
EXTRA_PLACES = int(KINDS["extra_medical_assistant"].dose_max)  # places for them in each pod's queue


class InterventionError(ValueError):
    """An intervention that the clinic refuses; the message says what was met and what was expected."""


@dataclasses.dataclass(frozen=True)
class Intervention:
    """One change: ``dose`` of a ``kind`` from ``start_day`` (calendar day), ramped up over ``ramp_days``.

    ``stagger_days`` delays each further pod by that much (a staged go-live; 0 = big bang), ``decision_days`` is the
    manager's latency, ``pods`` limits the change to some pods, ``physicians`` to some physicians (and no staff).
    From ``end_day`` on (infinite: never) everybody does without it again; what people learned of it stays.
    Raises InterventionError on an unknown kind or a value out of range.
    """

    kind: str
    dose: float = 1.0
    start_day: float = 0.0
    ramp_days: float = 14.0
    stagger_days: float = 0.0
    decision_days: float = 0.0
    pods: tuple[int, ...] | None = None
    physicians: tuple[int, ...] | None = None
    end_day: float = math.inf

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InterventionError(
                f"unknown intervention {self.kind!r}{nearest(self.kind, KIND_NAMES)} (known: {', '.join(KIND_NAMES)})"
            )
        top = KINDS[self.kind].dose_max
        if not 0 <= self.dose <= top:
            raise InterventionError(
                f"{self.kind}: met dose {self.dose}, expected between 0 and {top:g} ({KINDS[self.kind].dose_unit})"
            )
        for name in ("start_day", "ramp_days", "stagger_days", "decision_days"):
            if not 0 <= getattr(self, name) <= 36_500:
                raise InterventionError(f"{self.kind}: met {name} {getattr(self, name)}, expected 0 to 36500 days")
        if not self.end_day >= 0:
            raise InterventionError(f"{self.kind}: met end_day {self.end_day}, expected 0 or more days")


class InterventionSet(NamedTuple):
    """C interventions as arrays over people (P): what both engines read. A PyTree; doses may be traced."""

    kind: Any  # int [C]
    dose: Any  # float [C]
    start: Any  # float [C, P]: first day of use
    ramp: Any  # float [C]: days
    reached: Any  # float [C, P]: 1 where the change applies
    needs_adoption: Any  # float [C]
    learning_load: Any  # float [C]
    novelty: Any  # float [C]
    end: Any  # float [C]: first day without it again


def as_set(
    interventions: Iterable[Intervention] | InterventionSet | None, layout: Layout, size: int | None = None
) -> InterventionSet:
    """Interventions as arrays; ``size`` pads with changes of dose 0 so that sweeps compile once."""
    if isinstance(interventions, InterventionSet):
        return interventions
    chosen: Sequence[Intervention] = list(interventions or [])
    size = max(len(chosen), size or 0)
    pod = layout.person_pod
    start = np.full((size, layout.people), 1e9)
    reached = np.zeros((size, layout.people))
    columns = np.zeros((5, size))
    kind = np.zeros(size, dtype=np.int32)
    end = np.full(size, math.inf)
    columns[1] = 1.0
    for c, change in enumerate(chosen):
        k = KINDS[change.kind]
        kind[c] = KIND_NAMES.index(change.kind)
        start[c] = change.start_day + change.decision_days + change.stagger_days * pod
        reached[c] = _reached(change, layout)
        end[c] = change.end_day
        columns[:, c] = change.dose, max(change.ramp_days, 1e-6), k.needs_adoption, k.learning_load, k.novelty
    return InterventionSet(kind, columns[0], start, columns[1], reached, columns[2], columns[3], columns[4],
                           end)  # fmt: skip


def _reached(change: Intervention, layout: Layout) -> np.ndarray:
    """1.0 [P] for the people a change applies to. Raises InterventionError on pods or physicians that are not there."""
    reached = np.ones(layout.people, dtype=bool)
    if change.pods is not None:
        _check_members(change.kind, "pods", change.pods, layout.pods)
        reached &= np.isin(layout.person_pod, change.pods)
    if change.physicians is not None:
        _check_members(change.kind, "physicians", change.physicians, layout.physicians)
        reached &= np.isin(np.arange(layout.people), change.physicians)
    return reached.astype(float)


def _check_members(kind: str, name: str, members: tuple[int, ...], count: int) -> None:
    if any(not 0 <= member < count for member in members):
        raise InterventionError(f"{kind}: met {name} {members}, expected numbers from 0 to {count - 1}")


def kind_effects(parameters: Parameters, xp: Any) -> Any:
    """Effect of every kind on every lever at dose 1 and full use, array [len(KINDS), len(LEVERS)]."""
    zero = 0.0 * parameters.session_minutes
    rows = []
    for kind in KINDS.values():
        row = []
        for lever in LEVERS:
            name = kind.levers.get(lever)
            row.append(zero if name is None else zero + (getattr(parameters, name) if name else EXTRA_ASSISTANT))
        rows.append(xp.stack([xp.asarray(v) for v in row]))
    return xp.stack(rows)


def rollout(day: Any, start: Any, ramp: Any, reached: Any, xp: Any, end: Any = math.inf) -> Any:
    """Share (0-1) of the full dose in force on ``day``."""
    return reached * xp.minimum(xp.maximum((day + 1.0 - start) / ramp, 0.0), 1.0) * xp.where(day < end, 1.0, 0.0)


def yearly_cost(interventions: Iterable[Intervention], layout: Layout) -> float:
    """USD a year in full use, from the kinds' assumed costs."""
    total = 0.0
    for change in interventions:
        physicians = _reached(change, layout)[: layout.physicians].sum()
        total += KINDS[change.kind].cost_per_physician_year * change.dose * physicians
    return total


def approve(
    proposed: Iterable[Intervention], layout: Layout, budget: float | None = None
) -> tuple[list[Intervention], list[Intervention]]:
    """(approved, refused): proposals in order, as long as their yearly cost stays within ``budget`` USD (None: all)."""
    approved: list[Intervention] = []
    refused: list[Intervention] = []
    for change in proposed:
        within = budget is None or yearly_cost([*approved, change], layout) <= budget
        (approved if within else refused).append(change)
    return approved, refused
