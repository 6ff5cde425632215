"""The members: clinics with unknowns, chance and people of their own, all a day on at a time.

Every member is the exact engine's clinic. Draws are addressed by (member's seed, day), so a member's day is a function
of its state alone: run again, it is the same to the last bit.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from abm import interventions as iv
from abm.layout import TRAITS, Layout
from abm.parameters import ENTRIES, Parameters, from_unbounded
from abm.population.batch import core_count
from abm.population.modes import MODES
from abm.population.night import change_holders
from abm.population.simulate import Known, clinic_day
from abm.population.state import ClinicState, initial_state
from abm.rules import Rules
from abm.rules.burnout import burnout_index, personal_intercept
from calibration.forward import COMPILER_OPTIONS
from calibration.measures import BURNOUT_STATES, MEASURES, Kind, expected_value
from calibration.readouts import LEVEL, THRESHOLDS
from calibration.summaries import EFFECTS
from calibration.twin.blocks import LEVEL_ROWS, TRAIT_ROWS, read_block, write_block
from calibration.twin.scales import COMPARED, PERSONAL, on_scale

# Members side by side in a core: for 50 physicians, 64 ran faster than 16 or 32 and as fast as more.
PHYSICIANS_AT_ONCE = 3200


class Members(NamedTuple):
    """G members of a group, or E of all; B block rows, P shared parameters."""

    clinic: ClinicState  # each with a leading axis [G]
    words: Any  # uint32 [G, 2]
    block: Any  # [N, B, G]: physicians, who are so and not as ``clinic`` has it
    shared: Any  # [P, G]: on the unbounded scale


class Inputs(NamedTuple):
    """What is known of a day before it is simulated; NaN: unknown."""

    number: Any  # int []: days since the first simulated one
    absent: Any  # [N]: 1 absent, 0 present
    employment: Any  # [N]: 1 the post changes hands in the night, 0 it does not
    session_minutes: Any  # []


class Forecast(NamedTuple):
    """What a group's members expect of a day."""

    values: Any  # [N, M, G]: measures on their scales; the burnout item's latent value over the third threshold
    thresholds: Any  # [4, G]: over the third one
    risk: Any  # [N, G]: chance of burnout in the morning of the day
    burned_out: Any  # [N, G]
    same_holder: Any  # [N, G]: 1 if the post is filled in the morning of the day


class Fixed(NamedTuple):
    """What all members share."""

    base: Parameters
    layout: Layout
    changes: iv.InterventionSet


def fixed(base: Parameters, layout: Layout, interventions: Sequence[iv.Intervention] = (), places: int = 0) -> Fixed:
    """In float32; with room for so many changes."""
    return Fixed(jax.tree.map(jnp.float32, base), layout, iv.as_set(interventions, layout, size=places))


