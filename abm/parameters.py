"""Every parameter of the clinic, once: meaning, unit, bounds, default, prior, source, informing streams.

A parameter is a field of :class:`Parameters`; everything known about it is the field's metadata, so that name,
default and documentation cannot drift apart. ``Parameters`` is a JAX PyTree of floats and works as plain floats too.

The prior of every parameter is normal on the scaled-logit of its bounds, centred at the default: ``prior_spread`` is
the standard deviation there (0.5 means roughly: the middle 68 % spans a quarter of the bounds' width).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import pandas as pd

from abm.spelling import nearest

ASSUMED = "assumed"
SHARE, PER_DAY, PER_HOUR, MINUTES, HOURS, DAYS = "1", "1/day", "1/h", "min", "h", "day"
PER_YEAR, USD, LOGIT, LOG = "1/year", "USD", "logit", "log"


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the table says of one parameter.

    ``without_effect_on`` maps outcomes ("*": all, "* except a b": all but these) to the reason why it cannot move them.
    """

    name: str
    meaning: str
    unit: str
    low: float
    high: float
    default: float
    prior_spread: float
    source: str
    streams: tuple[str, ...]
    without_effect_on: Mapping[str, str]

    def why_without_effect_on(self, outcome: str) -> str | None:
        """Why this parameter cannot move ``outcome`` (a name of `abm.outcomes`, of staff with the prefix ``staff_``)."""
        for outcomes, reason in self.without_effect_on.items():
            every, _, exceptions = outcomes.partition(" except ")
            if every == outcome or (every == "*" and outcome not in exceptions.split()):
                return reason
        return None


def _p(
    default: float,
    unit: str,
    low: float,
    high: float,
    meaning: str,
    source: str = ASSUMED,
    streams: str = "",
    prior_spread: float = 0.5,
    without_effect_on: Mapping[str, str] | None = None,
) -> Any:
    return dataclasses.field(
        default=default,
        metadata=dict(
            meaning=meaning, unit=unit, low=low, high=high, prior_spread=prior_spread, source=source,
            streams=tuple(streams.split()), without_effect_on=dict(without_effect_on or {}),
        ),
    )  # fmt: skip


_FIT = "fitted to EVIDENCE rows marked hold: "
_NOTHING_REACTS = "a read-out only: nothing in the clinic reacts to it"
_CONTINUITY = {"*": "only patients' continuity reads it, and " + _NOTHING_REACTS}
_TASK_LOAD = {"* except task_load task_load_per_session_day": _NOTHING_REACTS}
_TURNOVER_COST = {"* except turnover_cost": _NOTHING_REACTS}
_VISIT_REVENUE = {"* except visit_revenue": _NOTHING_REACTS}
_NO_SHOW = "fitted to Medical Appointment No Shows (Vitoria 2016, 2,000 appointments) by `clinictwin fit-no-show`"


