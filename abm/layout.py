"""Who is in the clinic and how it is laid out: physicians, pods, staff, panels, the social network."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from abm.draws import NORMAL_TABLE, middle_cell

ROLES = ("medical assistant", "nurse", "front desk", "scribe")
TRAITS = ("pace", "efficiency", "recovery", "motivation", "technology", "intercept", "rating")
GENERATIONS = 3  # trait sets per post: the first holder, and two successors (later ones resemble the last)
WEEKDAYS = 5
PATIENTS_PER_PANEL = (1800, 2400)
DISADVANTAGED_SHARE = 0.25  # share of patients in equity group 1 (assumed)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Fixed facts of one clinic. N physicians in pods of ``pod_size``, M staff, P = N + M people (physicians first)."""

    physicians: int
    pod_size: int
    staff_per_pod: tuple[int, ...]  # by ROLES
    rooms_per_physician: int
    slots_max: int
    seed: int
    panel_size: Any  # int [N]: patients
    session_days: Any  # float [N, 5]: 1 where the physician holds a session
    traits: Any  # float [P, GENERATIONS, len(TRAITS)]: standard normal
    distant_peers: Any  # int [P, 2]: colleagues outside the pod
    patient_no_show: Any  # float32 [N, largest panel]: standard normal no-show propensity
    patient_group: Any  # int8 [N, largest panel]: 1 = disadvantaged equity group

    @property
    def pods(self) -> int:
        return self.physicians // self.pod_size

    @property
    def staff(self) -> int:
        return self.pods * sum(self.staff_per_pod)

    @property
    def people(self) -> int:
        return self.physicians + self.staff

    @property
    def staff_roles(self) -> np.ndarray:
        """Role index of every staff member, int [M]; staff of one pod lie together, sorted by role."""
        return np.tile(np.repeat(np.arange(len(ROLES)), self.staff_per_pod), self.pods)

    @property
    def person_pod(self) -> np.ndarray:
        """Pod of every person, int [P]."""
        pods = np.arange(self.pods)
        return np.concatenate([np.repeat(pods, self.pod_size), np.repeat(pods, sum(self.staff_per_pod))])

    @property
    def fte(self) -> Any:
        """Clinical full-time equivalents, float [N]: session days a week over five."""
        return self.session_days.sum(axis=1) / WEEKDAYS


PATIENTS_STEP = 500


def of_one_shape(layout: Layout) -> Layout:
    """The layout with its patients' arrays filled up to a round size and without a seed: the same clinic, for which a
    program serves that was compiled for another of its size."""
    size = np.shape(layout.patient_no_show)[1]
    more = ((0, 0), (0, -size % PATIENTS_STEP))
    return dataclasses.replace(
        layout, seed=0, patient_no_show=np.pad(layout.patient_no_show, more),
        patient_group=np.pad(layout.patient_group, more, mode="wrap"),  # the relaxed engine takes its mean
    )  # fmt: skip


_ARRAYS = ["panel_size", "session_days", "traits", "distant_peers", "patient_no_show", "patient_group"]
jax.tree_util.register_dataclass(
    Layout, data_fields=_ARRAYS, meta_fields=[f.name for f in dataclasses.fields(Layout) if f.name not in _ARRAYS]
)


def make_layout(
    physicians: int = 50,
    pod_size: int = 5,
    staff_per_pod: tuple[int, int, int, int] = (5, 3, 2, 2),
    rooms_per_physician: int = 3,
    slots_max: int = 24,
    seed: int = 0,
) -> Layout:
    """A clinic: 60 % of physicians hold five sessions a week, the others four; panels of 1,800 to 2,400 patients.

    Traits of the first holders are stratified (each trait takes every 1/P quantile once, in random order), so that a
    clinic of 50 has the population's spread. ``seed`` fixes who is who. Raises ValueError on impossible sizes.
    """
    if pod_size < 1 or physicians < pod_size or physicians % pod_size:
        raise ValueError(f"physicians: met {physicians}, expected a multiple of pod_size ({pod_size})")
    if min(staff_per_pod[:3]) < 1 or len(staff_per_pod) != len(ROLES):
        raise ValueError(
            f"staff_per_pod: met {staff_per_pod}, expected at least one of each of {ROLES[:3]}, then scribes"
        )
    rng = np.random.default_rng(seed)
    pods = physicians // pod_size
    people = physicians + pods * sum(staff_per_pod)
    full_time = rng.permutation(physicians) < round(0.6 * physicians)
    low, high = PATIENTS_PER_PANEL
    part_time_top = low + (high - low) // 3
    panel = np.where(
        full_time, rng.integers(part_time_top, high + 1, physicians), rng.integers(low, part_time_top, physicians)
    )
    session_days = np.ones((physicians, WEEKDAYS))
    session_days[~full_time, rng.integers(0, WEEKDAYS, (~full_time).sum())] = 0.0
    traits = rng.standard_normal((people, GENERATIONS, len(TRAITS)))
    for start, stop in ((0, physicians), (physicians, people)):
        ranks = np.stack([rng.permutation(stop - start) for _ in TRAITS], axis=1)
        traits[start:stop, 0] = NORMAL_TABLE[middle_cell(ranks, stop - start)]
    distant = np.concatenate(
        [rng.integers(0, physicians, (physicians, 2)), rng.integers(physicians, people, (people - physicians, 2))]
    )
    return Layout(
        physicians=physicians, pod_size=pod_size, staff_per_pod=tuple(staff_per_pod),
        rooms_per_physician=rooms_per_physician, slots_max=slots_max, seed=seed,
        panel_size=panel, session_days=session_days, traits=traits, distant_peers=distant,
        patient_no_show=rng.standard_normal((physicians, panel.max())).astype(np.float32),
        patient_group=(rng.random((physicians, panel.max())) < DISADVANTAGED_SHARE).astype(np.int8),
    )  # fmt: skip
