"""What physicians and staff have in common: fatigue, slow states, use of changes, employment."""

from __future__ import annotations

from typing import Any, NamedTuple

import mesa

from abm.layout import TRAITS
from abm.population.state import SETTLED_TENURE_DAYS
from abm.rules import adoption, burnout, change_fatigue, phases, turnover
from abm.rules import scalar as xp
from abm.rules.person import ChangeUse, Drivers, Mind, change_use_after, mind_after, own_baseline_motivation


class DayOfWork(NamedTuple):
    """Hours and intensity of a person's day, as the phases need them."""

    session_hours: float = 0.0
    wrap_up_hours: float = 0.0
    evening_hours: float = 0.0
    session_intensity: float = 0.0
    on_duty: float = 0.0


class Person(mesa.Agent):
    """A physician or a staff member; ``index`` addresses this person's draws (physicians come first).

    A post keeps its agent when the holder leaves: the successor gets new traits and states. Override `sleep`,
    `next_mind` or `burned_out_now` to change one rule for a subclass.
    """

    is_physician = False

    def __init__(self, model: Any, index: int, pod: int, trait_sets: list[list[float]]) -> None:
        super().__init__(model)
        p = model.parameters
        self.index, self.pod, self.trait_sets = index, pod, trait_sets
        self.traits = dict(zip(TRAITS, trait_sets[0], strict=True))
        self.fatigue = p.initial_fatigue
        self.mind = Mind(p.initial_exhaustion, p.initial_cynicism, 0.0, self.baseline_motivation)
        self.uses = [ChangeUse(0.0, 0.0, 0.0) for _ in model.manager.changes]
        self.employed, self.tenure, self.generation = 1.0, SETTLED_TENURE_DAYS, 0
        self.left = self.hired = 0.0
        self.absent = 0.0
        self.burned_out = 0.0
        self.work = DayOfWork()
        self.slept = p.sleep_hours_base
        self.peers_motivation = 0.0
        self.peers_tried: list[float] = []
        self.peers_adoption: list[float] = []
        self.record: dict[str, float] = {}

    # --- what subclasses say of themselves
    @property
    def fatigue_build_rate(self) -> float:
        """Build-up of fatigue per hour at full intensity."""
        return self.model.parameters.staff_fatigue_build_rate

    @property
    def leaving_per_year(self) -> float:
        return self.model.parameters.staff_leaving_per_year

    @property
    def hire_days(self) -> float:
        return self.model.parameters.staff_hire_days

    @property
    def burnout_threshold(self) -> float:
        return self.model.parameters.staff_burnout_threshold

    @property
    def levers(self) -> dict[str, float]:
        """Levers of active changes on this person's own states."""
        return {"control": 0.0, "support": 0.0, "recovery": 0.0}

    # --- the day
    @property
    def baseline_motivation(self) -> float:
        return own_baseline_motivation(self.traits["motivation"], self.model.parameters, xp)

    @property
    def here(self) -> float:
        """1.0 if the post is filled and its holder is not absent today."""
        return self.employed * (1.0 - self.absent)

    @property
    def slowness(self) -> float:
        """Factor (>= 1) by which fatigue slows this person today."""
        return self.model.rules.slowing(self.fatigue, self.model.parameters.fatigue_slowing, xp)

    def meet_go_lives(self) -> None:
        """Changes that start today shake people; those that need no adoption are in use at once."""
        p, manager = self.model.parameters, self.model.manager
        weight = 0.0
        for c, change in enumerate(manager.changes):
            if change.starts_today(self):
                weight += change.novelty * min(change.dose, 1.0)
            if not change.needs_adoption and change.in_force(self):
                self.uses[c] = ChangeUse(1.0, 1.0, self.uses[c].learned)
        if weight:
            impulse = 1.0 - xp.exp(weight * xp.log1p(-p.change_impulse))
            shaken = change_fatigue.change_fatigue_after_go_live(self.mind.change_fatigue, impulse)
            self.mind = self.mind._replace(change_fatigue=shaken)

    def wake(self) -> None:
        """Morning: is this person burned out, and absent (on weekdays)?"""
        p, draw = self.model.parameters, self.model.draw
        m = self.mind
        self.burnout_index = self.model.rules.burnout_index(m.exhaustion, m.cynicism, m.motivation, m.change_fatigue, p)
        self.burned_out = self.burned_out_now()
        self.work = DayOfWork()
        self.absent = 0.0
        if self.model.is_weekday:
            chance = self.model.rules.absence_probability(self.burned_out, p.absence_per_day, p.absence_burnout_ratio)
            self.absent = 1.0 if draw.absence[self.index] < chance else 0.0

    def burned_out_now(self) -> float:
        """1.0 at level 3 or more on the single-item scale, personal intercept included."""
        intercept = burnout.personal_intercept(self.traits["intercept"])
        return burnout.burned_out(self.burnout_index, intercept, self.burnout_threshold, xp)

    def sleep(self, recovery: phases.Recovery) -> float:
        """Hours slept after today's work."""
        p, w = self.model.parameters, self.work
        tired = phases.fatigue_at_bedtime(self.fatigue, w.session_hours, w.session_intensity, w.evening_hours,
                                          w.wrap_up_hours, w.on_duty, p.desk_intensity, recovery, xp)  # fmt: skip
        return self.model.rules.sleep_hours(
            w.evening_hours,
            tired,
            self.model.draw.sleep[self.index],
            p.sleep_hours_base,
            p.sleep_loss_per_evening_hour,
            p.sleep_loss_fatigue,
            p.sleep_spread,
            xp,
        )

    @property
    def recovery(self) -> phases.Recovery:
        p = self.model.parameters
        at_rest = p.recovery_rate * xp.exp(p.recovery_spread * self.traits["recovery"] + self.levers["recovery"])
        return phases.Recovery(self.fatigue_build_rate, p.recovery_rate_at_work, at_rest, p.awake_rest_quality)

    def plan_day(self, sleep: float) -> phases.Phases:
        """The day's phases; `phases.fatigue_at` gives the fatigue at any hour of it."""
        w = self.work
        return phases.plan_phases(w.session_hours, w.wrap_up_hours, w.evening_hours, sleep, w.session_intensity,
                                  self.model.parameters.desk_intensity, w.on_duty, xp)  # fmt: skip

    def night(self) -> None:
        """From the end of work to the next morning."""
        p, m = self.model.parameters, self.mind
        recovery = self.recovery
        self.phases = self.plan_day(self.sleep(recovery))
        self.slept = self.phases.sleep
        self.record = {
            "sleep_hours": self.slept, "fatigue": self.fatigue, "exhaustion": m.exhaustion, "cynicism": m.cynicism,
            "change_fatigue": m.change_fatigue, "motivation": m.motivation, "adoption": self.mean_adoption(),
            "burnout_risk": burnout.burnout_risk(self.burnout_index, self.burnout_threshold, xp),
            "burned_out": self.burned_out, "employed": self.employed,
        }  # fmt: skip
        self.fatigue = phases.fatigue_at(self.fatigue, self.phases, p.sleep_hours_base, recovery, xp)
        mind = self.next_mind()
        if self.uses:
            self.uses = self.next_uses()
        self.mind = mind
        self.tenure += 1.0
        self.change_employment(m.exhaustion)
        self.record["left"], self.record["hired"] = self.left, self.hired

    def mean_adoption(self) -> float:
        changes = self.model.manager.changes
        needs = sum(c.needs_adoption for c in changes)
        total = sum(u.adoption * c.needs_adoption for u, c in zip(self.uses, changes, strict=True))
        return total / max(needs, 1e-9)

    def next_mind(self) -> Mind:
        """Slow states tomorrow, from this morning's drivers."""
        changes = self.model.manager.changes
        unstable = benefit = 0.0
        for use, change in zip(self.uses, changes, strict=True):
            unstable += change.in_force(self) * (1.0 - use.learned) * change.novelty * min(change.dose, 1.0)
            benefit += change.rolled_out(self) * use.adoption * change.relief
        drivers = Drivers(self.fatigue_morning, self.levers["control"], self.levers["support"], benefit,
                          self.peers_motivation, unstable, self.baseline_motivation)  # fmt: skip
        return mind_after(self.mind, drivers, 1.0, self.model.parameters, self.model.rules, xp)

    @property
    def fatigue_morning(self) -> float:
        return self.record["fatigue"]

    def next_uses(self) -> list[ChangeUse]:
        """How this person stands to every change tomorrow; a first try is an event of the night."""
        p, clinic = self.model.parameters, self.model
        result = []
        for c, change in enumerate(clinic.manager.changes):
            use = self.uses[c]
            extra_hours = p.learning_minutes_per_day * change.learning_load * (1.0 - use.learned) / 60.0
            after = change_use_after(
                use,
                change.needs_adoption,
                self.peers_adoption[c],
                change.relief,
                self.traits["technology"],
                self.mind,
                extra_hours,
                1.0,
                p,
                clinic.rules,
                xp,
            )
            if change.needs_adoption and not use.tried:
                chance = adoption.take_up_probability(change.in_force(self), self.peers_tried[c], p.take_up_innovation,
                                                      p.take_up_imitation, xp)  # fmt: skip
                after = after._replace(tried=1.0 if clinic.draw.take_up[self.index][c] < chance else 0.0)
            result.append(after)
        return result

    def change_employment(self, exhaustion: float) -> None:
        """Leave, or be followed by a newcomer in a vacant post."""
        p, u = self.model.parameters, self.model.draw.employment[self.index]
        self.left = self.hired = 0.0
        if self.employed:
            chance = self.model.rules.leaving_probability(
                self.burned_out, exhaustion, 1.0, self.leaving_per_year, p.leaving_burnout_ratio,
                p.leaving_exhaustion_effect, xp)  # fmt: skip
            if u < chance:
                self.left, self.employed = 1.0, 0.0
        elif u < turnover.hiring_probability(1.0, self.hire_days, xp):
            self.hired, self.employed = 1.0, 1.0
            self.start_as_newcomer()

    def start_as_newcomer(self) -> None:
        """The successor: another trait set, fresh states, no changes tried."""
        p = self.model.parameters
        self.generation += 1
        self.traits = dict(zip(TRAITS, self.trait_sets[min(self.generation, len(self.trait_sets) - 1)], strict=True))
        self.mind = Mind(p.newcomer_exhaustion, 0.0, 0.0, self.baseline_motivation)
        self.fatigue = p.initial_fatigue
        self.tenure = 0.0
        self.uses = [ChangeUse(0.0, 0.0, 0.0) for _ in self.uses]
