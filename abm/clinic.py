"""The Mesa engine: a clinic of physicians, staff, patients and a manager, a day a step.

This is the readable reference; `abm.population.simulate` is the same clinic as arrays. On the same seed both agree to
rounding, because draws are addressed (see `abm.draws`) and all behaviour is in `abm.rules`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Any

import mesa
import numpy as np
import xarray as xr
from mesa.datacollection import DataCollector
from scipy.special import ndtr

from abm import draws
from abm import interventions as iv
from abm.agents import Manager, Patient, Person, Physician, Staff
from abm.layout import ROLES, WEEKDAYS, Layout
from abm.network import peers_mean
from abm.outcomes import RECORDED, STAFF_OUTCOMES, to_dataset
from abm.parameters import Parameters
from abm.population.simulate import default_layout
from abm.rules import Rules, appointments, tasks
from abm.rules import scalar as xp


class Clinic(mesa.Model):
    """A family-medicine clinic.

    Args:
        parameters: see `clinictwin parameters`; defaults if None.
        rng: seed or generator of the model; every draw of the clinic derives from it.
        interventions: proposed changes; the manager approves those within ``budget`` (USD a year; None = all).
        layout: who is in the clinic; the default one has 50 physicians.
        rules: behavioural rules to use instead of the standard ones.
        physician_class, staff_class, patient_class: subclasses to use.
        draws_seed: seed of the addressed draws, to meet the same chances as another run or the JAX engine.
    """

    xp = xp
    share_levers = frozenset(iv.SHARE_LEVERS)

    def __init__(
        self,
        parameters: Parameters | None = None,
        *,
        rng: Any = None,
        interventions: Iterable[iv.Intervention] = (),
        layout: Layout | None = None,
        rules: Rules | None = None,
        physician_class: type[Physician] = Physician,
        staff_class: type[Staff] = Staff,
        patient_class: type[Patient] = Patient,
        budget: float | None = None,
        draws_seed: Any = None,
    ) -> None:
        super().__init__(rng=rng)
        self.parameters = parameters or Parameters()
        self.layout = layout or default_layout()
        self.rules = rules or Rules()
        drawn = int(self.rng.integers(1 << 63))
        self.draws_seed = np.asarray(draws.seed_words(drawn if draws_seed is None else draws_seed))
        self.no_levers = dict.fromkeys(iv.LEVERS, 0.0)
        self.day = -1
        self.manager = Manager(self, interventions, budget)
        self._hire_everybody(physician_class, staff_class, patient_class)
        self._records: list[np.ndarray] = []
        self._staff_records: list[np.ndarray] = []
        self.datacollector = DataCollector(model_reporters={
            "burnout prevalence": Clinic.burnout_prevalence, "mean fatigue": Clinic.mean_fatigue,
            "evening minutes": Clinic.mean_evening_minutes, "waiting requests": Clinic.waiting_requests,
            "vacancies": Clinic.vacancies,
        })  # fmt: skip

    def _hire_everybody(
        self, physician_class: type[Physician], staff_class: type[Staff], patient_class: type[Patient]
    ) -> None:
        layout, n = self.layout, self.layout.physicians
        pod, sets = layout.person_pod.tolist(), np.asarray(layout.traits).tolist()
        days = np.asarray(layout.session_days).tolist()
        self.physicians = [physician_class(self, i, pod[i], sets[i], days[i]) for i in range(n)]
        roles = layout.staff_roles.tolist()
        self.staff = [staff_class(self, n + j, pod[n + j], sets[n + j], role) for j, role in enumerate(roles)]
        self.people: list[Person] = [*self.physicians, *self.staff]
        self.pods = [[d for d in self.physicians if d.pod == k] for k in range(layout.pods)]
        per_role = [
            [[s for s in self.staff if s.pod == k and s.role == role] for k in range(layout.pods)] for role in ROLES
        ]
        self.assistants, self.nurses, self.desk, self.scribes = per_role
        for physician, size in zip(self.physicians, np.asarray(layout.panel_size).tolist(), strict=True):
            cells = draws.middle_cell(np.arange(size), size)
            z = draws.NORMAL_TABLE[cells].tolist()
            no_show = np.asarray(layout.patient_no_show)[physician.index].astype(float).tolist()
            group = np.asarray(layout.patient_group)[physician.index].astype(float).tolist()
            physician.panel = [patient_class(self, physician, z[r], no_show[r], group[r]) for r in range(size)]
        self.change_parameters(self.parameters)

    def change_parameters(self, parameters: Parameters) -> None:
        """Go on with other parameters: how people behave and what changes achieve, not who is there or how they are."""
        p = self.parameters = parameters
        shift = p.request_complexity_exponent * p.patient_complexity_spread
        self._chosen = ndtr(draws.NORMAL_TABLE + shift)
        self.manager.read_effects()

    # --- one day
    def step(self) -> None:
        """One calendar day, from morning to morning."""
        self.day += 1
        self.weekday = self.day % 7
        self.is_weekday = self.weekday < WEEKDAYS
        self.weekday_number = 5 * (self.day // 7) + min(self.weekday, WEEKDAYS - 1)
        self._draw()
        if self.manager.changes:
            for person in self.people:
                person.meet_go_lives()
        for person in self.people:
            person.wake()
        for physician in self.physicians:
            physician.read_levers()
        self._look_around()
        if self.is_weekday:
            self._work()
        for person in self.people:
            person.night()
        self._record()
        self.datacollector.collect(self)

    def _draw(self) -> None:
        """Today's draws, as lists of floats."""
        layout = self.layout
        day = draws.day_draws(self.draws_seed, self.day, layout.physicians, layout.people, layout.slots_max,
                              len(self.manager.changes), np.float64, np)  # fmt: skip
        self.draw = draws.DayDraws(*(a.tolist() for a in day))
        self._ranks: dict[int, list[int]] = {}

    def request_ranks(self, index: int) -> list[int]:
        """Rank within each physician's panel of whoever makes the ``index``-th request of today."""
        if index not in self._ranks:
            self._rank_block(index // RANK_BLOCK * RANK_BLOCK)
        return self._ranks[index]

    def _rank_block(self, first: int) -> None:
        """Compute the ranks of a block of request indices at once: one array operation instead of many."""
        indices = np.arange(first, first + RANK_BLOCK, dtype=np.uint32)
        physician = np.arange(self.layout.physicians, dtype=np.uint32)
        word = draws.request_words(self.draws_seed, physician, self.weekday_number, indices[:, None], np)[0]
        size = np.asarray(self.layout.panel_size)
        ranks = np.minimum((self._chosen[word >> np.uint32(16)] * size).astype(np.int64), size - 1)
        self._ranks.update(zip(indices.tolist(), ranks.tolist(), strict=True))

    def _look_around(self) -> None:
        """What everybody sees of their peers this morning."""
        employed = np.array([person.employed for person in self.people])
        share = self.parameters.distant_peer_share
        see = lambda values: peers_mean(np.array(values), employed, self.layout, share, np).tolist()  # noqa: E731
        for person, seen in zip(self.people, see([q.mind.motivation for q in self.people]), strict=True):
            person.peers_motivation = seen
        if self.manager.changes:
            tried = see([[use.tried for use in q.uses] for q in self.people])
            adoption = see([[use.adoption for use in q.uses] for q in self.people])
            for person, t, a in zip(self.people, tried, adoption, strict=True):
                person.peers_tried, person.peers_adoption = t, a

    def _work(self) -> None:
        """A weekday's work, pod by pod."""
        for physician in self.physicians:
            physician.take_requests()
            physician.book()
        for k, pod in enumerate(self.pods):
            self._hold_sessions(k, pod)
            for physician in pod:
                physician.close_session()
                physician.read_inbox()
            self._follow_advice(pod)
            for physician in pod:
                physician.write_visits_up()
            granted = self._granted_share(k, pod)
            for physician in pod:
                physician.do_desk_work(granted)
            self._share_staff_work(k, pod)

    def _hold_sessions(self, k: int, pod: list[Physician]) -> None:
        """The pod's sessions side by side: in order of slot, then physician, patients take the assistant free first."""
        assistants = self.assistants[k]
        here = sum(a.here for a in assistants)
        extra = sum(d.levers["assistants"] for d in pod) / len(pod)
        places = len(assistants) + iv.EXTRA_PLACES
        session = self.parameters.session_minutes
        free = [appointments.assistant_starts(i, here + extra, session, xp) for i in range(places)]
        weight = [a.here + 1e-9 for a in assistants]
        slowness = sum(w * a.slowness for w, a in zip(weight, assistants, strict=True)) / sum(weight)
        for physician in pod:
            physician.prepare_session()
        for slot in range(self.layout.slots_max):
            for physician in pod:
                if slot < len(physician.visits) and physician.visits[slot].comes:
                    physician.see(physician.visits[slot], free, slowness)

    @staticmethod
    def occupy_assistant(free: list[float], until: float) -> None:
        """The assistant who is free first is busy ``until`` then; ``free`` stays sorted."""
        free.pop(0)
        insort(free, until)

    def _follow_advice(self, pod: list[Physician]) -> None:
        """The twin's advice moves messages from the overloaded to the others of the pod; their sum stays."""
        p = self.parameters
        if not any(d.levers["advice"] for d in pod):
            return
        mean = max(sum(d.load for d in pod) / len(pod), 1.0)
        weights = [
            d.inbox * xp.exp(-p.advice_gain * p.advice_accuracy * d.levers["advice"] * (d.load / mean - 1.0))
            for d in pod
        ]
        total = sum(d.inbox for d in pod)
        for physician, weight in zip(pod, weights, strict=True):
            physician.inbox = weight * total / max(sum(weights), 1e-9)

    def _granted_share(self, k: int, pod: list[Physician]) -> float:
        """Share of the pod's wishes for help that its nurses have time for."""
        p = self.parameters
        base = sum(p.nurse_minutes_per_visit * d.kept for d in pod)
        wish = sum(d.team_wish + d.inbox_wish for d in pod)
        free = max(sum(s.here for s in self.nurses[k]) * p.staff_minutes_per_day - base, 0.0)
        return tasks.delegated_minutes(wish, free, p.staff_time_ratio, xp) / max(wish, 1e-9)

    def _share_staff_work(self, k: int, pod: list[Physician]) -> None:
        p = self.parameters
        totals = (
            (self.assistants, sum(d.rooming_sum + p.medical_assistant_visit_minutes * d.kept for d in pod)),
            (
                self.nurses,
                sum(
                    p.nurse_minutes_per_visit * d.kept + (d.to_team + d.inbox_to_team) * p.staff_time_ratio for d in pod
                ),
            ),
            (self.desk, sum(p.front_desk_minutes_per_visit * len(d.visits) for d in pod)),
            (self.scribes, sum(d.to_scribe for d in pod)),
        )
        for by_pod, minutes in totals:
            here = sum(s.here for s in by_pod[k])
            for member in by_pod[k]:
                member.do_share(minutes, here)

    # --- what is reported
    def _record(self) -> None:
        days = [d.day_outcomes() for d in self.physicians]
        self._records.append(np.array([[day.get(name, 0.0) for name in RECORDED] for day in days]))
        self._staff_records.append(
            np.array(
                [
                    [
                        {**s.record, "on_duty": s.work.on_duty, "work_minutes": s.work_minutes}[name]
                        for name in STAFF_OUTCOMES
                    ]
                    for s in self.staff
                ]
            )
        )

    def records(self) -> dict[str, np.ndarray]:
        """Daily outcomes of the run so far, [days, N] by name."""
        stacked = np.stack(self._records)
        return {name: stacked[:, :, i] for i, name in enumerate(RECORDED)}

    def staff_records(self) -> dict[str, np.ndarray]:
        """Daily outcomes of staff, [days, M] by name."""
        stacked = np.stack(self._staff_records)
        return {name: stacked[:, :, i] for i, name in enumerate(STAFF_OUTCOMES)}

    def to_dataset(self, period_days: int = 1, first_day: int = 0) -> xr.Dataset:
        """The run so far as a labelled Dataset; days are averaged in periods of ``period_days``."""

        def in_periods(values: np.ndarray) -> np.ndarray:
            whole = (len(values) - first_day) // period_days * period_days
            kept = values[first_day : first_day + whole]
            return kept.reshape((-1, period_days, *values.shape[1:])).mean(axis=1)

        physicians = {name: in_periods(v) for name, v in self.records().items()}
        staff = {name: in_periods(v) for name, v in self.staff_records().items()}
        return to_dataset(physicians, self.layout, period_days=period_days, staff=staff, first_day=first_day)

    def burnout_prevalence(self) -> float:
        """Share of employed physicians who are burned out (level 3 or more)."""
        employed = [d for d in self.physicians if d.employed]
        return sum(d.burned_out for d in employed) / max(len(employed), 1)

    def mean_fatigue(self) -> float:
        return sum(d.fatigue for d in self.physicians) / len(self.physicians)

    def mean_evening_minutes(self) -> float:
        """Mean after-hours minutes of today's session holders."""
        on_duty = [d for d in self.physicians if d.work.on_duty]
        return 60.0 * sum(d.work.evening_hours for d in on_duty) / max(len(on_duty), 1)

    def waiting_requests(self) -> int:
        return sum(len(d.waiting_list) for d in self.physicians)

    def vacancies(self) -> int:
        return sum(1 for d in self.physicians if not d.employed)


RANK_BLOCK = 32  # request indices whose askers are looked up together