@dataclasses.dataclass(frozen=True)
class Parameters:
    """All parameters of the clinic model; see :func:`table` for the meaning, unit, bounds and source of each."""

    # fmt: off
    # --- session and appointments
    session_minutes: float = _p(480.0, MINUTES, 240, 600, "patient-scheduled time of a session day", "E30, recalled", "schedule roster", 0.2)
    slots_per_session: float = _p(22.0, "slots", 8, 24, "template slots of a session day; a slot lasts session_minutes / slots", "E30, recalled", "schedule", 0.3)
    same_day_share: float = _p(0.35, SHARE, 0.0, 0.9, "share of the slots kept for requests of the same day", ASSUMED, "schedule")
    rooming_minutes: float = _p(6.0, MINUTES, 1, 20, "mean time of a medical assistant to room one patient", ASSUMED, "schedule")
    rooming_spread: float = _p(0.35, LOG, 0.05, 1.0, "log-standard deviation of rooming time", ASSUMED, "schedule")
    visit_minutes: float = _p(17.5, MINUTES, 6, 40, "mean length of a visit with a patient of median complexity, EHR work in the room included", "E30, recalled", "schedule ehr", 0.3)
    visit_spread: float = _p(0.35, LOG, 0.05, 1.0, "log-standard deviation of visit length", ASSUMED, "schedule")
    visit_complexity_exponent: float = _p(0.4, SHARE, 0.0, 1.5, "power of patient complexity in visit length and documentation", ASSUMED, "schedule ehr")
    # --- demand for visits
    visit_requests_per_patient_year: float = _p(2.45, PER_YEAR, 0.5, 5.0, "visits a patient asks for", "E22, prior", "schedule", 0.3)
    urgent_request_share: float = _p(0.40, SHARE, 0.02, 0.9, "share of requests that want a visit the same day", ASSUMED, "schedule")
    patience_days: float = _p(25.0, DAYS, 3, 120, "wait at which a share 1/e of routine requests still books", ASSUMED, "schedule")
    patient_complexity_spread: float = _p(0.5, LOG, 0.05, 1.2, "log-standard deviation of complexity between patients of a panel", ASSUMED, "schedule ehr")
    request_complexity_exponent: float = _p(0.6, SHARE, 0.0, 1.5, "power of complexity in a patient's request and message rate", ASSUMED, "schedule")
    unmet_need_days: float = _p(21.0, DAYS, 3, 120, "time constant with which an unmet need fades or is met elsewhere", ASSUMED, "schedule")
    unmet_request_rate: float = _p(0.03, PER_DAY, 0.0, 0.2, "extra visit requests a weekday per patient with unmet need", ASSUMED, "schedule")
    unmet_message_rate: float = _p(0.03, PER_DAY, 0.0, 0.3, "extra patient messages a weekday per patient with unmet need", ASSUMED, "ehr")
    no_show_intercept: float = _p(-3.5797, LOGIT, -6, 0, "log-odds of a no-show of a same-day appointment", _NO_SHOW, "schedule", 0.2)
    no_show_delay_effect: float = _p(2.5098, LOGIT, 0, 5, "rise of the log-odds of a no-show with a long lead time", _NO_SHOW, "schedule", 0.2)
    no_show_delay_days: float = _p(0.3764, DAYS, 0.05, 10, "lead time over which 63 % of that rise has happened", _NO_SHOW, "schedule", 0.3)
    no_show_patient_spread: float = _p(0.3, LOGIT, 0.0, 1.5, "standard deviation of no-show log-odds between patients", ASSUMED, "schedule")
    no_show_disadvantage: float = _p(0.3, LOGIT, 0.0, 1.5, "extra no-show log-odds of patients in the disadvantaged equity group", ASSUMED, "schedule")
    # --- messages
    patient_messages_per_patient_year: float = _p(0.32, PER_YEAR, 0.05, 3.0, "portal and phone messages a patient sends", _FIT + "E11", "ehr", 0.3)
    result_messages_per_visit: float = _p(0.6, SHARE, 0.0, 3.0, "result and refill messages a kept visit creates", _FIT + "E11", "ehr")
    colleague_messages_per_day: float = _p(11.5, PER_DAY, 0, 30, "messages from colleagues and staff, per session-day equivalent", _FIT + "E11", "ehr", 0.3)
    system_messages_per_day: float = _p(24.8, PER_DAY, 0, 40, "messages the EHR makes itself", _FIT + "E11", "ehr", 0.3)
    patient_message_minutes: float = _p(4.2, MINUTES, 0.5, 15, "time to answer one patient message", _FIT + "E5", "ehr")
    result_message_minutes: float = _p(2.4, MINUTES, 0.3, 10, "time to handle one result or refill", _FIT + "E5", "ehr")
    colleague_message_minutes: float = _p(1.5, MINUTES, 0.2, 8, "time to handle one message from a colleague", _FIT + "E5", "ehr")
    system_message_minutes: float = _p(0.7, MINUTES, 0.1, 4, "time to handle one message the EHR made", _FIT + "E5", "ehr")
    backlog_repeat_rate: float = _p(0.2, PER_HOUR, 0.0, 3.0, "repeat patient messages a weekday per hour of inbox backlog", ASSUMED, "ehr")
    # --- tasks of the day
    documentation_minutes_per_visit: float = _p(4.15, MINUTES, 0.5, 15, "note writing per visit of median complexity", _FIT + "E6", "ehr")
    order_minutes_per_visit: float = _p(2.12, MINUTES, 0.2, 10, "order entry per visit", _FIT + "E6", "ehr")
    clerical_minutes_per_visit: float = _p(1.55, MINUTES, 0.1, 10, "billing, coding and other clerical EHR work per visit", _FIT + "E4", "ehr")
    chart_review_minutes_per_visit: float = _p(5.8, MINUTES, 0.5, 20, "chart review and other medical EHR work per visit", _FIT + "E1", "ehr")
    in_room_share: float = _p(0.33, SHARE, 0.0, 0.9, "share of a visit's EHR work done in the room, inside visit_minutes", _FIT + "E2", "ehr")
    administration_minutes_per_day: float = _p(25.0, MINUTES, 0, 120, "work outside the EHR on a session day: meetings, forms, calls", _FIT + "E3", "roster")
    gap_use_share: float = _p(0.72, SHARE, 0.0, 1.0, "share of idle time between visits that becomes work on tasks", _FIT + "E2 E3", "ehr")
    wrap_up_minutes_max: float = _p(120.0, MINUTES, 10, 240, "time in the clinic outside the session (lunch, until 18:00) open for tasks", "E2, definition of clinic hours 8-18", "ehr", 0.3)
    evening_minutes_max: float = _p(260.0, MINUTES, 30, 480, "after-hours minutes a physician approaches however much is left", ASSUMED, "ehr")
    administration_dropped_share: float = _p(0.3, SHARE, 0.0, 1.0, "share of administration and learning left over in the evening that lapses", ASSUMED, "")
    backlog_dropped_share: float = _p(0.08, SHARE, 0.0, 1.0, "share of notes and messages left over in the evening that lapses", ASSUMED, "")
    inbox_delegated_share: float = _p(0.08, SHARE, 0.0, 0.6, "inbox minutes handed to nurses without any intervention", ASSUMED, "ehr")
    staff_time_ratio: float = _p(1.2, SHARE, 0.5, 3.0, "staff minutes per delegated physician minute", ASSUMED, "roster")
    learning_minutes_per_day: float = _p(20.0, MINUTES, 0, 90, "daily learning time at first use of a change, of learning load 1", ASSUMED, "ehr")
    learning_days: float = _p(30.0, DAYS, 3, 180, "time constant of the learning curve", ASSUMED, "ehr")
    # --- fatigue and sleep
    fatigue_build_rate: float = _p(0.085, PER_HOUR, 0.01, 0.4, "build-up of fatigue at full work intensity", _FIT + "E7 E13", "wearable survey")
    recovery_rate_at_work: float = _p(0.02, PER_HOUR, 0.0, 0.2, "recovery while at work", ASSUMED, "wearable")
    recovery_rate: float = _p(0.22, PER_HOUR, 0.05, 0.8, "recovery at rest with full sleep quality", ASSUMED, "wearable")
    awake_rest_quality: float = _p(0.35, SHARE, 0.0, 1.0, "recovery of an hour awake at rest, relative to an hour of good sleep", ASSUMED, "wearable")
    desk_intensity: float = _p(0.8, SHARE, 0.1, 1.5, "intensity of desk work relative to seeing patients", ASSUMED, "wearable")
    fatigue_slowing: float = _p(0.25, LOG, 0.0, 1.0, "log-slowing of visits and desk work at full fatigue", ASSUMED, "ehr schedule")
    fatigue_rework_share: float = _p(0.12, SHARE, 0.0, 0.6, "extra documentation and inbox work from errors at full fatigue", ASSUMED, "ehr")
    sleep_hours_base: float = _p(7.2, HOURS, 5, 9, "sleep after an evening without work and without fatigue", "E30, recalled", "wearable", 0.2)
    sleep_loss_per_evening_hour: float = _p(0.05, LOG, 0.0, 0.3, "log-shortening of sleep per hour of evening work", ASSUMED, "wearable")
    sleep_loss_fatigue: float = _p(0.08, LOG, 0.0, 0.5, "log-shortening of sleep at full fatigue at bedtime", ASSUMED, "wearable")
    sleep_spread: float = _p(0.09, LOG, 0.01, 0.4, "night-to-night log-standard deviation of sleep", ASSUMED, "wearable")
    # --- exhaustion, cynicism, change fatigue, motivation
    exhaustion_days: float = _p(28.0, DAYS, 5, 150, "time constant of exhaustion", ASSUMED, "survey")
    exhaustion_midpoint: float = _p(0.0627, SHARE, 0.02, 0.6, "morning fatigue at which the exhaustion target is one half", _FIT + "E7 E13", "survey")
    exhaustion_slope: float = _p(28.8, LOGIT, 2, 40, "log-odds of the exhaustion target per unit of morning fatigue", _FIT + "E7 E13", "survey")
    control_protection: float = _p(1.2, LOGIT, 0.0, 4.0, "fall of the exhaustion log-odds per unit of job control", "E32, sign", "survey")
    support_protection: float = _p(1.2, LOGIT, 0.0, 4.0, "fall of the exhaustion log-odds per unit of support", "E32, sign", "survey")
    cynicism_days: float = _p(45.0, DAYS, 7, 240, "time constant of cynicism", ASSUMED, "survey")
    change_days: float = _p(60.0, DAYS, 7, 240, "time constant with which change fatigue decays", ASSUMED, "survey")
    change_impulse: float = _p(0.18, SHARE, 0.0, 0.8, "change fatigue added by one go-live of full dose and novelty", "E31, sign", "survey")
    change_drip: float = _p(0.004, PER_DAY, 0.0, 0.05, "change fatigue fed by one active change that is not yet stable", ASSUMED, "survey")
    motivation_days: float = _p(30.0, DAYS, 5, 180, "time constant of motivation", ASSUMED, "survey")
    baseline_motivation: float = _p(0.67, SHARE, 0.1, 0.95, "motivation of the median person without drivers", _FIT + "E13", "survey")
    motivation_control_effect: float = _p(0.8, LOGIT, 0.0, 4.0, "effect of job control on motivation", "E32, sign", "survey")
    motivation_benefit_effect: float = _p(0.8, LOGIT, 0.0, 4.0, "effect of perceived benefit of active changes on motivation", ASSUMED, "survey")
    motivation_peer_effect: float = _p(1.5, LOGIT, 0.0, 5.0, "pull of peers' motivation", ASSUMED, "survey")
    leadership: float = _p(0.5, SHARE, 0.0, 1.0, "quality of leadership; one half is neutral", ASSUMED, "survey")
    motivation_leadership_effect: float = _p(1.0, LOGIT, 0.0, 4.0, "effect of leadership above neutral on motivation", ASSUMED, "survey")
    motivation_exhaustion_effect: float = _p(2.0, LOGIT, 0.0, 5.0, "erosion of motivation by exhaustion", _FIT + "E13; E32, sign", "survey")
    motivation_change_effect: float = _p(1.0, LOGIT, 0.0, 5.0, "erosion of motivation by change fatigue", "E31, sign", "survey")
    distant_peer_share: float = _p(0.25, SHARE, 0, 1, "weight of peers outside the pod in what a person sees of others", ASSUMED, "survey")
    # --- adoption of changes
    adoption_days: float = _p(20.0, DAYS, 3, 120, "time constant of adoption once tried", ASSUMED, "ehr survey")
    adoption_intercept: float = _p(0.2, LOGIT, -4, 4, "log-odds of adoption without drivers", ASSUMED, "survey")
    adoption_usefulness_effect: float = _p(2.0, LOGIT, 0, 6, "effect of perceived usefulness (relief offered)", "technology acceptance model, sign", "survey")
    adoption_ease_effect: float = _p(0.6, LOGIT, 0, 3, "effect of technology comfort, per standard deviation", "technology acceptance model, sign", "survey")
    adoption_trust_effect: float = _p(1.0, LOGIT, 0, 4, "effect of trust in the change above neutral", ASSUMED, "survey")
    trust: float = _p(0.5, SHARE, 0, 1, "trust in the change and in those who bring it; one half is neutral", ASSUMED, "survey")
    adoption_motivation_effect: float = _p(2.0, LOGIT, 0, 6, "effect of motivation above one half", ASSUMED, "survey")
    adoption_peer_effect: float = _p(1.5, LOGIT, 0, 5, "pull of peers' adoption above one half", "Bass diffusion, sign", "ehr survey")
    adoption_change_effect: float = _p(1.5, LOGIT, 0, 5, "fall with change fatigue", ASSUMED, "survey")
    adoption_work_effect: float = _p(1.0, LOGIT, 0, 5, "fall per hour a day of expected extra work", ASSUMED, "survey")
    take_up_innovation: float = _p(0.04, PER_DAY, 0.001, 0.5, "daily hazard of a first try on one's own", "Bass diffusion, form", "ehr")
    take_up_imitation: float = _p(0.08, PER_DAY, 0.0, 0.8, "extra daily hazard when all peers have tried", "Bass diffusion, form", "ehr")
    # --- burnout and what it leads to
    burnout_exhaustion_effect: float = _p(6.0, LOGIT, 0, 12, "effect of exhaustion on the latent burnout index", _FIT + "E7 E10", "survey")
    burnout_cynicism_effect: float = _p(2.6, LOGIT, 0, 8, "effect of cynicism on the latent burnout index", _FIT + "E7", "survey")
    burnout_motivation_effect: float = _p(1.0, LOGIT, 0, 6, "fall of the index per unit of motivation above one half", "E32, sign", "survey")
    burnout_change_effect: float = _p(1.0, LOGIT, 0, 6, "effect of change fatigue on the index", "E31, sign", "survey")
    burnout_threshold_2: float = _p(1.25, LOGIT, -8, 5, "index at which half answer level 2 or more", ASSUMED, "survey", 0.3, {"*": "only the survey's split between levels 1 and 2 reads it"})
    burnout_threshold_3: float = _p(3.7, LOGIT, -3, 7, "index at which half answer level 3 or more: burned out", _FIT + "E7", "survey", 0.3)
    burnout_threshold_4: float = _p(5.65, LOGIT, -2, 10, "index at which half answer level 4 or more", ASSUMED, "survey", 0.3, {"*": "only the survey's split between levels 3 and 4 reads it"})
    burnout_threshold_5: float = _p(7.25, LOGIT, 0, 14, "index at which half answer level 5", ASSUMED, "survey", 0.3, {"*": "only the survey's split between levels 4 and 5 reads it"})
    leaving_per_year: float = _p(0.053, PER_YEAR, 0.0, 0.5, "hazard of leaving of a physician who is not burned out", "E17: 10 % in 2 years", "roster", 0.4)
    leaving_burnout_ratio: float = _p(2.24, SHARE, 0.5, 8, "hazard ratio of leaving when burned out", "E17: 21 % against 10 % in 2 years", "roster", 0.4)
    leaving_exhaustion_effect: float = _p(0.3, LOG, 0.0, 3.0, "log-hazard of leaving per unit of exhaustion above one half", ASSUMED, "roster")
    hire_days: float = _p(150.0, DAYS, 10, 500, "mean days until a physician's vacancy is filled", ASSUMED, "roster")
    continuity_days: float = _p(365.0, DAYS, 30, 2000, "time constant with which a physician and a panel come to know each other", ASSUMED, "", 0.5, _CONTINUITY)
    newcomer_slowing: float = _p(0.3, LOG, 0.0, 1.0, "log-slowing of a newcomer on the first day", ASSUMED, "ehr schedule")
    newcomer_days: float = _p(90.0, DAYS, 10, 365, "time constant with which a newcomer becomes as fast as others", ASSUMED, "ehr schedule")
    absence_per_day: float = _p(0.02, PER_DAY, 0.0, 0.2, "chance of being absent on a work day when not burned out", ASSUMED, "roster", 0.4)
    absence_burnout_ratio: float = _p(1.5, SHARE, 0.5, 5, "ratio of that chance when burned out", ASSUMED, "roster", 0.4)
    # --- where people and newcomers start
    initial_fatigue: float = _p(0.08, SHARE, 0, 1, "morning fatigue of everybody on day 0", ASSUMED, "wearable")
    initial_exhaustion: float = _p(0.5, SHARE, 0, 1, "exhaustion of everybody on day 0", "E13, near its equilibrium", "survey")
    initial_cynicism: float = _p(0.28, SHARE, 0, 1, "cynicism of everybody on day 0", ASSUMED, "survey")
    newcomer_exhaustion: float = _p(0.2, SHARE, 0, 1, "exhaustion with which a newcomer starts", ASSUMED, "survey")
    # --- differences between physicians (and staff)
    pace_spread: float = _p(0.12, LOG, 0.0, 0.5, "log-standard deviation of visit pace between physicians", ASSUMED, "schedule ehr")
    efficiency_spread: float = _p(0.25, LOG, 0.0, 0.8, "log-standard deviation of EHR minutes for the same work", ASSUMED, "ehr")
    recovery_spread: float = _p(0.22, LOG, 0.0, 0.8, "log-standard deviation of the recovery rate between people", ASSUMED, "wearable")
    motivation_spread: float = _p(0.5, LOGIT, 0.0, 2.0, "logit-standard deviation of baseline motivation between people", ASSUMED, "survey")
    # --- task load (NASA-TLX, four items, 0-400): a read-out
    task_load_intercept: float = _p(-0.36, LOGIT, -4, 4, "log-odds of the share of the scale at ten hours' work without fatigue", _FIT + "E9", "survey", 0.5, _TASK_LOAD)
    task_load_work_effect: float = _p(3.9, LOGIT, 0, 8, "effect of work time relative to ten hours", _FIT + "E9", "survey", 0.5, _TASK_LOAD)
    task_load_fatigue_effect: float = _p(8.7, LOGIT, 0, 16, "effect of morning fatigue", _FIT + "E9 E10", "survey", 0.5, _TASK_LOAD)
    task_load_spread: float = _p(0.63, LOGIT, 0, 2, "standard deviation of rating style between people", _FIT + "E9", "survey", 0.5, _TASK_LOAD)
    # --- staff
    staff_fatigue_build_rate: float = _p(0.07, PER_HOUR, 0.01, 0.4, "build-up of fatigue of staff at full intensity", ASSUMED, "wearable survey")
    staff_minutes_per_day: float = _p(480.0, MINUTES, 240, 600, "paid minutes of a staff day", ASSUMED, "roster", 0.2)
    staff_leaving_per_year: float = _p(0.18, PER_YEAR, 0.0, 1.0, "hazard of leaving of a staff member who is not burned out", ASSUMED, "roster")
    staff_hire_days: float = _p(45.0, DAYS, 5, 250, "mean days until a staff vacancy is filled", ASSUMED, "roster")
    staff_burnout_threshold: float = _p(3.2, LOGIT, -3, 8, "index at which half of staff answer level 3 or more", ASSUMED, "survey")
    medical_assistant_visit_minutes: float = _p(9.0, MINUTES, 0, 30, "medical assistant's work per kept visit besides rooming", ASSUMED, "roster")
    nurse_minutes_per_visit: float = _p(9.0, MINUTES, 0, 30, "nurse's own work per kept visit", ASSUMED, "roster")
    front_desk_minutes_per_visit: float = _p(6.0, MINUTES, 0, 30, "front desk's work per booked visit", ASSUMED, "roster")
    # --- interventions (effect at dose 1 and full adoption)
    scribe_documentation_share: float = _p(0.65, SHARE, 0, 1, "documentation a scribe takes over", "E26, direction", "ehr")
    scribe_order_share: float = _p(0.25, SHARE, 0, 1, "order entry a scribe prepares", ASSUMED, "ehr")
    ai_scribe_documentation_share: float = _p(0.33, SHARE, 0, 1, "documentation an AI scribe takes over", ASSUMED, "ehr")
    team_documentation_share: float = _p(0.45, SHARE, 0, 1, "documentation handed to the team", ASSUMED, "ehr")
    team_order_share: float = _p(0.4, SHARE, 0, 1, "order entry handed to the team", ASSUMED, "ehr")
    pooling_inbox_share: float = _p(0.35, SHARE, 0, 1, "inbox minutes a nurse-run pool takes", ASSUMED, "ehr")
    template_slots_removed: float = _p(0.15, SHARE, 0, 0.7, "share of slots removed by longer slots", ASSUMED, "schedule")
    protected_minutes: float = _p(60.0, MINUTES, 0, 180, "session minutes a day turned into desk time", ASSUMED, "schedule roster")
    panel_removed: float = _p(0.15, SHARE, 0, 0.7, "share of the panel's demand moved elsewhere", ASSUMED, "schedule")
    part_time_share: float = _p(0.2, SHARE, 0, 0.6, "share of session, slots and panel given up", ASSUMED, "roster")
    float_cover_share: float = _p(0.6, SHARE, 0, 1, "share of an absent or vacant physician's slots a float covers", ASSUMED, "roster schedule")
    wellbeing_recovery: float = _p(0.12, LOG, 0, 0.7, "log-rise of the recovery rate", ASSUMED, "wearable survey")
    wellbeing_control: float = _p(0.15, SHARE, 0, 1, "rise of job control", ASSUMED, "survey")
    team_support: float = _p(0.15, SHARE, 0, 1, "rise of support by team work (team documentation, pools, scribes)", ASSUMED, "survey")
    advice_balance: float = _p(0.6, SHARE, 0, 1, "share of messages that the twin's advice may move within the pod at full reach and use", ASSUMED, "ehr")
    advice_accuracy: float = _p(0.8, SHARE, 0, 1, "accuracy of the twin's picture of who is overloaded", ASSUMED, "ehr")
    advice_gain: float = _p(3.0, LOGIT, 0, 10, "log-shift of messages per unit of relative overload under full advice", ASSUMED, "ehr")
    advice_latency_days: float = _p(3.0, DAYS, 0.5, 60, "age of the workload picture behind the advice", ASSUMED, "ehr")
    # --- money (read-outs)
    turnover_cost: float = _p(500_000.0, USD, 270_000, 960_000, "cost of one physician's leaving", "E18", "", 0.8, _TURNOVER_COST)
    revenue_per_visit: float = _p(150.0, USD, 50, 400, "income from one kept visit", ASSUMED, "", 0.5, _VISIT_REVENUE)
    # fmt: on

    def __iter__(self) -> Iterable[float]:
        return iter(dataclasses.astuple(self))

    def replace(self, **values: Any) -> Parameters:
        """A copy with some values changed. Raises ParameterError on a name that is not in the table."""
        for name in values:
            entry(name)
        return dataclasses.replace(self, **values)


