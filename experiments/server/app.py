"""The app: its pages, and the frame around each."""

from __future__ import annotations

import logging
from typing import Any

import solara

from experiments.server.challenges import ChallengesPage
from experiments.server.clinic import ClinicPage
from experiments.server.comparing import ExperimentsPage
from experiments.server.decide import DecidePage
from experiments.server.twin import TwinPage
from experiments.server.widgets import Press, Words, sentence

logger = logging.getLogger(__name__)

PAGES = {
    "/": ("Clinic", ClinicPage), "twin": ("Twin", TwinPage), "decide": ("Decide", DecidePage),
    "experiments": ("Experiments", ExperimentsPage), "challenges": ("Challenges", ChallengesPage),
}  # fmt: skip


@solara.component
def Frame(children: list[Any]) -> None:
    """The head with the pages' names, and the page; where a page breaks, a sentence without the program's inside."""
    failed, clear = solara.use_exception()
    here = solara.use_router().path.strip("/")
    with solara.Div(classes=["ct-page"]):
        with solara.v.Html(tag="header", class_="ct-head"):
            solara.v.Html(tag="span", class_="ct-brand", children=["ClinicTwin"])
            with solara.v.Html(tag="nav", class_="ct-nav", attributes={"aria-label": "Pages"}):
                for path, (label, _) in PAGES.items():
                    at = path.strip("/")
                    with solara.Link(f"/{at}"):
                        solara.v.Html(tag="span", class_="ct-here" if at == here else "", children=[label],
                                      attributes={"aria-current": "page"} if at == here else {})  # fmt: skip
        if failed is not None:
            logger.error("a page broke", exc_info=failed)
            Words(sentence(failed), alert=True)
            Press("Try again", clear)
        else:
            solara.v.Html(tag="main", children=children)


routes = [
    solara.Route(path, component=page, label=label, layout=Frame if path == "/" else None)
    for path, (label, page) in PAGES.items()
]
