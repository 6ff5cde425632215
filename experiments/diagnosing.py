"""`clinictwin diagnose`: the checks of a calibration, each computed once, kept as tables, and told on one page.

What a folder holds already is not computed again, so a run that was interrupted goes on, and a larger study adds to a
smaller one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from calibration.clinic import Clinic, infer_clinic, load_clinic
from calibration.diagnostics import coverage, identifiability, ranks, skill, stream_value
from calibration.diagnostics.other_worlds import ALTERED
from calibration.diagnostics.revisit import Revisited, revisit
from calibration.diagnostics.study import StudyPlan, run_study, simulated_truth
from calibration.exports import write_csv
from calibration.fit import FITTED, Fit, fit, load_fit, save_fit
from calibration.observations import validate
from calibration.simulated import SimulatedClinic, draw_truth, simulate_observations

PROFILE_STEPS = np.array([-1.0, -0.5, 0.5, 1.0])  # posterior deviations along a direction
PROFILED = 3  # least known directions that are profiled
SKILL_SEEN, SKILL_DAYS, SKILL_PHYSICIANS, SKILL_SEED = 112, 196, 20, 500
WORLDS = ("own model", "patients as agents", "two rules altered")


@dataclasses.dataclass(frozen=True)
class DiagnosePlan:
    """How much is done; the full size of a study is 500 clinics (hours on two cores)."""

    clinics: int = 20
    mesa_clinics: int = 4
    skill_clinics: int = 1  # of each world
    study: StudyPlan = dataclasses.field(default_factory=StudyPlan)
    seed: int = 0


class Diagnosis(NamedTuple):
    """All tables; None where a part was not asked for."""

    study: pd.DataFrame
    mesa: pd.DataFrame | None
    parameters: pd.DataFrame
    directions: pd.DataFrame
    profiles: pd.DataFrame
    streams: pd.DataFrame
    skill: pd.DataFrame | None


def diagnose(out_dir: Path, plan: DiagnosePlan, *, fitted: tuple[Path, Path] | None = None, timezone: str = "UTC",
             progress: bool = True, say: Callable[[str], None] = print) -> Diagnosis:  # fmt: skip
    """Compute what ``out_dir`` lacks. ``fitted``: (observations, folder of their fit) to look at; a simulated clinic's
    if None. Raises FitError on a folder of another study, as `calibration` does on refused observations."""
    tables = out_dir / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    say(f"study of {plan.clinics} simulated clinics")
    study = run_study(out_dir / "study", plan.clinics, plan.study, progress=progress)
    mesa = None
    if plan.mesa_clinics:
        say(f"study of {plan.mesa_clinics} clinics whose patients are agents")
        of_mesa = dataclasses.replace(plan.study, engine="mesa")
        mesa = run_study(out_dir / "study-mesa", plan.mesa_clinics, of_mesa, progress=progress)
    of_fit = _of_one_fit(out_dir, plan, fitted, timezone, progress, say)
    skills = None
    if plan.skill_clinics:
        parts = [_skill(out_dir, world, k, progress, say) for world in WORLDS for k in range(plan.skill_clinics)]
        skills = pd.concat(parts, ignore_index=True)
    return Diagnosis(study, mesa, *of_fit, skills)


def coverage_of(diagnosis: Diagnosis) -> pd.DataFrame:
    """Coverage in both studies, with a column ``truth``: where the clinics came from."""
    own = coverage.coverage(diagnosis.study).assign(truth=WORLDS[0])
    other = [] if diagnosis.mesa is None else [coverage.coverage(diagnosis.mesa).assign(truth=WORLDS[1])]
    return pd.concat([own, *other], ignore_index=True)


def rank_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """One row a parameter: whether the ranks' distribution function lies inside its band, and by how much it is off."""
    checks = ranks.rank_checks(diagnosis.study)
    return pd.DataFrame([
        {"name": name, "inside": check.inside, "largest_difference": float(np.abs(check.ecdf - check.points).max())}
        for name, check in checks.items()
    ])  # fmt: skip


