"""Who works in the clinic that is fitted: read off its observations, kept beside the fit, read back for a sweep."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from abm.layout import PATIENTS_PER_PANEL, WEEKDAYS, Layout, make_layout
from calibration.fit_result import Fit, FitError
from calibration.observations import person_ids

POD_SIZES = (5, 4, 6, 3, 7, 2)  # tried in this order; a clinic that none divides is one pod
STAFF_PER_PHYSICIAN = (1.0, 0.6, 0.4, 0.4)  # medical assistants, nurses, front desk, scribes, as in the default clinic
REPORTING_SHARE = 0.3  # of the weeks in which a physician who has that session reports something on its day (assumed)
A_MONDAY = pd.Timestamp("2024-01-01")
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday")
FACTS, PEOPLE = "clinic.yaml", "clinic.csv"


@dataclasses.dataclass(frozen=True)
class Clinic:
    """A layout, the identifier of every physician's post in its order, and what had to be assumed."""

    layout: Layout
    who: tuple[str, ...]
    assumptions: tuple[str, ...] = ()

    def rename(self, observations: pd.DataFrame) -> pd.DataFrame:
        """The observations with the posts' names that a fit knows (physician-000, ...) instead of their own."""
        names = dict(zip(self.who, person_ids(self.layout.physicians), strict=True))
        return observations.assign(who=observations["who"].map(names))

    def restore(self, fit: Fit) -> Fit:
        """The fit of renamed observations with the posts' own names in its effects, risks and inference data."""
        own = dict(zip(person_ids(self.layout.physicians), self.who, strict=True))
        effects, risk = (table.assign(who=table["who"].map(own)) for table in (fit.effects, fit.risk))
        renamed = lambda data: data.assign_coords(physician=list(self.who)) if "physician" in data.dims else data  # noqa: E731
        return dataclasses.replace(fit, effects=effects, risk=risk, inference=fit.inference.map_over_datasets(renamed))


def infer_clinic(observations: pd.DataFrame, timezone: str = "UTC") -> Clinic:
    """The clinic that a validated table of observations speaks of.

    Physicians are whoever is observed; session days come from the roster's scheduled minutes, else from the days with
    EHR or schedule reports. Pods, staff and panels are not observed: they are assumed, as ``assumptions`` says.
    """
    who = tuple(sorted(observations["who"].unique()))
    count = len(who)
    pod_size = next((size for size in POD_SIZES if count % size == 0), count)
    staff = tuple(max(1, round(share * pod_size)) for share in STAFF_PER_PHYSICIAN)
    layout = make_layout(count, pod_size, (staff[0], staff[1], staff[2], staff[3]))
    session_days, source = _session_days(observations, who, timezone)
    share = session_days.sum(axis=1) / session_days.sum(axis=1).mean()
    middle = sum(PATIENTS_PER_PANEL) / 2
    panel = np.minimum(np.round(middle * share).astype(int), layout.patient_group.shape[1])
    assumptions = (
        f"session days: {source}",
        f"pods of {pod_size} in the order of the identifiers, with {', '.join(map(str, staff))} medical assistants, "
        "nurses, front desk staff and scribes each",
        f"panels of {middle:g} patients for the mean physician, in proportion to session days",
    )
    return Clinic(dataclasses.replace(layout, session_days=session_days, panel_size=panel), who, assumptions)


def _session_days(observations: pd.DataFrame, who: tuple[str, ...], timezone: str) -> tuple[np.ndarray, str]:
    """1.0 [N, WEEKDAYS] where a physician holds a session, and where that is known from."""
    roster = observations[observations["measure"] == "scheduled_minutes"]
    work = observations[observations["stream"].isin(["ehr", "schedule"]) & (observations["value"] > 0)]
    work = work[~work["measure"].isin(["message_count", "third_next_available_days"])]  # reported on days off as well
    for rows, source in ((roster[roster["value"] > 0], "the roster"), (work, "days with EHR or schedule reports")):
        if rows.empty:
            continue
        day = rows["measured_at"].dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
        dates = pd.DataFrame({"who": rows["who"], "day": day}).drop_duplicates()
        weeks = max((day.max() - day.min()).days / 7.0, 1.0)
        weekday = (dates["day"] - A_MONDAY).dt.days % 7  # pandas 2 and 3 name this differently
        counts = dates.groupby(["who", weekday]).size().unstack(fill_value=0)
        counts = counts.reindex(index=list(who), columns=range(WEEKDAYS), fill_value=0)
        days = (counts.to_numpy() >= REPORTING_SHARE * weeks).astype(float)
        days[days.sum(axis=1) == 0] = 1.0  # somebody of whom too little is known: five sessions
        return days, source
    return np.ones((len(who), WEEKDAYS)), "five a week for everybody (neither roster nor EHR reports)"


def save_clinic(clinic: Clinic, folder: Path) -> None:
    """Write clinic.csv (a row a post) and clinic.yaml (what the posts share) to an existing folder."""
    layout = clinic.layout
    people = pd.DataFrame(
        {"who": clinic.who, "pod": layout.person_pod[: layout.physicians], "patients": layout.panel_size}
    )
    for k, name in enumerate(DAY_NAMES):
        people[name] = np.asarray(layout.session_days)[:, k].astype(int)
    people.to_csv(folder / PEOPLE, index=False)
    facts = {
        "pod_size": layout.pod_size,
        "staff_per_pod": list(layout.staff_per_pod),
        "rooms_per_physician": layout.rooms_per_physician,
        "slots_max": layout.slots_max,
        "seed": layout.seed,
        "assumptions": list(clinic.assumptions),
    }
    (folder / FACTS).write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")


def load_clinic(folder: str | Path) -> Clinic:
    """Read what :func:`save_clinic` wrote. Raises FitError, naming the file, on anything else."""
    folder = Path(folder)
    for name in (FACTS, PEOPLE):
        if not (folder / name).is_file():
            raise FitError(f"{folder}: met no file {name}, expected a folder written by `clinictwin fit`")
    try:
        facts = yaml.safe_load((folder / FACTS).read_text(encoding="utf-8"))
        people = pd.read_csv(folder / PEOPLE, dtype={"who": str})
        staff = [int(n) for n in facts["staff_per_pod"]]
        layout = make_layout(
            len(people), int(facts["pod_size"]), (staff[0], staff[1], staff[2], staff[3]),
            int(facts["rooms_per_physician"]), int(facts["slots_max"]), int(facts["seed"]),
        )  # fmt: skip
        panel = np.minimum(people["patients"].to_numpy(int), layout.patient_group.shape[1])
        days = people[list(DAY_NAMES)].to_numpy(float)
    except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
        raise FitError(f"{folder}: {FACTS} or {PEOPLE} is not as `clinictwin fit` writes them: {error}") from None
    return Clinic(
        dataclasses.replace(layout, panel_size=panel, session_days=days),
        tuple(people["who"]),
        tuple(facts.get("assumptions") or ()),
    )
