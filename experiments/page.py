"""What the HTML pages share: their look, their figures as data inside the page, and a template filled in."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup, escape
from matplotlib.figure import Figure

SCREEN_DPI, FILE_DPI = 96, 200


class Drawn(NamedTuple):
    """A figure with its alternative text and caption."""

    figure: Figure
    alt: str
    caption: str


def save_figures(drawn: Mapping[str, Drawn], folder: Path, stale: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """Write PNG and SVG files; returns what the page needs of each, the picture as a data URI.

    Files of the names in ``stale`` that are not drawn this time are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for name, (figure, alt, caption) in drawn.items():
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        (folder / f"{name}.svg").write_bytes(svg.getvalue())
        figure.set_layout_engine("none")  # keep the places found for the first file
        figure.savefig(folder / f"{name}.png", dpi=FILE_DPI)
        width, height = (round(side * SCREEN_DPI) for side in figure.get_size_inches())
        pictures[name] = {"uri": data_uri(svg.getvalue(), "image/svg+xml"), "alt": alt, "caption": caption,
                          "width": width, "height": height, "file": f"{name}.svg"}  # fmt: skip
    for name in set(stale) - set(drawn):
        for kind in ("png", "svg"):
            (folder / f"{name}.{kind}").unlink(missing_ok=True)
    return pictures


def data_uri(content: bytes, kind: str) -> str:
    """A picture as it stands inside a page."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def breakable(name: str) -> Markup:
    """A name, escaped, that may break across lines after each underscore."""
    return escape(name).replace("_", Markup("_<wbr>"))


def fill_in(template: str, **words: Any) -> str:
    """A template of this package with its words; every text is escaped. Raises jinja2.UndefinedError on a lack."""
    folder = resources.files("experiments").joinpath("templates")
    loader = jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8"))
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["breakable"] = breakable
    return environment.get_template(template).render(**words)


def write_page(path: Path, text: str) -> Path:
    """Write a page, or leave the old one as it was. Returns the path; raises OSError."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)
