"""The paper's 80 challenges as data, and every count of it computed: sources, overlap, themes, constructs."""

from __future__ import annotations

import dataclasses
import functools

import pandas as pd

from abm.spelling import nearest
from experiments.implementation.frames import DATA, NONE, ImplementationError, load_frame
from experiments.implementation.records import read_records

PAPER = "seed paper: digital twin for provider workload in a family-medicine clinic, CFIR 2.0 against the literature"
SHARED, INTERVIEWS_ONLY, LITERATURE_ONLY = "shared", "CFIR only", "literature only"
COMMUNITIES = (SHARED, INTERVIEWS_ONLY, LITERATURE_ONLY)
INTERVIEWS, LITERATURE = "cfir-interviews", "dt-literature"  # names of the paper's two sources
COLUMNS = ("key", "theme", "label", "named", "in_interviews", "in_literature", "references", "construct", "note")
# Definitions after the paper, section 4, in our own words.
THEMES = {
    "technological": "developing, integrating and scaling the twin",
    "data-related": "getting, managing, checking and securely exchanging data",
    "financial and economic": "investment, upkeep, return and budgets",
    "regulatory and ethical": "law, regulation, ethics, patients' privacy",
    "organizational": "structure and culture of the institution",
    "operational": "testing, training and fitting the twin into workflows",
    "personnel": "people who must build, adopt and use it",
}
WITHOUT_THEME = "theme not known"  # of the two that the paper counts and does not name


@dataclasses.dataclass(frozen=True)
class Challenge:
    """One challenge. ``construct`` is a CFIR 2.0 construct or 'none': our assignment, since the paper's own is not in
    its text; ``references`` are the paper's numbers."""

    key: str
    theme: str
    label: str
    named: bool
    in_interviews: bool
    in_literature: bool
    references: tuple[int, ...]
    construct: str
    note: str = ""

    @property
    def community(self) -> str:
        """Who knows of it: shared, CFIR only, literature only."""
        if self.in_interviews and self.in_literature:
            return SHARED
        return INTERVIEWS_ONLY if self.in_interviews else LITERATURE_ONLY


@functools.cache
def challenges() -> tuple[Challenge, ...]:
    """All entries of the catalogue, in the order of the paper's tables, the unnamed ones last."""
    frame = load_frame()
    rows = read_records(DATA / "challenges.csv", required=COLUMNS, unique=("key", "label"))
    found = []
    for row in rows:
        if row["theme"] not in THEMES and row["named"] == "1":
            raise ImplementationError(f"{row.where}theme: met {row['theme']!r}, expected one of {', '.join(THEMES)}")
        found.append(
            Challenge(
                row["key"],
                row["theme"] or WITHOUT_THEME,
                row["label"],
                row["named"] == "1",
                row["in_interviews"] == "1",
                row["in_literature"] == "1",
                tuple(int(number) for number in row["references"].split()),
                frame.check(row["construct"], row.where),
                row["note"],
            )
        )
    return tuple(found)


@functools.cache
def by_key() -> dict[str, Challenge]:
    """The catalogue by key."""
    return {challenge.key: challenge for challenge in challenges()}


def challenge(key: str, where: str = "") -> Challenge:
    """One entry. Raises ImplementationError with the nearest right key."""
    if key not in by_key():
        raise ImplementationError(
            f"{where}unknown challenge {key!r:.80}{nearest(key, by_key())}; `clinictwin challenges list` shows all"
        )
    return by_key()[key]


def table() -> pd.DataFrame:
    """One row a challenge."""
    rows = [dataclasses.asdict(one) | {"community": one.community} for one in challenges()]
    frame = pd.DataFrame(rows)
    frame["references"] = [" ".join(map(str, numbers)) for numbers in frame["references"]]
    return frame


def counts() -> dict[str, int]:
    """The paper's headline counts, computed."""
    found = challenges()
    of = {community: sum(one.community == community for one in found) for community in COMMUNITIES}
    return {
        "all": len(found),
        "named": sum(one.named for one in found),
        "found by CFIR 2.0": sum(one.in_interviews for one in found),
        "found in the literature": sum(one.in_literature for one in found),
    } | of


def by_theme() -> pd.DataFrame:
    """Number of challenges by theme (rows, those without one last) and community (columns), with totals: the cells of
    the paper's tables 2, 3 and 4."""
    rows = table()
    cells = pd.crosstab(rows["theme"], rows["community"])
    cells = cells.reindex(index=[*THEMES, WITHOUT_THEME], columns=list(COMMUNITIES), fill_value=0)
    cells["all"] = cells.sum(axis=1)
    cells.loc["all"] = cells.sum(axis=0)
    cells.columns.name = None
    return cells


def by_domain() -> pd.DataFrame:
    """Number of challenges by CFIR 2.0 domain of our assignment (rows; 'none' last) and theme (columns)."""
    frame = load_frame()
    rows = table()
    domains = {d.key: d.name for d in frame.domains} | {NONE: "none of CFIR 2.0"}
    of = [frame.domain_of(code) for code in rows["construct"]]
    rows["domain"] = [domains[NONE if domain is None else domain.key] for domain in of]
    cells = pd.crosstab(rows["domain"], rows["theme"])
    return cells.reindex(index=list(domains.values()), columns=[*THEMES, WITHOUT_THEME], fill_value=0)


def notes() -> list[str]:
    """Where the paper's own tables and counts differ, and what stands behind our additions."""
    found = challenges()
    literature = [one for one in found if one.community == LITERATURE_ONLY]
    named = sum(one.named for one in literature)
    return [
        f"The paper counts {len(literature)} challenges of the literature alone (text and figure 3); its table 4 names "
        f"{named}. The catalogue holds the other {len(literature) - named} as entries that say so, without a theme.",
        "The construct of each challenge is our assignment: the paper's supplementary table is not part of its text. "
        "Challenges that only the literature names are coded 'none', since the CFIR-guided interviews did not "
        "bring them up; that says what the interviews found, not that no construct could have.",
        *(f"{one.label}: {one.note}" for one in found if one.note and one.named),
        "Two quotes in the paper are by an 'organizational scientist', a group that its table 1 does not have "
        "(organizational psychologist is meant).",
    ]


def missed_by_cfir() -> str:
    """The paper's reading of its table 4, with its numbers computed from the named entries."""
    named = [one for one in challenges() if one.community == LITERATURE_ONLY and one.named]
    technical = sum(one.theme in ("technological", "data-related") for one in named)
    return (
        f"{technical} of the {len(named)} named challenges that CFIR-guided interviews missed are technological or "
        "data-related."
    )
