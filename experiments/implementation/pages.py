"""A report of this package: one HTML page that needs no network, its tables as CSV, its figures as PNG."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from experiments.implementation.records import write_table

DPI = 150


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a page: paragraphs, items of a list, tables and figures by file name, with their captions."""

    title: str
    paragraphs: Sequence[str] = ()
    items: Sequence[str] = ()
    tables: Sequence[tuple[str, str, pd.DataFrame]] = ()  # file name without ending, caption, table
    figures: Sequence[tuple[str, str, Figure]] = ()


def write_page(folder: Path, name: str, title: str, lead: Sequence[str], parts: Sequence[Part]) -> Path:
    """Write ``folder/name.html``, ``folder/tables/*.csv`` and ``folder/figures/*.png``; returns the page's path."""
    pictures, cells = {}, {}
    for part in parts:
        for file, _, table in part.tables:
            write_table(table, folder / "tables" / f"{file}.csv")
            cells[file] = [[_text(value) for value in row] for row in table.itertuples(index=False)]
        for file, _, figure in part.figures:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=DPI)
            (folder / "figures").mkdir(parents=True, exist_ok=True)
            (folder / "figures" / f"{file}.png").write_bytes(buffer.getvalue())
            pictures[file] = base64.b64encode(buffer.getvalue()).decode("ascii")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html.j2").render(
        title=title, lead=lead, parts=parts, pictures=pictures, cells=cells
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    return path


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return "" if value is None or value is pd.NA else str(value)
