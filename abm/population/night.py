"""Evening to morning of all people as arrays: fatigue and sleep, slow states, changes, who leaves and who is hired."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from abm import interventions as iv
from abm import outcomes
from abm.draws import DayDraws
from abm.layout import Layout
from abm.network import peers_mean
from abm.parameters import Parameters
from abm.population.changes import Levers, in_force
from abm.population.state import ClinicState, trait
from abm.population.workday import Work, burnout_inputs, by_profession
from abm.rules import Rules, adoption, burnout, demand, phases, turnover
from abm.rules.curves import relax
from abm.rules.person import ChangeUse, Drivers, Mind, change_use_after, mind_after, own_baseline_motivation


def night(
    state: ClinicState,
    work: Work,
    levers: Levers,
    changes: iv.InterventionSet,
    draw: DayDraws,
    day: Any,
    layout: Layout,
    p: Parameters,
    rules: Rules,
    mode: Any,
) -> tuple[ClinicState, dict[str, Any], dict[str, Any]]:
    """From the end of the day's work to the next morning: (state, record of physicians [N], record of staff [M])."""
    people, n = layout.people, layout.physicians
    of_physicians = lambda values: jnp.concatenate([values, jnp.zeros(people - n, values.dtype)])  # noqa: E731
    recovery = phases.Recovery(
        by_profession(p.fatigue_build_rate, p.staff_fatigue_build_rate, layout),
        p.recovery_rate_at_work,
        p.recovery_rate
        * jnp.exp(p.recovery_spread * trait(state.traits, "recovery") + of_physicians(levers.of["recovery"])),
        p.awake_rest_quality,
    )
    tired = phases.fatigue_at_bedtime(state.fatigue, work.session_hours, work.session_intensity, work.evening_hours,
                                      work.wrap_up_hours, work.on_duty, p.desk_intensity, recovery, jnp)  # fmt: skip
    sleep = rules.sleep_hours(work.evening_hours, tired, draw.sleep, p.sleep_hours_base, p.sleep_loss_per_evening_hour,
                              p.sleep_loss_fatigue, p.sleep_spread, jnp)  # fmt: skip
    plan = phases.plan_phases(work.session_hours, work.wrap_up_hours, work.evening_hours, sleep, work.session_intensity,
                              p.desk_intensity, work.on_duty, jnp)  # fmt: skip
    fatigue = phases.fatigue_at(state.fatigue, plan, p.sleep_hours_base, recovery, jnp)

    baseline = own_baseline_motivation(trait(state.traits, "motivation"), p, jnp)
    live = in_force(changes, day)
    unstable = (live * (1.0 - state.use.learned) * changes.novelty * jnp.minimum(changes.dose, 1.0)).sum(axis=1)
    benefit = (levers.rolled_out * state.use.adoption * levers.relief).sum(axis=1)
    peers = peers_mean(state.mind.motivation, state.employed, layout, p.distant_peer_share, jnp)
    drivers = Drivers(state.fatigue, of_physicians(levers.of["control"]), of_physicians(levers.of["support"]), benefit,
                      peers, unstable, baseline)  # fmt: skip
    mind = mind_after(state.mind, drivers, 1.0, p, rules, jnp)
    use = _changes_tomorrow(state, live, levers.relief, changes, draw, layout, p, rules, mode)
    index, intercept, threshold = burnout_inputs(state, p, rules, layout)
    burned = mode.burned_out(index, intercept, threshold)
    waiting = work.joined - work.served
    after = state._replace(
        fatigue=fatigue,
        mind=mind,
        use=use,
        tenure=state.tenure + 1.0,
        backlog=work.backlog,
        joined=work.joined,
        served=work.served,
        load=relax(state.load, work.work_minutes, work.on_duty[:n] / p.advice_latency_days, 1.0, jnp),
    )
    after, stayed, left, hired = _employment(after, burned, state.mind.exhaustion, draw, layout, p, rules, mode)
    # a leaver's waiting list is cancelled; a vacant post has none
    cancelled = (state.employed - stayed)[:n] / jnp.maximum(state.employed[:n], 1e-9) * waiting
    after = after._replace(
        served=after.served + cancelled,
        unmet=demand.unmet_need_after(state.unmet, work.unmet_new + cancelled, 1.0, p.unmet_need_days, jnp),
    )
    needs = jnp.maximum(changes.needs_adoption.sum(), 1e-9)
    record = {
        "sleep_hours": plan.sleep,
        "fatigue": state.fatigue,
        "exhaustion": state.mind.exhaustion,
        "cynicism": state.mind.cynicism,
        "change_fatigue": state.mind.change_fatigue,
        "motivation": state.mind.motivation,
        "adoption": (state.use.adoption * changes.needs_adoption).sum(axis=1) / needs,
        "burnout_risk": burnout.burnout_risk(index, threshold, jnp),
        "burned_out": burned,
        "employed": state.employed,
        "left": left,
        "hired": hired,
        "on_duty": work.on_duty,
        "work_minutes": 60.0 * (work.session_hours * work.session_intensity + work.wrap_up_hours),
    }
    own = {name: values[:n] for name, values in record.items() if name not in outcomes.OF_WORK}
    own |= {
        "backlog_minutes": sum(after.backlog),
        "waiting_requests": after.joined - after.served,
        "unmet_need": after.unmet,
        "turnover_cost": left[:n] * p.turnover_cost,
    }
    return after, work.record | own, {name: values[n:] for name, values in record.items()}


