"""The report of simulated impact: what the promise is, what each challenge costs of it, and how far to trust that."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from experiments.effects import Estimate, estimate
from experiments.implementation import impact_figures as figures
from experiments.implementation.catalogue import COMMUNITIES
from experiments.implementation.frames import shipped
from experiments.implementation.impact import (
    FACTOR_ASSUMED,
    FACTOR_SOURCED,
    MOST_PAIRED,
    Impact,
    Promise,
    Told,
    assess,
    top,
)
from experiments.implementation.impact_runs import Clinics
from experiments.implementation.mechanisms import mapped, mechanisms
from experiments.implementation.pages import Part, write_page
from experiments.implementation.programme import budget
from experiments.implementation.strategies import PROFILE_STRENGTH, bought_back, usual_profile


def write_impact(
    clinics: Clinics, folder: Path, most_paired: int = MOST_PAIRED, told: Told = lambda _: None
) -> tuple[Path, Impact]:
    """Simulate everything and write the page, its tables and figures; returns the page's path and the tables."""
    found = assess(clinics, most_paired, told)
    told("strategies")
    strategies = bought_back(clinics, usual_profile())
    labels = {key: one.challenge.label for key, one in mapped().items()}
    parts = [
        Part("The promise", _promise(found.promise), items=_programme()),
        Part(
            "What each challenge costs",
            items=[*top(found.ranking), *_first_of_communities(found.ranking)],
            tables=[
                (
                    "ranking",
                    "Every mapped challenge alone: share of the promise lost (%), with 90 % intervals over "
                    "simulated clinics; ranks between which the middle 90 % lie if strengths are off.",
                    found.ranking,
                ),
            ],
            figures=[
                (
                    "tornado",
                    "Share of the promised reduction lost, highest-ranked challenges.",
                    figures.tornado(found.ranking),
                )
            ],
        ),
        Part(
            "Themes and communities",
            [_group_words(found.groups)],
            tables=[("groups", "By theme and community, at typical strength.", found.groups)],
            figures=[
                (
                    "groups",
                    "Loss by theme and community; in brackets the challenges mapped.",
                    figures.groups_figure(found.groups),
                )
            ],
        ),
        Part(
            "Strategies",
            [
                f"Tried in a clinic in which every mapped challenge is there at {PROFILE_STRENGTH:g} of typical "
                "strength. Shares relieved and costs are assumed; `clinictwin challenges readiness` takes your answers."
            ],
            tables=[("strategies", "What each strategy buys back, the most for its cost first.", strategies)],
            figures=[
                (
                    "strategies",
                    "Points bought back for each 1,000 USD a physician.",
                    figures.bought_back_figure(
                        strategies,
                        "name",
                        "per_1000_usd",
                        "per_1000_usd_low",
                        "per_1000_usd_high",
                        "points of burnout risk for 1,000 USD a physician, first year",
                    ),
                )
            ],
        ),
        Part("How far to trust this", items=_limits(clinics, found)),
        Part("Mappings", items=[one.sentence for one in mechanisms().values()]),
    ]
    if len(found.pairs):
        parts.insert(
            2,
            Part(
                "Pairs",
                [
                    "Together minus the sum of both alone: below zero, two cost less than their sum, "
                    "since what is lost once cannot be lost twice."
                ],
                tables=[("pairs", "Pairs at typical strength (% of the promise).", found.pairs)],
                figures=[
                    (
                        "interactions",
                        "Interaction of pairs (% of the promise).",
                        figures.interactions(found.pairs, labels),
                    )
                ],
            ),
        )
    page = write_page(folder, "impact", "What challenges cost in burnout", [*_promise(found.promise)], parts)
    return page, found


