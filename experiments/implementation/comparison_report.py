"""The report of a comparison of sources, and the paper's own sources and tables written out as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from experiments.figures import house_style
from experiments.implementation import catalogue, crosswalk
from experiments.implementation import comparison_figures as figures
from experiments.implementation.comparison import Comparison, sentences
from experiments.implementation.pages import Part, write_page
from experiments.implementation.records import write_table


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """The page of a comparison, its tables and figures; returns the page's path."""
    regions = comparison.regions.rename_axis("found by").reset_index()
    by_theme = comparison.by_theme.rename_axis("theme").reset_index()
    with house_style():
        drawn = [("upset", "Challenges by the sources that found them.", figures.upset(comparison))]
        if len(comparison.sources) == 2:
            drawn.insert(0, ("venn", "Overlap of the two sources; areas are in proportion.", figures.venn(comparison)))
        drawn.append(("themes", "Challenges by theme and by who found them.", figures.themes(comparison)))
        parts = [
            Part(
                "Shared and unique",
                figures=drawn,
                tables=[
                    ("regions", "Challenges by combination of sources.", regions),
                    ("by_theme", "Challenges by theme and combination of sources.", by_theme),
                ],
                items=comparison.notes,
            ),
            Part("All challenges", tables=[("comparison", "Every challenge and who found it.", comparison.table)]),
        ]
        return write_page(folder, "comparison", "Challenges compared", sentences(comparison), parts)


def write_sources(folder: Path) -> Sequence[Path]:
    """The paper's two sources as CSV files that `clinictwin cfir compare` reads; returns their paths."""
    rows = catalogue.table()
    rows["theme"] = rows["theme"].replace(catalogue.WITHOUT_THEME, "")
    written = []
    for name, flag in ((catalogue.INTERVIEWS, "in_interviews"), (catalogue.LITERATURE, "in_literature")):
        path = folder / f"{name}.csv"
        write_table(rows.loc[rows[flag], ["label", "theme", "construct", "references"]], path)
        written.append(path)
    return written


def write_catalogue(folder: Path) -> Path:
    """The catalogue's page with every count computed, and the paper's sources as CSV; returns the page's path."""
    write_sources(folder)
    counts = pd.DataFrame({"what": list(catalogue.counts()), "challenges": list(catalogue.counts().values())})
    tables = [
        ("counts", "The paper's counts, computed from the catalogue.", counts),
        (
            "by_theme",
            "Challenges by theme and by who knows of them: the cells of the paper's tables 2, 3 and 4.",
            catalogue.by_theme().rename_axis("theme").reset_index(),
        ),
        (
            "by_domain",
            "Challenges by CFIR 2.0 domain (our assignment) and theme.",
            catalogue.by_domain().rename_axis("domain").reset_index(),
        ),
    ]
    lead = [f"Source: {catalogue.PAPER}.", catalogue.missed_by_cfir()]
    parts = [
        Part("Counts", tables=tables),
        Part(
            "The same challenges in other frames",
            [
                "Named challenges that each frame has a place for. For CFIR 2.0 it is what the interviews found; for "
                "the others, our coding by their definitions, which nobody has tried in interviews."
            ],
            tables=[
                (
                    "frames",
                    "Challenges covered by theme and frame.",
                    crosswalk.covered().rename_axis("theme").reset_index(),
                ),
                ("crosswalk", "Code of every challenge in every frame.", crosswalk.table()),
            ],
        ),
        Part("What does not add up, and what is ours", items=catalogue.notes()),
        Part("The catalogue", tables=[("catalogue", "Every challenge.", catalogue.table())]),
    ]
    return write_page(folder, "catalogue", "The challenges of putting a digital twin into a clinic", lead, parts)
