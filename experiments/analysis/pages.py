"""The folder of an analysis: its tables, figures and page, and what a sweep's report needs to show it again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from calibration.exports import write_csv
from experiments.page import Drawn, data_uri, fill_in, save_figures, write_page
from experiments.provenance import provenance
from experiments.report_tables import Cell, Table

SAVED, PAGE = "analysis.json", "report.html"
NOT_YOURS = (
    "These are runs of a model whose parameters are assumed or fitted to published figures: they say what such a "
    "clinic would do. They must not be used to judge, rank, hire, pay or dismiss anybody."
)


class AnalysisError(ValueError):
    """A folder that is no analysis, or that a new one cannot be written to; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Section:
    """One analysis as it is shown: ``name`` is a short word without spaces; every text is plain."""

    name: str
    title: str
    about: str
    sentences: list[str]
    tables: list[Table] = dataclasses.field(default_factory=list)
    figures: tuple[str, ...] = ()  # names of pictures


def new_folder(path: str | Path) -> Path:
    """The folder, made. Raises AnalysisError if it is there and holds anything."""
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AnalysisError(f"--out: {folder} exists already and is not empty; choose another folder or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_analysis(folder: Path, section: Section, numbers: Mapping[str, pd.DataFrame], drawn: Mapping[str, Drawn],
                   settings: Mapping[str, Any]) -> Path:  # fmt: skip
    """Write ``tables/`` (CSV), ``figures/`` (PNG and SVG), ``analysis.json`` and the page; returns the page's path.

    ``settings`` say how the analysis was run; versions and revision are added.
    """
    for name, frame in numbers.items():
        (folder / "tables").mkdir(exist_ok=True)
        write_csv(frame, folder / "tables" / f"{name}.csv")
    pictures = save_figures(drawn, folder / "figures")
    known = {str(k): str(v) for k, v in {**settings, **provenance()}.items()}
    kept = {
        "section": dataclasses.asdict(dataclasses.replace(section, figures=tuple(drawn), tables=[])),
        "tables": [table._asdict() for table in section.tables],
        "pictures": {name: {k: v for k, v in picture.items() if k != "uri"} for name, picture in pictures.items()},
        "provenance": known,
    }  # fmt: skip
    (folder / SAVED).write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
    shown, pictures, known = read_analysis(folder)
    words = {"section": shown, "pictures": pictures, "provenance": list(known.items()), "caution": NOT_YOURS}
    return write_page(folder / PAGE, fill_in("analysis.html.j2", **words))


def read_analysis(folder: str | Path) -> tuple[Section, dict[str, dict[str, Any]], dict[str, str]]:
    """(section, pictures, provenance) of a folder that :func:`write_analysis` wrote. Raises AnalysisError."""
    folder = Path(folder)
    try:
        kept = json.loads((folder / SAVED).read_text(encoding="utf-8"))
        tables = [_table(table) for table in kept["tables"]]
        fields = {f.name for f in dataclasses.fields(Section)}
        told = {k: v for k, v in kept["section"].items() if k in fields}
        section = Section(**{**told, "tables": tables, "figures": tuple(told["figures"])})
        pictures = {name: picture | {"uri": _picture(folder, name)} for name, picture in kept["pictures"].items()}
        return section, pictures, dict(kept["provenance"])
    except OSError as error:
        raise AnalysisError(f"{folder}: met {error.strerror or error}, expected {SAVED} and the figures it names, as "
                            "`clinictwin sensitivity`, `policy` and `discover` write them") from None  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnalysisError(f"{folder / SAVED}: not readable as an analysis ({type(error).__name__}: {error}); "
                            "run the analysis again in a new folder") from None  # fmt: skip


def saved_analyses(folder: str | Path) -> list[Path]:
    """Folders of analyses inside a sweep's folder, by name."""
    return sorted(path.parent for path in Path(folder).glob(f"*/{SAVED}"))


def _table(kept: dict[str, Any]) -> Table:
    rows = [[Cell(*cell) for cell in row] for row in kept["rows"]]
    return Table(kept["caption"], kept["columns"], rows, kept["csv"], kept["note"])


def _picture(folder: Path, name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise ValueError(f"met picture {name!r}, expected a plain name")
    return data_uri((folder / "figures" / f"{name}.svg").read_bytes(), "image/svg+xml")
