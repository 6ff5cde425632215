"""Which changes an advice tries: every kind, for the clinic, its most strained pod, or its most strained physicians."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from abm.interventions import KIND_NAMES, Intervention
from abm.layout import Layout
from abm.spelling import nearest
from experiments.decisions.errors import DecisionError
from experiments.decisions.policies import CLINIC, FEW, POD, POLICIES
from experiments.outcome_groups import WEEK_DAYS
from experiments.report_words import listed

DOSE = 1.0  # of every change tried; each kind says what it means
FEW_SHARE = 0.1  # of the physicians who are called the most strained (assumed)


class Option(NamedTuple):
    """A change of some kind for somebody."""

    kind: str
    reach: str
    who: str  # in words
    pods: tuple[int, ...] | None
    physicians: tuple[int, ...] | None
    start: dt.date

    def change(self, start_day: int) -> Intervention:
        """For a simulation in which it starts on that day."""
        return Intervention(self.kind, DOSE, start_day, pods=self.pods, physicians=self.physicians)

    def members(self, layout: Layout) -> np.ndarray:
        """Whether it reaches each physician, [N]."""
        reached = np.ones(layout.physicians, bool)
        if self.pods is not None:
            reached &= np.isin(layout.person_pod[: layout.physicians], self.pods)
        if self.physicians is not None:
            reached &= np.isin(np.arange(layout.physicians), self.physicians)
        return reached


def options_for(risk: np.ndarray, layout: Layout, who: tuple[str, ...], date: dt.date,
                in_force: Iterable[Intervention], kinds: Iterable[str] | None = None) -> list[Option]:  # fmt: skip
    """Options on a date, for physicians whose ``risk`` [N] is what it is if nothing is changed.

    What is in force already for the same people is not offered again, nor a pod where there is only one. Raises
    DecisionError on an unknown kind.
    """
    chosen = tuple(POLICIES) if kinds is None else tuple(kinds)
    for kind in chosen:
        if kind not in POLICIES:
            raise DecisionError(f"kind: met {kind!r}{nearest(kind, KIND_NAMES)}, expected of {', '.join(POLICIES)}")
    taken = {(change.kind, change.pods, change.physicians) for change in in_force if math.isinf(change.end_day)}
    found = []
    for kind in dict.fromkeys(chosen):
        for reach in POLICIES[kind].reaches:
            if reach == POD and layout.pods == 1:
                continue
            option = _option(kind, reach, risk, layout, who, date)
            if not {(kind, None, None), (kind, option.pods, option.physicians)} & taken:
                found.append(option)
    return found


def _option(kind: str, reach: str, risk: np.ndarray, layout: Layout, who: tuple[str, ...], date: dt.date) -> Option:
    ready = date + dt.timedelta(days=POLICIES[kind].lead_days)
    start = ready + dt.timedelta(days=-ready.weekday() % WEEK_DAYS)  # a Monday
    if reach == CLINIC:
        return Option(kind, reach, "the whole clinic", None, None, start)
    if reach == POD:
        pod_of = layout.person_pod[: layout.physicians]
        pod = int(np.argmax([risk[pod_of == pod].mean() for pod in range(layout.pods)]))
        return Option(kind, reach, f"pod {pod}, the most strained", (pod,), None, start)
    assert reach == FEW
    count = max(1, round(FEW_SHARE * layout.physicians))
    few = tuple(sorted(int(i) for i in np.argsort(-risk, kind="stable")[:count]))
    return Option(kind, reach, listed([who[i] for i in few]), None, few, start)
