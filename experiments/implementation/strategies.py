"""Implementation strategies: which challenges they relieve, what they cost, and what they buy back."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import pandas as pd

from experiments.effects import estimate
from experiments.implementation.frames import ImplementationError, shipped
from experiments.implementation.impact_runs import Clinics, Scenario, Strengths
from experiments.implementation.mechanisms import mapped
from experiments.implementation.quantities import Move, bounds

# Strength of every mapped challenge in the clinic on which strategies are tried if none is given: a tenth of typical
# (assumed). All of them together at a quarter of it already leave nothing of the promise.
PROFILE_STRENGTH = 0.1


@dataclasses.dataclass(frozen=True)
class Strategy:
    """One strategy: ``relieves`` challenge -> share (0-1) of its strength taken away; ``moves`` of the programme."""

    key: str
    name: str
    about: str
    usd_per_physician: float
    relieves: Mapping[str, float]
    moves: tuple[Move, ...]

    def after(self, strengths: Strengths) -> dict[str, float]:
        """The strengths that are left."""
        return {key: s * (1.0 - self.relieves.get(key, 0.0)) for key, s in strengths.items()}


@functools.cache
def strategies() -> tuple[Strategy, ...]:
    """All strategies that ship. Raises ImplementationError on a challenge that is not mapped or a share out of 0-1."""
    found = []
    for key, row in shipped("strategies").items():
        for challenge, share in row["relieves"].items():
            if challenge not in mapped() or not 0 <= share <= 1:
                raise ImplementationError(
                    f"strategies: {key}: met {challenge} {share}, expected a mapped challenge and a share of 0 to 1"
                )
        moves = []
        for quantity, value in row.get("moves", {}).items():
            kind, _, name = quantity.partition(" ")
            bounds(kind, name)
            moves.append(Move(kind, name, float(value), float(value)))
        found.append(Strategy(key, row["name"], row["about"], row["usd_per_physician"], row["relieves"], tuple(moves)))
    return tuple(found)


def usual_profile() -> dict[str, float]:
    """The clinic on which strategies are tried: every mapped challenge a little."""
    return dict.fromkeys(mapped(), PROFILE_STRENGTH)


def bought_back(clinics: Clinics, strengths: Strengths, chosen: Sequence[Strategy] | None = None) -> pd.DataFrame:
    """What each strategy buys back in a clinic of these strengths: points of burnout risk over the first year with an
    interval, and points for each 1,000 USD a physician; the most per cost first."""
    chosen = strategies() if chosen is None else chosen
    scenarios = [Scenario.of(strengths), *(Scenario.of(one.after(strengths), moves=one.moves) for one in chosen)]
    risk = clinics.risk(scenarios).mean(axis=-1)
    rows = []
    for one, left in zip(chosen, risk[1:], strict=True):
        gain = estimate(risk[0] - left)
        thousands = one.usd_per_physician / 1000
        touched = sum(1 for key in one.relieves if strengths.get(key, 0) > 0)
        points = [float(v) for v in gain[:3]]
        rows.append((one.key, one.name, touched, *points, one.usd_per_physician, *(p / thousands for p in points)))
    columns = [
        "strategy",
        "name",
        "challenges_relieved",
        "bought_back",
        "low",
        "high",
        "usd_per_physician",
        "per_1000_usd",
        "per_1000_usd_low",
        "per_1000_usd_high",
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("per_1000_usd", ascending=False, kind="stable", ignore_index=True)