jax.tree_util.register_dataclass(Parameters)


class ParameterError(ValueError):
    """A parameter name, value or unit that the table refuses; the message says where."""


def _entries() -> dict[str, Entry]:
    return {
        f.name: Entry(name=f.name, default=float(f.default), **f.metadata)  # type: ignore[arg-type]
        for f in dataclasses.fields(Parameters)
    }


ENTRIES: dict[str, Entry] = _entries()
NAMES: tuple[str, ...] = tuple(ENTRIES)


def entry(name: str, where: str = "") -> Entry:
    """The table's entry of one parameter. Raises ParameterError naming the nearest right name."""
    if name not in ENTRIES:
        raise ParameterError(f"{where}unknown parameter {name!r}{nearest(name, NAMES)} "
                             "(`clinictwin parameters` lists all)")  # fmt: skip
    return ENTRIES[name]


def check(name: str, value: Any, unit: str | None = None, where: str = "") -> float:
    """The value as a float. Raises ParameterError if it is no number, out of bounds, or of another unit."""
    e = entry(name, where)
    if isinstance(value, str) and unit is None:
        number, _, unit_text = value.strip().partition(" ")
        value, unit = number, unit_text.strip() or None
    if isinstance(value, bool):
        raise ParameterError(f"{where}{name}: met {value!r}, expected a number in {e.unit}")
    try:
        number_value = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{where}{name}: met {value!r}, expected a number in {e.unit}") from None
    if unit is not None and unit != e.unit:
        raise ParameterError(f"{where}{name}: met unit {unit!r}, expected {e.unit!r}")
    if not math.isfinite(number_value) or not e.low <= number_value <= e.high:
        raise ParameterError(
            f"{where}{name}: met {number_value:g} {e.unit}, expected between {e.low:g} and {e.high:g} {e.unit}"
        )
    return number_value


