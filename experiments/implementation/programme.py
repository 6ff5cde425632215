"""The programme that a twin brings about, as the engine runs it under the settings that challenges move."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from abm.interventions import KINDS, Intervention
from abm.layout import Layout
from experiments.implementation.clinic_runs import GO_LIVE, Planned
from experiments.implementation.frames import shipped
from experiments.implementation.quantities import SETTINGS

TWIN = "twin_advice"
MOST_CHANGES = 4 + 1 + 3 + 1  # parts, a trial, useless ones, a mistake
NO_DOSE = 1e-6  # of a change that takes no work away, and is learned all the same


def parts() -> dict[str, dict[str, Any]]:
    """The programme's parts by kind of intervention."""
    return shipped("programme")["parts"]


def budget() -> float:
    """USD a physician and year of the whole programme, from the kinds' assumed costs."""
    total = 0.0
    for kind, part in parts().items():
        share = shipped("programme")["targeted_share"] if part.get("targeted") else 1.0
        total += KINDS[kind].cost_per_physician_year * part["dose"] * share
    return total


def targeted_count(layout: Layout) -> int:
    """Physicians who get the targeted part."""
    return round(shipped("programme")["targeted_share"] * layout.physicians)


def programme(
    settings: Mapping[str, float], targets: tuple[int, ...], layout: Layout, with_twin: bool = True
) -> tuple[Planned, ...]:
    """The changes as they are made. ``targets``: who gets the targeted part; without the twin's advice if not
    ``with_twin``."""
    of = {name: settings.get(name, setting.usual) for name, setting in SETTINGS.items()}
    start = GO_LIVE + of["delay_days"] + of["trial_days"]
    pods = _reached(of["reach_share"], layout)
    share = of["dose_share"] * max(1.0 - of["extra_cost"] / budget(), 0.0)
    kept = int(of["quarters_kept"])
    changes = []
    for kind, part in parts().items():
        if kind == TWIN and not with_twin:
            continue
        dose = part["dose"] * (1.0 if kind == TWIN else share * of.get(kind, 1.0))
        who = targets if part.get("targeted") else None
        if dose > 0 and pods != () and who != ():
            changes.append(
                Planned(
                    Intervention(kind, dose, start, of["ramp_days"], of["stagger_days"], pods=pods, physicians=who),
                    kept,
                )
            )
    if of["trial_days"] > 0:
        changes.append(Planned(Intervention(TWIN, 1.0, GO_LIVE + of["delay_days"], pods=pods)))
    for number in range(math.ceil(of["useless_changes"])):
        changes.append(_useless(min(of["useless_changes"] - number, 1.0), start, kept))
    if of["mistake_quarters"] > 0:
        changes.append(_useless(1.0, start, int(of["mistake_quarters"])))
    return tuple(changes)


def _useless(size: float, start: float, quarters: int) -> Planned:
    """A documentation tool that has to be learned and takes no work away."""
    return Planned(Intervention("ai_scribe", NO_DOSE, start), quarters, size / NO_DOSE)


def _reached(share: float, layout: Layout) -> tuple[int, ...] | None:
    """Pods reached, the same for all replicates; None: all."""
    count = round(share * layout.pods)
    return None if count >= layout.pods else tuple(range(count))


def targets_of(
    score_order: tuple[int, ...], count: int, wrong_share: float, layout: Layout, replicate: int
) -> tuple[int, ...]:
    """The ``count`` first of ``score_order`` [N], a share of them replaced by physicians chosen by chance.

    The chance is the replicate's own and the same for every share, so that more wrong targets contain fewer.
    """
    right = list(score_order[:count])
    rng = np.random.default_rng([replicate, layout.physicians])
    wrong = round(wrong_share * count)
    by_chance = rng.permutation(layout.physicians).tolist()
    keep = right[: count - wrong]
    keep += [who for who in by_chance if who not in keep][:wrong]
    return tuple(sorted(keep))
