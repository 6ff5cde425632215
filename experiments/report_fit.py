"""The section about a fit: what its folder says of the population, of the physicians, and what it does not say."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure

from abm.parameters import Parameters, load
from calibration.suppression import SMALLEST_CELL, hidden_cells
from experiments import figures
from experiments.effects import ReportError
from experiments.report_tables import Cell, Table
from experiments.report_words import interval, listed, number

TABLES = {
    "table.csv": ("name", "unit", "estimate", "low", "high", "prior_low", "prior_high", "contraction", "informed"),
    "effects.csv": ("who", "effect", "estimate", "standard_error", "informed"),
    "risk.csv": ("who", "risk", "low", "high"),
}
OTHERS = ("fit.yaml", "parameters.yaml")
MOST_PICTURE_BYTES = 600_000  # of one picture of the fit's folder that goes into the page
MOST_PICTURES = 4


class FitSection(NamedTuple):
    """What the page says of a fit. ``pictures`` are the folder's own PNG files, by name; ``parameters`` the fitted."""

    sentences: list[str]
    facts: list[tuple[str, str]]
    tables: list[Table]
    numbers: dict[str, pd.DataFrame]
    drawings: dict[str, tuple[Figure, str, str]]  # name -> figure, alternative text, caption
    pictures: dict[str, bytes]
    parameters: Parameters | None


def fit_section(folder: str | Path, smallest_cell: int = SMALLEST_CELL) -> FitSection:
    """Read a fit's folder; shares of fewer than ``smallest_cell`` people are not told.

    Raises ReportError or ParameterError if it is none or a file in it is not right."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ReportError(f"{folder}: met no folder, expected one that `clinictwin fit` has written")
    numbers = {name: _read(folder / name, columns) for name, columns in TABLES.items() if (folder / name).is_file()}
    absent = [name for name in (*TABLES, *OTHERS) if not (folder / name).is_file()]
    facts, parameters = (folder / name for name in OTHERS)
    fitted = load(parameters) if parameters.is_file() else None
    section = FitSection([], _facts(facts), [], {}, {}, _pictures(folder / "figures"), fitted)
    if absent:
        section.sentences.append(f"Not in the fit's folder, so not shown: {listed(absent)}.")
    if "table.csv" in numbers:
        _population(numbers["table.csv"], section)
    if "effects.csv" in numbers:
        _traits(numbers["effects.csv"], section, smallest_cell)
    if "risk.csv" in numbers:
        _risk(numbers["risk.csv"], section)
    return section


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: met no readable CSV ({error}), expected columns {', '.join(columns)}") from None
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise ReportError(f"{path}: met no column {', '.join(missing)}, expected {', '.join(columns)}")
    texts = {"name", "unit", "who", "effect", "informed"}
    for column in (c for c in columns if c not in texts):
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    if "informed" in frame:
        frame["informed"] = frame["informed"].astype(str).str.lower().isin(("true", "1"))
    return frame


def _facts(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: met no readable YAML ({error}), expected a mapping") from None
    if not isinstance(content, dict):
        raise ReportError(f"{path}: met {type(content).__name__}, expected a mapping")
    plain = {str(k): v for k, v in content.items() if isinstance(v, str | int | float) and k != "format"}
    words = {True: "yes", False: "no"}
    return [(k.replace("_", " "), words[v] if isinstance(v, bool) else str(v)) for k, v in plain.items()]


def _pictures(folder: Path) -> dict[str, bytes]:
    found = sorted(folder.glob("*.png")) if folder.is_dir() else []
    small = [p for p in found if p.is_file() and p.stat().st_size <= MOST_PICTURE_BYTES]
    return {p.stem: p.read_bytes() for p in small[:MOST_PICTURES]}


def _population(frame: pd.DataFrame, section: FitSection) -> None:
    informed = frame[frame["informed"]]
    section.sentences.append(
        f"{len(informed)} of {len(frame)} fitted parameters are informed by the observations; the others stay near "
        "what was assumed before."
    )
    digits = lambda v: max(0, 3 - int(np.floor(np.log10(abs(v))))) if v and np.isfinite(v) else 2  # noqa: E731
    rows = []
    for row in frame.sort_values("contraction", ascending=False).to_dict("records"):
        d = min(6, digits(row["estimate"]))
        rows.append([
            Cell(str(row["name"])), Cell(str(row["unit"])), Cell(number(row["estimate"], d)),
            Cell(interval(row["low"], row["high"], d)), Cell(interval(row["prior_low"], row["prior_high"], d)),
            Cell(f"{100 * row['contraction']:.0f} %", "" if row["informed"] else "hardly informed"),
        ])  # fmt: skip
    columns = ("Parameter", "Unit", "Estimate", "90 % interval", "90 % interval before", "Narrower by")
    section.tables.append(Table("Population parameters, before and after the observations", columns, rows, "fit_table"))
    section.numbers["fit_table"] = frame
    section.drawings["fit_parameters"] = (
        figures.prior_to_posterior(frame),
        f"Intervals of {len(frame)} fitted parameters within their prior intervals; {len(informed)} are informed.",
        "Each parameter's interval after the observations (colour) on the scale of its interval before them (grey).",
    )


def _traits(frame: pd.DataFrame, section: FitSection, smallest_cell: int) -> None:
    by_effect = frame.groupby("effect", sort=False)["informed"]
    few = {e: hidden_cells([of.sum(), (~of).sum()], smallest_cell).any() for e, of in by_effect}
    words = listed([f"{e} {'not shown (too few)' if few[e] else f'{100 * of.mean():.0f} %'}" for e, of in by_effect])
    section.sentences.append(f"Share of physicians whose own traits the observations inform: {words}.")
    section.numbers["fit_effects"] = frame


def _risk(frame: pd.DataFrame, section: FitSection) -> None:
    frame = frame.copy()
    frame[["risk", "low", "high"]] *= 100  # the file holds chances, 0 to 1
    most = frame.sort_values("risk", ascending=False)
    rows = [
        [Cell(str(r["who"])), Cell(number(r["risk"]), interval(r["low"], r["high"]))] for r in most.to_dict("records")
    ]
    section.tables.append(Table("Fitted burnout risk by physician (%)", ("Who", "Risk (%)"), rows, "fit_risk",
                                "Second lines: the interval that the fit gives."))  # fmt: skip
    section.numbers["fit_risk"] = most
    if most["risk"].notna().any():
        section.drawings["fit_risk"] = (
            figures.fitted_risk(most),
            f"Burnout risk of {len(most)} physicians with intervals, from {number(most['risk'].max(), 0)} to "
            f"{number(most['risk'].min(), 0)} %.",
            "Burnout risk of each physician as fitted, with its interval.",
        )  # fmt: skip
