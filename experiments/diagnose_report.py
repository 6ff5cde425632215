"""The page of `clinictwin diagnose`: what the checks found, in sentences, tables and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from calibration.diagnostics.ranks import BAND, rank_checks
from calibration.exports import write_csv
from experiments import diagnose_figures, figures
from experiments.diagnose_figures import GOAL
from experiments.diagnosing import Diagnosis, coverage_of, rank_table
from experiments.page import Drawn, fill_in, save_figures, write_page
from experiments.quality_report import Section
from experiments.report_tables import Cell, Table

PAGE = "diagnose.html"
KIND = "ClinicTwin calibration checks"
FIGURE_NAMES = ("coverage", "ranks", "streams", "skill")


def write_report(diagnosis: Diagnosis, folder: Path, title: str) -> Path:
    """Write the page, ``figures/`` and ``tables/``; returns the page's path. Raises OSError."""
    covered, ranked = coverage_of(diagnosis), rank_table(diagnosis)
    with figures.house_style():
        pictures = save_figures(_drawn(diagnosis, covered), folder / "figures", FIGURE_NAMES)
    (folder / "tables").mkdir(exist_ok=True)
    numbers = {"coverage": covered, "ranks": ranked, "skill": diagnosis.skill}
    for name, table in numbers.items():
        if table is not None:
            write_csv(table, folder / "tables" / f"{name}.csv")
    clinics = diagnosis.study["clinic"].nunique()
    text = fill_in("quality.html.j2", kind=KIND, title=title, facts=[f"{clinics} simulated clinics in the study"],
                   sentences=sentences(diagnosis), sections=_sections(diagnosis, covered, ranked),
                   pictures=pictures)  # fmt: skip
    return write_page(folder / PAGE, text)


def sentences(diagnosis: Diagnosis) -> list[str]:
    """The findings, misses by name."""
    covered, ranked = coverage_of(diagnosis), rank_table(diagnosis)
    said = []
    for row in covered[covered["name"] == "all"].itertuples():
        error = 2 * row.standard_error if np.isfinite(row.standard_error) else 1.0
        reaches = row.share + error >= GOAL[0] and row.share - error <= GOAL[1]
        verdict = "the goal of 88 to 92 % is " + ("within this error" if reaches else "missed")
        said.append(f"{row.kind}, truth {row.truth}: {100 * row.share:.1f} ± {100 * error:.1f} % of {row.intervals:,} "
                    f"intervals of 90 % hold the truth; {verdict}.")  # fmt: skip
    out = ranked[~ranked["inside"]]["name"]
    said.append(f"Ranks: {len(ranked) - len(out)} of {len(ranked)} parameters inside their {100 * BAND:.0f} % band"
                + (f"; outside: {', '.join(out)}." if len(out) else "."))  # fmt: skip
    unknown = diagnosis.parameters[~diagnosis.parameters["informed"].astype(bool)]["name"]
    said.append("Not informed by the streams of the fit looked at, so no finding: "
                + (", ".join(unknown) if len(unknown) else "none") + ".")  # fmt: skip
    single = diagnosis.streams[diagnosis.streams["design"].str.startswith("without")]
    if len(single):
        worst = single.loc[single["risk_deviation"].idxmax()]
        said.append(f"The stream that risks depend on most: {worst['design'].removeprefix('without ')}; without it a "
                    f"physician's risk is {100 * (worst['relative'] - 1):.0f} % less certain.")  # fmt: skip
    if diagnosis.skill is not None:
        for world, some in diagnosis.skill.groupby("world", sort=False):
            mean = some.groupby("forecaster")[["skill", "log_score"]].mean()
            best, sharpest = mean["skill"].idxmax(), mean["log_score"].idxmin()
            said.append(f"Forecasts, truth {world}: best by CRPS {best}, by log score {sharpest}; the twin's skill "
                        f"against persistence {mean['skill']['twin']:+.2f}.")  # fmt: skip
    return said


def _drawn(diagnosis: Diagnosis, covered: pd.DataFrame) -> dict[str, Drawn]:
    drawn = {
        "coverage": Drawn(diagnose_figures.coverage(covered), "Shares of intervals that hold the truth, as the table",
                          "Share of 90 % intervals that hold the truth, with two standard errors."),
        "ranks": Drawn(diagnose_figures.rank_bands(rank_checks(diagnosis.study)), "Rank distributions and bands",
                       f"Simulation-based calibration: ranks and their simultaneous {100 * BAND:.0f} % bands."),
        "streams": Drawn(diagnose_figures.stream_value(diagnosis.streams), "Uncertainty by design, as the table",
                         "How uncertain risks are without a stream, sampled more rarely, or delivered later."),
    }  # fmt: skip
    if diagnosis.skill is not None:
        drawn["skill"] = Drawn(diagnose_figures.skill(diagnosis.skill), "Skill by forecaster, as the table",
                               "Skill of forecasts of held-out weeks against persistence.")  # fmt: skip
    return drawn


def _sections(diagnosis: Diagnosis, covered: pd.DataFrame, ranked: pd.DataFrame) -> list[Section]:
    parts = [
        Section("coverage", "Coverage", "Truths are drawn from the priors; a risk counts where no post of the pod was "
                "vacant.", [_table(covered, "Coverage of 90 % intervals", "coverage")], "", ("coverage",)),
        Section("ranks", "Simulation-based calibration", "Ranks of truths among posterior draws, which are uniform if "
                "the posterior is right.", [_table(ranked, "Ranks by parameter", "ranks")], "", ("ranks",)),
        Section("identifiability", "What the streams can tell", "Of one fit: deviations are in prior standard "
                "deviations, physicians' traits integrated out. Alone: the contraction if all else were known.",
                [_table(diagnosis.parameters, "Population parameters", "parameters"),
                 _table(diagnosis.directions, "Combinations, the least known first", "directions"),
                 _table(diagnosis.profiles, "Profiles of the negative log-posterior there", "profiles")],
                ""),
        Section("streams", "What a stream is worth", "Of the same fit, looked at with fewer observations.",
                [_table(diagnosis.streams, "Uncertainty by design (percentage points)", "streams")], "", ("streams",)),
    ]  # fmt: skip
    if diagnosis.skill is not None:
        by = ["world", "measure", "forecaster"]
        mean = diagnosis.skill.groupby(by, sort=False)[["crps", "log_score", "skill"]].mean().reset_index()
        about = "Four-week means, one to three blocks ahead; lower scores are better."
        scores = _table(mean, "Scores, all blocks", "skill")
        parts.append(Section("skill", "Forecasts of held-out weeks", about, [scores], "", ("skill",)))
    return parts


def _table(frame: pd.DataFrame, caption: str, csv: str) -> Table:
    print_one = lambda v: f"{v:.3g}" if isinstance(v, float) else str(v)  # noqa: E731
    rows = [[Cell(print_one(v)) for v in row] for row in frame.itertuples(index=False)]
    return Table(caption, [c.replace("_", " ") for c in frame.columns], rows, csv)
