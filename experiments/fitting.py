"""`clinictwin fit`: from a file of observations (or an event log) to a folder with the fit, its tables and figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console

from abm.parameters import Parameters
from calibration.clinic import Clinic, infer_clinic, save_clinic
from calibration.event_log import EventLog
from calibration.fit import Fit, fit, save_fit
from calibration.observations import read_observations
from calibration.simulated import SimulatedClinic
from experiments import figures, fit_figures

SQLITE = b"SQLite format 3\x00"  # first bytes of an event log
FIGURES = "figures"
DPI = 150


def fit_file(
    observations: str | Path,
    out_dir: str | Path,
    *,
    parameters: Parameters | None = None,
    clinic: Clinic | None = None,
    truth: SimulatedClinic | None = None,
    seed: int = 0,
    starts: int = 2,
    method: str = "laplace",
    timezone: str = "UTC",
    progress: bool = True,
    console: Console | None = None,
) -> Fit:
    """Fit the clinic of ``observations`` (CSV, NDJSON or an event log) and write everything to ``out_dir``.

    ``clinic`` says who works there; read off the observations if None, and what is assumed is printed. With the
    ``truth`` of a simulated clinic a figure shows how well it was recovered. The folder gets what
    `calibration.fit_result.save_fit` and `calibration.clinic.save_clinic` write, and figures/. Raises ValueError if
    the folder holds a fit already, ObservationError, FitError or OSError on observations that are refused.
    """
    console, folder = console or Console(), Path(out_dir)
    if (folder / "fit.yaml").exists():
        raise ValueError(f"{folder}: met a folder with a fit in it, expected a new one (--out)")
    table, account = read_table(Path(observations))
    console.print(account, highlight=False)
    if clinic is None:
        clinic = infer_clinic(table, timezone)
        console.print(
            f"{clinic.layout.physicians} physicians; assumed: " + "; ".join(clinic.assumptions), highlight=False
        )
    found = fit(clinic.rename(table), clinic.layout, parameters=parameters, seed=seed, starts=starts,
                timezone=timezone, progress=progress, method=method)  # fmt: skip
    found = clinic.restore(found)
    save_fit(found, folder)
    save_clinic(clinic, folder)
    _save_figures(found, folder / FIGURES, truth)
    console.print(account_of(found), highlight=False)
    return found


def read_table(path: Path) -> tuple[pd.DataFrame, str]:
    """Validated observations and the account of what was read."""
    with path.open("rb") as file:
        is_log = file.read(len(SQLITE)) == SQLITE
    if not is_log:
        table, summary = read_observations(path)
        return table, str(summary)
    with EventLog(path) as log:
        table = log.observations()
    return table, f"{path}: {len(table):,} observations in the event log, corrections applied"


def account_of(found: Fit) -> str:
    """What became of the observations, by stream, and how far the fit got, in words."""
    counts = found.counts.groupby("stream", sort=False).sum(numeric_only=True)
    lines = []
    for stream, row in counts.iterrows():
        others = {name.replace("_", " "): int(n) for name, n in row.items() if name not in ("received", "used") and n}
        rest = ", ".join(f"{n:,} {name}" for name, n in others.items())
        lines.append(f"  {stream}: {int(row['used']):,} of {int(row['received']):,} used{'; ' + rest if rest else ''}")
    informed = int(found.table["informed"].sum())
    state = "interrupted: the best so far; " if found.info.get("interrupted") else ""
    return "\n".join([
        "what became of the observations:",
        *lines,
        f"{state}{informed} of {len(found.table)} population parameters informed, {found.info['seconds']:.0f} s",
    ])  # fmt: skip


def _save_figures(found: Fit, folder: Path, truth: SimulatedClinic | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with figures.house_style():
        drawn = {"parameters": figures.prior_to_posterior(found.table)}
        if truth is not None:
            drawn["recovery"] = fit_figures.recovery(found, truth)
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.png", dpi=DPI)
            figure.savefig(folder / f"{name}.svg")
