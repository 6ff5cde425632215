"""How much of the promised reduction of burnout each challenge costs: losses, ranks, pairs, themes, communities."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from abm.parameters import ASSUMED
from experiments.effects import LEVEL, estimate
from experiments.implementation.catalogue import COMMUNITIES, THEMES
from experiments.implementation.impact_runs import Clinics, Scenario, Strengths
from experiments.implementation.mechanisms import mapped

TYPICAL, SEVERE = 1.0, 2.0
MOST_PAIRED = 8  # challenges of the highest rank that are combined in pairs
RANK_DRAWS, RANK_SEED = 4000, 0
# Factor by which a strength may be off, either way (log-uniform): where it is assumed, and where a source gives it.
FACTOR_ASSUMED, FACTOR_SOURCED = 2.0, 1.33
Told = Callable[[str], None]


class Promise(NamedTuple):
    """What the programme takes away without challenges, in points of burnout risk, each [replicates, quarters]."""

    with_twin: np.ndarray
    by_chance: np.ndarray  # the same changes spread by chance, without the twin's advice
    level: np.ndarray  # burnout risk without any programme, in %

    @property
    def first_year(self) -> np.ndarray:
        """Points over the first year, [replicates]."""
        return self.with_twin.mean(axis=1)


class Impact(NamedTuple):
    """Tables of a run; ``ranking`` one row a mapped challenge, ``pairs`` one a pair, ``groups`` one a theme or
    community."""

    promise: Promise
    ranking: pd.DataFrame
    pairs: pd.DataFrame
    groups: pd.DataFrame


def promise(clinics: Clinics) -> Promise:
    """The programme's effect where nothing goes wrong."""
    with_twin, by_chance = clinics.reduction([Scenario(), Scenario(twin=False)])
    (level,) = clinics.risk([Scenario(programme=False)])
    return Promise(with_twin, by_chance, level)


def share_lost(reduction: np.ndarray, promised: np.ndarray) -> tuple[float, float, float, float]:
    """(share of the promise lost in %, low, high, standard error) from reductions by replicate, both [R].

    The ratio of means with the jackknife's standard error and Student's t; NaN interval with fewer than two replicates.
    """
    lost = promised - reduction
    share = 100 * lost.mean() / promised.mean()
    n = len(lost)
    if n < 2:
        return share, np.nan, np.nan, np.nan
    left_out = 100 * (lost.sum() - lost) / (promised.sum() - promised)
    error = float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
    half = float(student.ppf(0.5 + LEVEL / 2, n - 1)) * error
    return share, share - half, share + half, error