def _of_one_fit(out_dir: Path, plan: DiagnosePlan, fitted: tuple[Path, Path] | None, timezone: str, progress: bool,
                say: Callable[[str], None]) -> tuple[pd.DataFrame, ...]:  # fmt: skip
    names = ("parameters", "directions", "profiles", "streams")
    files = [out_dir / "tables" / f"{name}.csv" for name in names]
    if not all(file.exists() for file in files):
        say("one fit: what its streams can and cannot tell")
        at = _given(*fitted, timezone) if fitted else _simulated(plan, progress)
        found = identifiability.identifiability(at)
        write_csv(found.parameters, files[0])
        write_csv(found.directions, files[1])
        write_csv(_profiles(at, found), files[2])
        say("one fit: what each stream is worth")
        write_csv(stream_value.stream_value(at, progress=progress), files[3])
    return tuple(pd.read_csv(file, keep_default_na=False, na_values=["nan", "NaN"]) for file in files)


def _profiles(at: Revisited, found: identifiability.Identifiability) -> pd.DataFrame:
    parts = []
    for k in range(min(PROFILED, len(found.vectors))):
        steps = PROFILE_STEPS * found.directions["deviation"].iloc[k]
        table = identifiability.profile(at, found.vectors[k], steps)
        parts.append(table.assign(direction=found.directions["what"].iloc[k]))
    return pd.concat(parts, ignore_index=True)


def _given(observations: Path, folder: Path, timezone: str) -> Revisited:
    from experiments.fitting import read_table

    table, _ = read_table(observations)
    clinic: Clinic = load_clinic(folder) if (folder / "clinic.csv").exists() else infer_clinic(table, timezone)
    return revisit(load_fit(folder), clinic.rename(table), clinic.layout, timezone=timezone)


def _simulated(plan: DiagnosePlan, progress: bool) -> Revisited:
    truth = simulated_truth(plan.study.first_seed, plan.study)
    found = fit(truth.observations, truth.layout, seed=plan.seed, progress=progress, starts=1)
    return revisit(found, truth.observations, truth.layout)


def _skill(out_dir: Path, world: str, number: int, progress: bool, say: Callable[[str], None]) -> pd.DataFrame:
    """Scores of one clinic of one world."""
    file = out_dir / "tables" / f"skill-{world.replace(' ', '-')}-{number}.csv"
    if not file.exists():
        say(f"forecasts of held-out weeks: {world}, clinic {number}")
        truth = _world(world, SKILL_SEED + number)
        table, _ = validate(truth.observations)
        first = pd.Timestamp(truth.first_day, tz="UTC")
        early = table[table["measured_at"] < first + pd.Timedelta(days=SKILL_SEEN)]
        found = _skill_fit(early, truth, out_dir / "fits" / file.stem, progress)
        scored = skill.skill_on(table, truth.layout, found, seen_days=SKILL_SEEN, days=SKILL_DAYS,
                                first_day=truth.first_day)  # fmt: skip
        write_csv(scored.assign(world=world, clinic=number), file)
    return pd.read_csv(file)


def _skill_fit(observations: pd.DataFrame, truth: SimulatedClinic, folder: Path, progress: bool) -> Fit:
    if not (folder / "fit.yaml").exists():
        found = fit(observations, truth.layout, progress=progress, starts=1, first_day=truth.first_day)
        save_fit(found, folder)
    return load_fit(folder)


def _world(world: str, seed: int) -> SimulatedClinic:
    return simulate_observations(
        draw_truth(seed, FITTED), days=SKILL_DAYS, physicians=SKILL_PHYSICIANS, seed=seed,
        engine="jax" if world == WORLDS[0] else "mesa", rules=ALTERED if world == WORLDS[2] else None,
    )  # fmt: skip
