"""Two or more sources of challenges set against each other: what they share, what each has alone, by theme."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from abm.spelling import nearest
from experiments.implementation.catalogue import THEMES, WITHOUT_THEME
from experiments.implementation.frames import ImplementationError
from experiments.implementation.masking import mask_label
from experiments.implementation.merging import plain
from experiments.implementation.records import check_unique, read_records

MOST_SOURCES = 8


@dataclasses.dataclass(frozen=True)
class Source:
    """One source: its name, and the theme of each challenge by label."""

    name: str
    theme_by_label: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """``table``: one row a challenge with label, theme, a column of 0/1 for each source, and ``found_by`` (the sources'
    names joined by ' + '). ``notes``: what a reader must know, such as themes in conflict."""

    sources: tuple[str, ...]
    table: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def regions(self) -> pd.Series:
        """Number of challenges by combination of sources: those of most sources first, then in the sources' order."""
        found = Counter(self.table["found_by"])
        order = sorted(
            found, key=lambda region: (-region.count(" + "), [self.sources.index(s) for s in _split(region)])
        )
        return pd.Series({region: found[region] for region in order}, name="challenges", dtype=int)

    @property
    def by_theme(self) -> pd.DataFrame:
        """Number of challenges by theme (rows) and combination of sources (columns), with totals."""
        cells = pd.crosstab(self.table["theme"], self.table["found_by"])
        themes = list(dict.fromkeys([*(t for t in THEMES if t in cells.index), *self.table["theme"]]))
        cells = cells.reindex(index=themes, columns=list(self.regions.index), fill_value=0)
        cells["all"] = cells.sum(axis=1)
        cells.loc["all"] = cells.sum(axis=0)
        cells.columns.name = None
        return cells

    def size(self, source: str) -> int:
        """Challenges that a source names."""
        return int(self.table[source].sum())


def _split(region: str) -> list[str]:
    return region.split(" + ")


def read_source(path: Path, themes: Iterable[str] = THEMES) -> Source:
    """A source from a CSV file with columns label and theme, called by the file's name.

    Raises ImplementationError on an empty set, a label twice, or a theme that is none of ``themes``.
    """
    known = list(themes)
    records = read_records(path, required=("label", "theme"))
    check_unique(records, "label")
    for record in records:
        if record["theme"] and record["theme"] not in known:
            raise ImplementationError(
                f"{record.where}theme: met {record['theme']!r:.80}{nearest(record['theme'], known)} "
                f"(expected one of {', '.join(known)}; --theme names others)"
            )
    if " + " in path.stem or path.stem in ("label", "theme", "found_by", "all"):
        raise ImplementationError(f"{path}: met a source called {path.stem!r}, expected another file name")
    return Source(path.stem, {mask_label(r["label"]): r["theme"] or WITHOUT_THEME for r in records})


def compare(sources: Sequence[Source], merges: Mapping[str, str] | None = None) -> Comparison:
    """Set sources against each other. Labels are one challenge if they are alike but for case and spacing, or if
    ``merges`` (label -> label to use) says so. Raises ImplementationError on fewer than two or equal names."""
    names = tuple(source.name for source in sources)
    if not 2 <= len(names) <= MOST_SOURCES:
        raise ImplementationError(f"sources: met {len(names)}, expected 2 to {MOST_SOURCES}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ImplementationError(f"sources: met two of the name {twice[0]!r}, expected different file names")
    into = {plain(label): target for label, target in (merges or {}).items()}
    rows: dict[str, dict[str, object]] = {}
    notes = []
    for source in sources:
        if not source.theme_by_label:
            raise ImplementationError(f"source {source.name!r}: met no challenges, expected at least one")
        for said, theme in source.theme_by_label.items():
            label = into.get(plain(said), said)
            row = rows.setdefault(plain(label), {"label": label, "theme": theme} | dict.fromkeys(names, 0))
            row[source.name] = 1
            if row["theme"] == WITHOUT_THEME:
                row["theme"] = theme
            elif theme not in (WITHOUT_THEME, row["theme"]):
                notes.append(
                    f"{label}: {source.name} has it under {theme}, an earlier source under {row['theme']}; "
                    "the earlier one is used."
                )
    table = pd.DataFrame(rows.values())
    flags = table[list(names)].to_numpy() > 0
    table["found_by"] = [" + ".join(n for n, there in zip(names, row, strict=True) if there) for row in flags]
    return Comparison(names, table, tuple(notes))


def sentences(comparison: Comparison) -> list[str]:
    """What the comparison found, in words."""
    total, regions = len(comparison.table), comparison.regions
    found = [
        f"{total} challenges in all: " + ", ".join(f"{comparison.size(s)} in {s}" for s in comparison.sources) + "."
    ]
    everybody = " + ".join(comparison.sources)
    shared = int(regions.get(everybody, 0))
    found.append(f"{shared} ({100 * shared / total:.0f} %) are in all sources.")
    for source in comparison.sources:
        alone = comparison.table[comparison.table["found_by"] == source]
        if len(alone):
            themes = alone["theme"].value_counts()
            found.append(f"{len(alone)} are in {source} alone, most of them {themes.index[0]} ({themes.iloc[0]}).")
        else:
            found.append(f"None is in {source} alone.")
    return found
