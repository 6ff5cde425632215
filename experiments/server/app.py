"""The app: its pages, and the frame around each."""

from __future__ import annotations

from typing import Any

import solara

from experiments.server.clinic import ClinicPage

PAGES = {"/": ("Clinic", ClinicPage)}


@solara.component
def Frame(children: list[Any]) -> None:
    """The head with the pages' names, and the page."""
    route, _ = solara.use_route(peek=True)
    here = route.path if route else "/"
    with solara.Div(classes=["ct-page"]):
        with solara.v.Html(tag="header", class_="ct-head", attributes={}):
            solara.v.Html(tag="span", class_="ct-brand", children=["ClinicTwin"])
            for path, (label, _) in PAGES.items():
                with solara.Link(path if path == "/" else f"/{path}"):
                    solara.v.Html(tag="span", class_="ct-here" if path == here else "", children=[label])
        with solara.v.Html(tag="main"):
            solara.Div(children=children)


routes = [
    solara.Route(path, component=page, label=label, layout=Frame if path == "/" else None)
    for path, (label, page) in PAGES.items()
]