def from_mapping(values: Mapping[str, Any], where: str = "", base: Parameters | None = None) -> Parameters:
    """Parameters from ``{name: value}``, ``{name: '12 min'}`` or ``{name: {value: 12, unit: min}}``.

    Names that are not given keep the value of ``base`` (the defaults). Raises ParameterError.
    """
    checked: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            extra = set(value) - {"value", "unit"}
            if extra or "value" not in value:
                raise ParameterError(f"{where}{name}: met keys {sorted(value)}, expected 'value' and 'unit'")
            checked[str(name)] = check(str(name), value["value"], value.get("unit"), where)
        else:
            checked[str(name)] = check(str(name), value, None, where)
    return dataclasses.replace(base or Parameters(), **checked)


def load(path: Any) -> Parameters:
    """Parameters from a YAML file; the file may name only those that differ from the defaults."""
    from pathlib import Path

    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: not readable as YAML: {error}") from None
    if content is None:
        content = {}
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path}: met a {type(content).__name__}, expected a mapping of parameter names to values")
    return from_mapping(content, where=f"{path}: ")


def save(parameters: Parameters, path: Any) -> None:
    """Write all parameters with their units as YAML that :func:`load` reads back to the same floats."""
    from pathlib import Path

    import yaml

    content = {n: {"value": float(getattr(parameters, n)), "unit": ENTRIES[n].unit} for n in NAMES}
    Path(path).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def table(parameters: Parameters | None = None) -> pd.DataFrame:
    """The table as a data frame, one row a parameter, with the values of ``parameters`` beside the defaults."""
    rows = []
    for e in ENTRIES.values():
        row = {"name": e.name, "value": float(getattr(parameters, e.name)) if parameters else e.default}
        row |= {"unit": e.unit, "low": e.low, "high": e.high, "default": e.default, "prior": prior_text(e)}
        row |= {"streams": " ".join(e.streams), "source": e.source, "meaning": e.meaning}
        rows.append(row)
    return pd.DataFrame(rows)


def prior_text(e: Entry) -> str:
    """The middle 90 % of the prior, in the parameter's unit."""
    z = to_unbounded(e.default, e)
    low, high = (from_unbounded(z + s * 1.645 * e.prior_spread, e) for s in (-1, 1))
    return f"90 % in {low:.3g} to {high:.3g}"


def to_unbounded(value: float, e: Entry) -> float:
    """Scaled logit of a value strictly inside its bounds (values on a bound are moved in by 1e-9 of the width)."""
    share = min(max((float(value) - e.low) / (e.high - e.low), 1e-9), 1 - 1e-9)
    return math.log(share / (1 - share))


def from_unbounded(z: Any, e: Entry) -> Any:
    """Inverse of :func:`to_unbounded`; takes floats or JAX arrays."""
    logistic = 1 / (1 + math.exp(-z)) if isinstance(z, float) else jax.nn.sigmoid(z)
    return e.low + (e.high - e.low) * logistic