def _changes_tomorrow(state: ClinicState, live: Any, relief: Any, changes: iv.InterventionSet, draw: DayDraws,
                      layout: Layout, p: Parameters, rules: Rules, mode: Any) -> ChangeUse:  # fmt: skip
    if not changes.kind.shape[0]:
        return state.use
    peers_tried = peers_mean(state.use.tried, state.employed, layout, p.distant_peer_share, jnp)
    peers_adoption = peers_mean(state.use.adoption, state.employed, layout, p.distant_peer_share, jnp)
    column = lambda v: v[:, None]  # noqa: E731
    extra_hours = p.learning_minutes_per_day * changes.learning_load * (1.0 - state.use.learned) / 60.0
    mind = Mind(*(column(v) for v in state.mind))
    use = change_use_after(
        state.use,
        changes.needs_adoption,
        peers_adoption,
        relief,
        column(trait(state.traits, "technology")),
        mind,
        extra_hours,
        1.0,
        p,
        rules,
        jnp,
    )
    chance = adoption.take_up_probability(live, peers_tried, p.take_up_innovation, p.take_up_imitation, jnp)
    first_try = changes.needs_adoption * (1.0 - state.use.tried) * mode.event(draw.take_up, chance)
    return use._replace(tried=state.use.tried + first_try)


def _employment(state: ClinicState, burned: Any, exhaustion: Any, draw: DayDraws, layout: Layout, p: Parameters,
                rules: Rules, mode: Any) -> tuple[ClinicState, Any, Any, Any]:  # fmt: skip
    """(state, stayed, left, hired) overnight; a newcomer starts with a trait set and states of their own."""
    leaving = rules.leaving_probability(
        burned,
        exhaustion,
        1.0,
        by_profession(p.leaving_per_year, p.staff_leaving_per_year, layout),
        p.leaving_burnout_ratio,
        p.leaving_exhaustion_effect,
        jnp,
    )
    hiring = turnover.hiring_probability(1.0, by_profession(p.hire_days, p.staff_hire_days, layout), jnp)
    left = state.employed * mode.happens(draw.employment, leaving)
    hired = (1.0 - state.employed) * mode.happens(draw.employment, hiring)
    stayed = state.employed - left
    after = change_holders(state, stayed, hired, layout, p)
    vacant = 1.0 - state.employed
    return after, stayed, mode.counted(left, state.employed * leaving), mode.counted(hired, vacant * hiring)


def change_holders(state: ClinicState, stayed: Any, hired: Any, layout: Layout, p: Parameters) -> ClinicState:
    """The clinic when of every post's holders a mass ``stayed`` [P] is left and ``hired`` [P] have come (0-1).

    Newcomers bring traits and states of their own; waiting lists stay as they are.
    """
    mix = lambda old, new: turnover.blend(stayed, hired, old, new, jnp)  # noqa: E731
    mix_changes = lambda old: turnover.blend(stayed[:, None], hired[:, None], old, jnp.zeros_like(old), jnp)  # noqa: E731
    sets = jnp.asarray(layout.traits, state.traits.dtype)
    successor = jnp.where((state.generation < 0.5)[:, None], sets[:, 1], sets[:, 2])
    traits = turnover.blend(stayed[:, None], hired[:, None], state.traits, successor, jnp)
    newcomer_motivation = own_baseline_motivation(trait(successor, "motivation"), p, jnp)
    mind = Mind(mix(state.mind.exhaustion, p.newcomer_exhaustion), mix(state.mind.cynicism, 0.0),
                mix(state.mind.change_fatigue, 0.0), mix(state.mind.motivation, newcomer_motivation))  # fmt: skip
    return state._replace(
        employed=stayed + hired, traits=traits, mind=mind, fatigue=mix(state.fatigue, p.initial_fatigue),
        tenure=mix(state.tenure, 0.0), generation=mix(state.generation, state.generation + 1.0),
        use=ChangeUse(*(mix_changes(v) for v in state.use)),
    )  # fmt: skip
