"""A clinic's own answers: CFIR constructs rated -2 to +2, turned into strengths of challenges and an order to act."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.effects import estimate
from experiments.implementation.catalogue import challenge, challenges
from experiments.implementation.frames import NONE, Frame, ImplementationError, load_frame
from experiments.implementation.impact import known_strengths, one_by_one, promise, share_lost
from experiments.implementation.impact_figures import bought_back_figure
from experiments.implementation.impact_runs import Clinics, Scenario
from experiments.implementation.mechanisms import mapped
from experiments.implementation.pages import Part, write_page
from experiments.implementation.strategies import bought_back
from experiments.yaml_source import ConfigError, Source, read_yaml

LOWEST, HIGHEST = -2, 2  # of a rating: Damschroder and Lowery 2013, Implementation Science 8:51
KEYS = ("constructs", "challenges")
COUNTS_FOR_EACH = (
    "A construct's rating counts for each challenge that lies under it, so that a few barriers add up to many "
    "challenges; rate challenges by themselves where only some are there."
)


@dataclasses.dataclass(frozen=True)
class Answers:
    """Ratings by construct (means of its sub-constructs where those were rated) and by challenge, -2 to +2."""

    constructs: Mapping[str, float]
    challenges: Mapping[str, float]

    @property
    def strengths(self) -> dict[str, float]:
        """Strength of every challenge that was rated, by itself or by its construct: a rating of -1 is typical, -2
        severe, 0 and above none."""
        found = {}
        for one in challenges():
            rating = self.challenges.get(one.key, self.constructs.get(one.construct))
            if rating is not None:
                found[one.key] = max(0.0, -float(rating))
        return found


def read_answers(path: Path) -> Answers:
    """Answers from a YAML file with the keys constructs and challenges. Raises ImplementationError, with the line."""
    try:
        source = read_yaml(path)
    except ConfigError as error:
        raise ImplementationError(str(error)) from None
    content = source.content
    if not isinstance(content, dict) or not content:
        raise ImplementationError(
            f"{path}: met no answers, expected the keys {' and '.join(KEYS)}; "
            "`clinictwin challenges answers` writes a form"
        )
    for key in content:
        if key not in KEYS:
            raise ImplementationError(
                f"{source.where((key,))}: unknown key {key!r:.40} (expected {' and '.join(KEYS)})"
            )
    frame, by_construct, by_challenge = load_frame(), {}, {}
    for name, rating in _ratings(source, "constructs").items():
        where = f"{source.where(('constructs', name))}: "
        code = frame.construct_of(frame.check(name, where))
        if code == NONE:
            raise ImplementationError(f"{where}met {name!r}, expected a construct; rate challenges under 'challenges'")
        by_construct.setdefault(code, []).append(rating)
    for name, rating in _ratings(source, "challenges").items():
        by_challenge[challenge(name, f"{source.where(('challenges', name))}: ").key] = rating
    if not by_construct and not by_challenge:
        raise ImplementationError(f"{path}: met no rating, expected at least one")
    return Answers({code: sum(all_) / len(all_) for code, all_ in by_construct.items()}, by_challenge)


def _ratings(source: Source, key: str) -> dict[str, float]:
    said: Any = source.content.get(key) or {}
    if not isinstance(said, dict):
        raise ImplementationError(f"{source.where((key,))}: {key}: met {said!r:.60}, expected names with ratings")
    for name, rating in said.items():
        if isinstance(rating, bool) or not isinstance(rating, int | float) or not LOWEST <= rating <= HIGHEST:
            raise ImplementationError(
                f"{source.where((key, str(name)))}: {name}: met {rating!r:.40}, expected a number "
                f"from {LOWEST} (strong barrier) over 0 (neutral) to {HIGHEST} (strong help)"
            )
    return {str(name): float(rating) for name, rating in said.items()}


def form(frame: Frame | None = None) -> str:
    """A YAML form to fill in: every construct, and the challenges that lie in none, at 0."""
    frame = frame or load_frame()
    lines = [
        "# Rate each from -2 (strong barrier) over 0 (neutral or mixed) to 2 (strong help); delete what nobody knows.",
        "constructs:",
    ]
    for domain in frame.domains:
        lines.append(f"  # {domain.name}")
        lines += [f"  {c.key}: 0  # {c.meaning}" for c in domain.constructs]
    lines += ["# Challenges that no construct covers, or that you want to rate by themselves:", "challenges:"]
    lines += [f"  {one.key}: 0  # {one.label}" for one in challenges() if one.construct == NONE and one.key in mapped()]
    return "\n".join([*lines, ""])


def write_readiness(answers: Answers, clinics: Clinics, folder: Path) -> Path:
    """What stands in this clinic's way, in which order to act, what strategies buy back; returns the page's path."""
    strengths = known_strengths(answers.strengths)
    barriers = {key: s for key, s in strengths.items() if s > 0}
    lead = [_unknown(answers)]
    parts: list[Part] = []
    if barriers:
        promised = promise(clinics).first_year
        left = clinics.reduction([Scenario.of(barriers)])[0].mean(axis=-1)
        lost, low, high, _ = share_lost(left, promised)
        expected = estimate(left)
        order, options = one_by_one(clinics, barriers), bought_back(clinics, barriers)
        options = options[options["challenges_relieved"] > 0].reset_index(drop=True)
        lead = [
            f"Without obstacles the programme takes {promised.mean():.1f} points of burnout risk away in the first "
            f"year. With yours it is {float(expected.mean):.1f} ({float(expected.low):.1f} to "
            f"{float(expected.high):.1f}): {lost:.0f} % of the promise is lost ({low:.0f} to {high:.0f})"
            + (", which leaves the clinic worse off in that year than without the programme." if lost > 100 else "."),
            f"Act first on: {'; '.join(order['label'].head(3))}.",
            *lead,
        ]
        parts = [
            Part(
                "In which order to act",
                [
                    "Points of burnout risk (first year) that solving this one alone buys back "
                    "while the others stay, with 90 % intervals."
                ],
                tables=[("order", "Challenges by what solving them buys back.", order)],
                figures=[("order", "What solving each challenge buys back.", bought_back_figure(order, "label"))],
            ),
            Part(
                "Which strategy",
                ["What each strategy buys back here, and for its cost; shares and costs are assumed."],
                tables=[("strategies", "Strategies by points for each 1,000 USD a physician.", options)],
            ),
        ]
    else:
        lead.insert(
            0, "No construct was rated as a barrier (below 0), so nothing of the promise is lost by this account."
        )
    parts.append(Part("What helps", items=_helps(answers)))
    ratings = [("answers", "Strength of each challenge: 0 none, 1 typical, 2 severe.", answers_table(answers))]
    parts.append(Part("Strengths from your answers", [COUNTS_FOR_EACH], tables=ratings))
    outside = [challenge(k).label for k, s in answers.strengths.items() if s > 0 and k not in mapped()]
    if outside:
        parts.append(Part("Barriers that the model cannot weigh", items=outside))
    return write_page(folder, "readiness", "Readiness for the twin", lead, parts)


def _unknown(answers: Answers) -> str:
    silent = [c.name for c in load_frame().constructs if c.key not in answers.constructs]
    return f"{len(silent)} constructs were not rated and count as no barrier" + (
        f": {', '.join(silent)}." if silent else "."
    )


def _helps(answers: Answers) -> list[str]:
    names = {c.key: c.name for c in load_frame().constructs} | {one.key: one.label for one in challenges()}
    both = {**answers.constructs, **answers.challenges}
    return [f"{names[key]} ({rating:+g})" for key, rating in both.items() if rating > 0] or [
        "Nothing was rated above 0."
    ]


def answers_table(answers: Answers) -> pd.DataFrame:
    """The strengths that the ratings make, one row a challenge that was rated."""
    rows = [
        (one.key, one.construct, answers.strengths[one.key]) for one in challenges() if one.key in answers.strengths
    ]
    return pd.DataFrame(rows, columns=["challenge", "construct", "strength"])
