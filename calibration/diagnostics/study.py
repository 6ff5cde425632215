"""A study of a fit: many simulated clinics with truths drawn from the priors, each observed and fitted.

Each clinic leaves one file, written at its end, so that a study can be interrupted, resumed and made larger.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from abm.population.batch import core_count
from calibration.diagnostics.recovery import (
    rank_of_truth,
    recovered_parameters,
    recovered_risk,
    recovered_traits,
)
from calibration.fit import FITTED, METHODS, Fit, FitError, fit
from calibration.progress import progress_bar
from calibration.simulated import WARM_UP_DAYS, SimulatedClinic, draw_truth, simulate_observations

COLUMNS = ("clinic", "kind", "name", "who", "truth", "estimate", "low", "high", "rank", "covers", "told")
ENGINES = ("jax", "mesa")


@dataclasses.dataclass(frozen=True)
class StudyPlan:
    """What clinics of a study are like. ``engine`` makes the truth: "mesa" is a world with patients of its own."""

    physicians: int = 10  # a multiple of five
    days: int = 119
    engine: str = "jax"
    method: str = "laplace"
    names: tuple[str, ...] = FITTED
    first_seed: int = 1_000

    def __post_init__(self) -> None:
        if self.engine not in ENGINES or self.method not in METHODS:
            raise FitError(f"engine and method: met {self.engine!r} and {self.method!r}, expected one of "
                           f"{', '.join(ENGINES)} and of {', '.join(METHODS)}")  # fmt: skip


def run_study(folder: str | Path, clinics: int, plan: StudyPlan | None = None, *, workers: int | None = None,
              progress: bool = True) -> pd.DataFrame:  # fmt: skip
    """Fit ``clinics`` clinics, those that ``folder`` holds already left out; the table of all of them.

    Returns a row for each fitted quantity, with COLUMNS: ``kind`` is parameter, trait or risk; ``rank`` (0-1) is that
    of the truth among the posterior's draws; ``told`` is whether the fit claims to know it (a parameter or trait is
    informed, a risk is of a pod without vacancies).

    Raises FitError on a folder of another plan.
    """
    plan, folder = plan or StudyPlan(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, plan)
    missing = [k for k in range(clinics) if not _file(folder, k).exists()]
    workers = min(workers or core_count(), max(len(missing), 1))
    with progress_bar("clinics", clinics, progress) as report:
        report("resumed" if len(missing) < clinics else "", clinics - len(missing))
        if workers == 1:
            for k in missing:
                _one_file(folder, k, plan)
                report(f"clinic {k}", 1)
        else:
            # JAX is not safe to fork
            context = multiprocessing.get_context("spawn")
            with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
                waiting = {pool.submit(_one_file, folder, k, plan): k for k in missing}
                try:
                    for done in concurrent.futures.as_completed(waiting):
                        done.result()
                        report(f"clinic {waiting[done]}", 1)
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
    return read_study(folder, range(clinics))


def read_study(folder: str | Path, clinics: Sequence[int] | None = None) -> pd.DataFrame:
    """The table of a study's finished clinics."""
    files = sorted(Path(folder).glob("clinic-*.csv")) if clinics is None else [_file(Path(folder), k) for k in clinics]
    if not files:
        raise FitError(f"{folder}: met no clinic-*.csv, expected a folder of a study")
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)


def simulated_truth(seed: int, plan: StudyPlan) -> SimulatedClinic:
    """The clinic of one seed, its parameters drawn from their priors."""
    return simulate_observations(draw_truth(seed, plan.names), days=plan.days, physicians=plan.physicians, seed=seed,
                                 warm_up_days=WARM_UP_DAYS, engine=plan.engine)  # fmt: skip


def one_clinic(number: int, plan: StudyPlan) -> pd.DataFrame:
    """One clinic's rows, with COLUMNS."""
    seed = plan.first_seed + number
    truth = simulated_truth(seed, plan)
    found = fit(truth.observations, truth.layout, names=plan.names, seed=seed, progress=False, starts=1,
                method=plan.method)  # fmt: skip
    parameters = recovered_parameters(found, truth).assign(kind="parameter", who="")
    traits = recovered_traits(found, truth).rename(columns={"effect": "name"}).assign(kind="trait")
    risk = recovered_risk(found, truth).assign(kind="risk", name="risk")
    parameters, traits = (t.assign(told=t["informed"]) for t in (parameters, traits))
    rows = pd.concat([parameters, traits, risk.assign(told=risk["settled"])], ignore_index=True)
    return rows.assign(clinic=number, rank=_ranks(rows, found, seed))[list(COLUMNS)]


def _ranks(rows: pd.DataFrame, found: Fit, seed: int) -> list[float]:
    """Ranks of the truth among the draws; a risk's draws are not kept, so its rank is left out."""
    rng = np.random.default_rng([seed, 7])
    ranks = []
    for kind, name, who, truth in rows[["kind", "name", "who", "truth"]].itertuples(index=False):
        column = str(name) if kind == "parameter" else f"{name} {who}"
        known = column in found.draws
        ranks.append(rank_of_truth(found.draws[column].to_numpy(), truth, rng) if known else np.nan)
    return ranks


def _one_file(folder: Path, number: int, plan: StudyPlan) -> None:
    target = _file(folder, number)
    part = target.with_suffix(f".{os.getpid()}.part")
    one_clinic(number, plan).to_csv(part, index=False)
    part.replace(target)


def _file(folder: Path, number: int) -> Path:
    return folder / f"clinic-{number:05d}.csv"


def _claim(folder: Path, plan: StudyPlan) -> None:
    """Say in the folder what its clinics are like, and refuse one of others."""
    note, said = folder / "plan.txt", repr(plan) + "\n"
    if not note.exists():
        note.write_text(said, encoding="utf-8")
    elif note.read_text(encoding="utf-8") != said:
        raise FitError(f"{folder}: met a study of other clinics, expected one of {plan}; choose another folder")