def _promise(promise: Promise) -> list[str]:
    year, end, level = (estimate(v) for v in (promise.first_year, promise.with_twin[:, -1], promise.level.mean(axis=1)))
    by_quarter = promise.with_twin - promise.by_chance
    own, first, last = (estimate(v) for v in (by_quarter.mean(axis=1), by_quarter[:, 0], by_quarter[:, -1]))
    clear = "which cannot be told from zero" if float(own.low) <= 0 <= float(own.high) else "which differs from zero"
    known = "" if float(year.low) > 0 else " It cannot be told from zero, so shares of it mean nothing."
    return [
        f"The promise: with the programme that the twin steers, mean burnout risk over the first year is "
        f"{_with_interval(year, 1)} points lower than without any change ({float(level.mean):.1f} %); in its last "
        f"quarter {_with_interval(end, 1)} points.{known}",
        f"What of it is the twin's own: the same changes spread by chance and without its advice give "
        f"{promise.by_chance.mean():.1f} points, so the twin adds {_with_interval(own, 2)}, {clear}; in the first "
        f"quarter, when it has to be learned, {_with_interval(first, 2)}, in the last {_with_interval(last, 2)}.",
    ]


def _with_interval(value: Estimate, digits: int) -> str:
    return f"{float(value.mean):.{digits}f} ({float(value.low):.{digits}f} to {float(value.high):.{digits}f})"


def _programme() -> list[str]:
    content = shipped("programme")
    share = 100 * content["targeted_share"]
    words = [
        f"{kind.replace('_', ' ')}, dose {part['dose']:g}: {part['about']}"
        + (
            f" (the {share:.0f} % of physicians at the highest risk in the twin's picture)"
            if part.get("targeted")
            else ""
        )
        for kind, part in content["parts"].items()
    ]
    return [*words, f"Its cost is {budget():,.0f} USD a physician and year (assumed), lost visits not counted."]


def _group_words(groups: pd.DataFrame) -> str:
    themes = groups[(groups["kind"] == "theme") & (groups["mapped"] > 1)]
    worst = themes.loc[themes["mean_lost"].idxmax()]
    least = themes.loc[themes["mean_lost"].idxmin()]
    return (
        f"One {worst['group']} challenge costs {worst['mean_lost']:.1f} % of the promise on average, one that is "
        f"{least['group']} {least['mean_lost']:.1f} %."
    )


def _first_of_communities(ranking: pd.DataFrame) -> list[str]:
    rows = [ranking[ranking["community"] == name].head(1) for name in COMMUNITIES]
    return [
        f"The highest-ranked that is {row.community}: {row.label}, rank {int(row.rank)}."
        for one in rows
        for row in one.itertuples()
    ]


def _limits(clinics: Clinics, found: Impact) -> list[str]:
    sourced = [one.challenge.label for one in mapped().values() if one.source != "assumed"]
    ranks = found.ranking
    steady = int((ranks["rank_high"] <= 10).sum())
    outside = [one.challenge.label for one in mechanisms().values() if not one.mapped]
    return [
        f"{len(mapped())} of {len(mechanisms())} challenges are mapped. Out of the model's reach: "
        f"{'; '.join(outside)}.",
        f"Strengths with a source, in part: {'; '.join(sourced)}. All others are assumed: read the ranking as what "
        "follows from the strengths listed below, not as a finding on clinics.",
        f"If every assumed strength is off by up to {FACTOR_ASSUMED:g} times either way (sourced: {FACTOR_SOURCED:g}), "
        f"{steady} challenges stay among the first ten in 95 % of draws; "
        "the columns rank_low and rank_high show how far each moves.",
        f"Intervals are of the mean over {clinics.replicates} replicates of one simulated clinic on common random "
        "numbers; they do not hold the uncertainty of the model, which is larger.",
        "The promise is counted over the first year, so that delay and learning count; later years would weigh lasting "
        "losses more and delays less.",
        "Challenges begin at the go-live. Standing ones (as staffing) act on the clinic without the programme too, so "
        "their loss is of the programme's effect, and not their own harm to the clinic (column *_points has the "
        "burnout risk with the programme against that of the promise).",
        "Stream faults act through the twin's picture of the eight weeks before the go-live: they blur who is "
        "helped and how right the advice is. In this model it matters little who gets protected time, so that bad "
        "data cost little burnout; that is a property of the programme and of the model, and no licence for bad data.",
        "The model knows no patient safety, no law and no fairness of decisions: a challenge that costs no burnout can "
        "still forbid the twin.",
    ]