def ranking(clinics: Clinics, told: Told = lambda _: None) -> pd.DataFrame:
    """Every mapped challenge alone, at typical and severe strength: share of the promise lost with its interval, and
    its rank with an interval from what is assumed."""
    keys = list(mapped())
    told(f"{len(keys)} challenges at typical and severe strength")
    scenarios = [Scenario.of({key: strength}) for key in keys for strength in (TYPICAL, SEVERE)]
    reductions = clinics.reduction(scenarios).mean(axis=-1).reshape(len(keys), 2, -1)
    risk = clinics.risk(scenarios).mean(axis=-1).reshape(len(keys), 2, -1)
    usual = clinics.risk([Scenario()])[0].mean(axis=-1)
    promised = promise(clinics).first_year
    rows = []
    for key, own, level in zip(keys, reductions, risk, strict=True):
        one = mapped()[key]
        row = {"challenge": key, "label": one.challenge.label, "theme": one.challenge.theme}
        row |= {"community": one.challenge.community}
        for name, values, risks in zip(("typical", "severe"), own, level, strict=True):
            lost, low, high, error = share_lost(values, promised)
            row |= {f"{name}_lost": lost, f"{name}_low": low, f"{name}_high": high, f"{name}_error": error}
            row |= {f"{name}_points": float((risks - usual).mean())}
        rows.append(row | {"source": one.source})
    table = pd.DataFrame(rows).sort_values("typical_lost", ascending=False, kind="stable", ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    table[["rank_low", "rank_high"]] = rank_intervals(table)
    return table


def rank_intervals(table: pd.DataFrame) -> np.ndarray:
    """Ranks [challenges, 2] between which the middle 90 % of draws lie when every strength is off by a factor of its
    own (log-uniform, wider where it is assumed) and losses vary by their simulation error."""
    rng = np.random.default_rng(RANK_SEED)
    factor = np.where(table["source"] == ASSUMED, FACTOR_ASSUMED, FACTOR_SOURCED)
    strength = factor ** rng.uniform(-1, 1, (RANK_DRAWS, len(table)))
    typical, severe = table["typical_lost"].to_numpy(), table["severe_lost"].to_numpy()
    lost = np.where(strength <= 1, strength * typical, typical + (strength - 1) * (severe - typical))
    noise = table["typical_error"].fillna(0.0).to_numpy() * rng.standard_normal(lost.shape)
    ranks = 1 + np.argsort(np.argsort(-(lost + noise), axis=1), axis=1)
    return np.percentile(ranks, (50 - 50 * LEVEL, 50 + 50 * LEVEL), axis=0).round().T.astype(int)


def pairs(clinics: Clinics, table: pd.DataFrame, most: int = MOST_PAIRED, told: Told = lambda _: None) -> pd.DataFrame:
    """The highest-ranked challenges two by two at typical strength: share lost together, and the interaction (together
    minus the sum of both alone; below zero: they cost less together), with intervals."""
    keys = list(table["challenge"][:most])
    couples = list(itertools.combinations(keys, 2))
    told(f"{len(couples)} pairs")
    promised = promise(clinics).first_year
    alone = dict(zip(keys, clinics.reduction([Scenario.of({k: TYPICAL}) for k in keys]).mean(axis=-1), strict=True))
    rows = []
    if couples:
        joint = clinics.reduction([Scenario.of(dict.fromkeys(couple, TYPICAL)) for couple in couples]).mean(axis=-1)
        for (a, b), reduction in zip(couples, joint, strict=True):
            lost, low, high, _ = share_lost(reduction, promised)
            # promise - together - (promise - a) - (promise - b) = a + b - promise - together
            extra = share_lost(promised - (alone[a] + alone[b] - promised - reduction), promised)
            rows.append((a, b, lost, low, high, *extra[:3]))
    columns = ["first", "second", "lost", "low", "high", "interaction", "interaction_low", "interaction_high"]
    return pd.DataFrame(rows, columns=columns)


def groups(clinics: Clinics, table: pd.DataFrame, told: Told = lambda _: None) -> pd.DataFrame:
    """Themes and communities: how many challenges are mapped, the mean loss of one, and the loss where all of the group
    come together at typical strength."""
    members: list[tuple[str, str, list[str]]] = []
    for kind, names in (("theme", list(THEMES)), ("community", list(COMMUNITIES))):
        for name in names:
            found = list(table.loc[table[kind] == name, "challenge"])
            if found:
                members.append((kind, name, found))
    told(f"{len(members)} themes and communities")
    promised = promise(clinics).first_year
    joint = clinics.reduction([Scenario.of(dict.fromkeys(keys, TYPICAL)) for _, _, keys in members]).mean(axis=-1)
    losses = table.set_index("challenge")["typical_lost"]
    rows = []
    for (kind, name, keys), reduction in zip(members, joint, strict=True):
        lost, low, high, _ = share_lost(reduction, promised)
        top = losses.loc[keys].idxmax()
        rows.append((kind, name, len(keys), float(losses.loc[keys].mean()), top, lost, low, high))
    columns = ["kind", "group", "mapped", "mean_lost", "worst", "together_lost", "together_low", "together_high"]
    return pd.DataFrame(rows, columns=columns)


def assess(clinics: Clinics, most_paired: int = MOST_PAIRED, told: Told = lambda _: None) -> Impact:
    """All tables."""
    table = ranking(clinics, told)
    return Impact(promise(clinics), table, pairs(clinics, table, most_paired, told), groups(clinics, table, told))


def one_by_one(clinics: Clinics, strengths: Strengths) -> pd.DataFrame:
    """What solving each challenge alone buys back while the others stay: points of burnout risk over the first year
    with intervals, the most first. Of a standing challenge that includes the harm it does without the programme."""
    there = {key: s for key, s in strengths.items() if s > 0}
    solved = [Scenario.of({k: s for k, s in there.items() if k != key}) for key in there]
    risk = clinics.risk([Scenario.of(there), *solved]).mean(axis=-1)
    rows = []
    for (key, strength), left in zip(there.items(), risk[1:], strict=True):
        gain = estimate(risk[0] - left)
        one = mapped()[key].challenge
        rows.append((key, one.label, one.theme, one.construct, strength, *map(float, gain[:3])))
    columns = ["challenge", "label", "theme", "construct", "strength", "bought_back", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("bought_back", ascending=False, kind="stable", ignore_index=True)


def known_strengths(strengths: Mapping[str, float]) -> dict[str, float]:
    """Strengths of the mapped challenges among those given."""
    return {key: value for key, value in strengths.items() if key in mapped()}


def top(table: pd.DataFrame, count: int = 10) -> Sequence[str]:
    """Sentences of the highest-ranked challenges."""
    return [
        f"{int(row.rank)}. {row.label}: {row.typical_lost:.1f} % of the promise lost at typical strength "
        f"({row.typical_low:.1f} to {row.typical_high:.1f}), {row.severe_lost:.1f} % at severe "
        f"({row.severe_low:.1f} to {row.severe_high:.1f}); rank {row.rank_low} to {row.rank_high} if strengths are off."
        for row in table.head(count).itertuples()
    ]
