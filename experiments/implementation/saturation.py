"""Saturation: whether more interviews would have found more challenges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import NamedTuple

import pandas as pd

BASE, RUN, THRESHOLD = 4, 2, 0.05  # Guest, Namey and Chen 2020, PLoS ONE 15:e0232076


class Saturation(NamedTuple):
    """``curve``: interviews, found in the order held, expected over all orders, new ones and their share of the base;
    ``unseen``: estimate (a lower bound) of challenges that no interview brought up, None with one interview."""

    curve: pd.DataFrame
    unseen: float | None
    sentence: str


def saturation(found: Mapping[str, Sequence[str]]) -> Saturation:
    """Saturation of challenges by interview (in the order held).

    The expected curve is the sample-based rarefaction curve (Colwell et al. 2012); the number unseen is Chao's
    bias-corrected incidence estimator (Chao2). New information is the share of new challenges in a run of interviews
    relative to those of the base of the first ones (Guest, Namey and Chen 2020).
    """
    interviews = [set(challenges) for challenges in found.values()]
    n = len(interviews)
    incidence: dict[str, int] = {}
    for challenges in interviews:
        for challenge in challenges:
            incidence[challenge] = incidence.get(challenge, 0) + 1
    seen: set[str] = set()
    base = len(set().union(*interviews[:BASE]))
    rows = []
    for k, challenges in enumerate(interviews, start=1):
        new = len(challenges - seen)
        seen |= challenges
        expected = sum(1 - comb(n - times, k) / comb(n, k) for times in incidence.values())
        rows.append((k, len(seen), expected, new))
    curve = pd.DataFrame(rows, columns=["interviews", "found", "expected", "new"])
    run = curve["new"].rolling(RUN).sum()
    curve["new_information"] = (run / base).where(curve["interviews"] >= BASE + RUN) if base else float("nan")
    once, twice = (sum(times == t for times in incidence.values()) for t in (1, 2))
    unseen = (n - 1) / n * once * (once - 1) / (2 * (twice + 1)) if n > 1 else None
    return Saturation(curve, unseen, _sentence(curve, len(seen), unseen))


def _sentence(curve: pd.DataFrame, total: int, unseen: float | None) -> str:
    reached = curve.loc[curve["new_information"] <= THRESHOLD, "interviews"]
    n = len(curve)
    if n < BASE + RUN:
        words = f"{n} interviews are too few to tell saturation (a base of {BASE} and a run of {RUN} are needed)"
    elif reached.empty:
        words = f"the last {RUN} of {n} interviews still brought more than {100 * THRESHOLD:.0f} % new challenges"
    else:
        words = f"from interview {int(reached.iloc[0])} on, {RUN} in a row brought {100 * THRESHOLD:.0f} % or less new"
    guess = "" if unseen is None else f"; about {unseen:.0f} more may not have been named at all (Chao2, a lower bound)"
    return f"{total} challenges: {words}{guess}."