def group_size(members: int, physicians: int) -> int:
    """Members to a group, so that groups are of one size and one program runs them all."""
    groups = math.ceil(members / max(PHYSICIANS_AT_ONCE // physicians, 1))
    return math.ceil(members / groups)


def parameters_of(shared: Any, base: Parameters, names: tuple[str, ...]) -> Parameters:
    """Of one member."""
    chosen = {name: from_unbounded(shared[k], ENTRIES[name]) for k, name in enumerate(names)}
    return dataclasses.replace(base, **chosen)


def begin(plan_words: np.ndarray, block: np.ndarray, shared: np.ndarray, common: Fixed,
          names: tuple[str, ...]) -> Members:  # fmt: skip
    """The members on their first morning, from traits and own levels in ``block`` [N, B, E]."""
    return _begin(jnp.asarray(plan_words), jnp.asarray(block, jnp.float32), jnp.asarray(shared, jnp.float32), common,
                  names)  # fmt: skip


@functools.partial(jax.jit, static_argnames="names")
def _begin(words: Any, block: Any, shared: Any, common: Fixed, names: tuple[str, ...]) -> Members:
    layout, n = common.layout, common.layout.physicians

    def one(block: Any, shared: Any) -> tuple[ClinicState, Any]:
        p = parameters_of(shared, common.base, names)
        columns = jnp.asarray([TRAITS.index(name) for name in EFFECTS])
        traits = jnp.asarray(layout.traits, block.dtype)
        own = jnp.zeros((n, len(TRAITS)), block.dtype).at[:, columns].set(block[:, TRAIT_ROWS])
        state = initial_state(p, dataclasses.replace(layout, traits=traits.at[:n, 0].set(own)),
                              common.changes.kind.shape[0], block.dtype)  # fmt: skip
        return state, jnp.concatenate([read_block(state, n), block[:, LEVEL_ROWS].T]).T

    clinic, block = jax.vmap(one, in_axes=(2, 1), out_axes=(0, 2))(block, shared)
    return Members(clinic, words, block, shared)


@functools.partial(jax.jit, static_argnames="names", compiler_options=COMPILER_OPTIONS)
def day_of_group(group: Members, inputs: Inputs, common: Fixed, names: tuple[str, ...]) -> tuple[Members, Forecast]:
    """The group a day on, and what it expects to be observed of the day."""
    n, people = common.layout.physicians, common.layout.people
    unknown = jnp.full(people - n, jnp.nan, jnp.float32)
    known = Known(*(jnp.concatenate([a, unknown]) for a in (inputs.absent, inputs.employment)))
    base = dataclasses.replace(common.base, session_minutes=inputs.session_minutes)

    def one(state: ClinicState, words: Any, block: Any, shared: Any) -> tuple[ClinicState, Any, Forecast]:
        p = parameters_of(shared, base, names)
        state = write_block(state, block.T)
        after, (records, _) = clinic_day(
            state, inputs.number, p, words, common.changes, common.layout, Rules(), MODES["exact"], known
        )
        third = p.burnout_threshold_3
        exhaustion, cynicism, motivation, change_fatigue = (records[name] for name in BURNOUT_STATES)
        intercept = personal_intercept(block[:, TRAIT_ROWS][:, EFFECTS.index("intercept")])
        latent = burnout_index(exhaustion, cynicism, motivation, change_fatigue, p) + intercept - third
        thresholds = jnp.stack([getattr(p, name) for name in THRESHOLDS]) - third
        values = _expected(records, block[:, LEVEL_ROWS], latent)
        next_block = jnp.concatenate([read_block(after, n), block[:, LEVEL_ROWS].T]).T
        forecast = Forecast(values, thresholds, records["burnout_risk"], records["burned_out"], records["employed"])
        return after, next_block, forecast

    clinic, block, forecast = jax.vmap(one, in_axes=(0, 0, 2, 1), out_axes=(0, 2, -1))(
        group.clinic, group.words, group.block, group.shared
    )
    return Members(clinic, group.words, block, group.shared), forecast


def _expected(records: dict[str, Any], levels: Any, latent: Any) -> Any:
    """[N, M]: each of COMPARED on its scale; ``levels`` [N, len(PERSONAL)] are people's own."""
    columns = []
    for name in COMPARED:
        measure = MEASURES[name]
        if name == LEVEL:
            columns.append(latent)
            continue
        own = None
        if measure.personal:
            own = levels[:, PERSONAL.index(name)]
            own = jnp.exp(own) if measure.kind is Kind.LOGNORMAL else own
        columns.append(on_scale(measure, expected_value(measure, records, jnp, own), jnp))
    return jnp.stack(columns, axis=1)


@functools.partial(jax.jit, static_argnames="names")
def change_posts(group: Members, leaves: Any, comes: Any, day: Any, levels: Any, common: Fixed,
                 names: tuple[str, ...]) -> Members:  # fmt: skip
    """The morning on which the roster says who has left and who has come, each 0 or 1 [N].

    A newcomer's traits and own levels are unknown: drawn anew for each member, the levels with the means and standard
    deviations of ``levels`` [2, len(PERSONAL)]. A leaver's waiting list is cancelled; those who waited have unmet need.
    """
    layout, n = common.layout, common.layout.physicians
    rest = jnp.zeros(layout.people - n, jnp.float32)

    def one(state: ClinicState, words: Any, block: Any, shared: Any) -> tuple[ClinicState, Any]:
        p = parameters_of(shared, common.base, names)
        state = write_block(state, block.T)
        key = jax.random.fold_in(jax.random.wrap_key_data(words), day)
        z = jax.random.normal(key, (n, layout.traits.shape[-1] + levels.shape[1]), block.dtype)
        traits = jnp.asarray(layout.traits, block.dtype)
        traits = traits.at[:n, 1:].set(z[:, None, : traits.shape[-1]])
        gone, new = jnp.concatenate([leaves, rest]), jnp.concatenate([comes, rest])
        stayed = state.employed - gone * state.employed
        waiting = leaves * (state.joined - state.served)
        state = change_holders(state, stayed, new * (1.0 - state.employed),
                               dataclasses.replace(layout, traits=traits), p)  # fmt: skip
        state = state._replace(served=state.served + waiting, unmet=state.unmet + waiting)
        drawn = levels[0] + levels[1] * z[:, traits.shape[-1] :]
        own = jnp.where(comes[:, None] > 0.5, drawn, block[:, LEVEL_ROWS])
        return state, jnp.concatenate([read_block(state, n), own.T]).T

    clinic, block = jax.vmap(one, in_axes=(0, 0, 2, 1), out_axes=(0, 2))(
        group.clinic, group.words, group.block, group.shared
    )
    return Members(clinic, group.words, block, group.shared)


def slice_members(members: Members, rows: slice) -> Members:
    """Some of the members."""
    return Members(jax.tree.map(lambda a: a[rows], members.clinic), members.words[rows], members.block[..., rows],
                   members.shared[..., rows])  # fmt: skip


def on_all_cores(task: Any, arguments: list[Any]) -> list[Any]:
    """``task`` of each argument, in order; programs of JAX run side by side."""
    if len(arguments) == 1:
        return [task(arguments[0])]
    with ThreadPoolExecutor(min(len(arguments), core_count())) as pool:
        return list(pool.map(lambda a: jax.block_until_ready(task(a)), arguments))
