"""The Challenges page: the catalogue, what each challenge does in the model, and what it costs of the promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import solara

from experiments.implementation.catalogue import COMMUNITIES, THEMES, by_theme, counts
from experiments.implementation.mechanisms import mechanisms
from experiments.page import data_uri
from experiments.server.served import served
from experiments.server.widgets import Choice, Heading, Picture, Table, Waiting, Words, csv_uri, use_work

EVERY = ""
PICTURES = {"tornado": "Share of the promised reduction of burnout that each challenge costs, the largest first.",
            "groups": "Loss by theme and community.", "strategies": "What each strategy buys back."}  # fmt: skip
RANKED = {"label": "Challenge", "theme": "Theme", "community": "Known by", "typical_lost": "Typical: lost (%)",
          "severe_lost": "Severe: lost (%)"}  # fmt: skip
MOST_BYTES = 20_000_000  # of a file of an impact folder


@solara.component
def ChallengesPage() -> None:
    """The page."""
    solara.Title("Challenges")
    Heading("Challenges: what stands in the way of a twin, and what it costs", 1)
    folder = served().impact
    if folder is not None:
        Impact(folder)
    else:
        Words("What each costs has not been simulated for this page: `clinictwin challenges impact --out IMPACT` does "
              "it, `clinictwin serve --impact IMPACT` shows it.", hint=True)  # fmt: skip
    Catalogue()


@solara.component
def Catalogue() -> None:
    """All challenges, by theme and by who knows of them; one chosen, in words."""
    theme, set_theme = solara.use_state(EVERY)
    community, set_community = solara.use_state(EVERY)
    chosen, set_chosen = solara.use_state("")
    found = [
        (key, one) for key, one in mechanisms().items()
        if theme in (EVERY, one.challenge.theme) and community in (EVERY, one.challenge.community)
    ]  # fmt: skip
    numbers = counts()
    with solara.Div(classes=["ct-card"]):
        Heading("The catalogue")
        Words(", ".join(f"{n} {what}" for what, n in numbers.items()) + ".")
        cells = by_theme()
        rows = [[name, *row] for name, row in zip(cells.index, cells.values, strict=True)]
        Table(["Theme", *cells.columns], rows, numbers=range(1, len(cells.columns) + 1), caption="Challenges by theme")
        with solara.Div(classes=["ct-row"]):
            Choice("Theme", [(EVERY, "all themes"), *((t, t) for t in THEMES)], theme, set_theme)
            Choice("Known by", [(EVERY, "everybody"), *((c, c) for c in COMMUNITIES)], community, set_community)
        if chosen in dict(found):
            with solara.Div(classes=["ct-card", "ct-good"]):
                Words(mechanisms()[chosen].sentence, role="status")
        rows = [
            [one.challenge.label, one.challenge.theme, one.challenge.community, one.challenge.construct,
             "yes" if one.mapped else "no"]
            for _, one in found
        ]  # fmt: skip
        Table(["Challenge", "Theme", "Known by", "CFIR construct", "Simulated"], rows, keys=[key for key, _ in found],
              chosen=chosen, act=set_chosen, caption=f"{len(found)} challenges; choose one to read what it does in the "
              "model")  # fmt: skip


@solara.component
def Impact(folder: Path) -> None:
    """The simulated impact, as `clinictwin challenges impact` left it."""
    work = use_work(lambda tell: read_impact(folder), [folder])
    Waiting(work, "Reading the impact")
    if work.value is None:
        return
    ranking, pictures = work.value
    with solara.Div(classes=["ct-card"]):
        Heading("What each challenge costs of the promised reduction of burnout")
        for name, caption in PICTURES.items():
            if name in pictures:
                csv = csv_uri(ranking) if name == "tornado" else ""
                Picture(name=name, uri=pictures[name], alt=caption, caption=caption, csv=csv)
        shown = [column for column in RANKED if column in ranking]
        rows = [[_printed(value) for value in row] for row in ranking[shown].itertuples(index=False)]
        Table([RANKED[c] for c in shown], rows, numbers=[i for i, c in enumerate(shown) if c.endswith("lost")])


def read_impact(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """(ranking, pictures). Raises ValueError on a folder of anything else."""
    try:
        ranking = pd.read_csv(folder / "tables" / "ranking.csv")
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder}: met no readable tables/ranking.csv ({error}), expected a folder of `clinictwin "
                         "challenges impact`") from None  # fmt: skip
    files = {name: folder / "figures" / f"{name}.png" for name in PICTURES}
    pictures = {
        name: data_uri(path.read_bytes(), "image/png")
        for name, path in files.items()
        if path.is_file() and path.stat().st_size < MOST_BYTES
    }
    return ranking, pictures


def _printed(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
