"""What raises a risk: what one standard deviation of each unknown does to it, and how far each is from the usual.

Differences of exact runs on common draws, a whole posterior standard deviation wide. The relaxed engine's gradients
would take minutes to compile and answer for a smoothed clinic; a difference of this size is what the table reports
anyway, reuses the compiled day, and holds events and saturation as they are. All physicians are moved at once, so the
effect of one's own motivation includes that of peers who are moved alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd

from abm.parameters import ENTRIES
from calibration.twin.blocks import BLOCK, MIND, STATES, TRAIT_ROWS
from calibration.twin.ensemble import Members, parameters_of
from calibration.twin.gains import standardise

if TYPE_CHECKING:
    from calibration.twin.twin import Twin

AHEAD_DAYS = 30  # at which the effect is looked at
STANDARD = "standard deviations between physicians"
NO_EFFECT = ("trait_rating", "trait_intercept")  # how people answer: not a cause
_TRAITS = tuple(r for r in range(TRAIT_ROWS.start, TRAIT_ROWS.stop) if BLOCK[r] not in NO_EFFECT)
OWN_ROWS: tuple[int, ...] = (*range(len(STATES)), *_TRAITS)
COLUMNS = ("who", "driver", "unit", "value", "typical", "deviation", "effect", "contribution")
LEAST_EFFECT = 1e-4  # of risk; smaller ones are not listed


def drivers_table(twin: Twin, group: Members) -> pd.DataFrame:
    """See `calibration.twin`."""
    base = _risk(twin, group)
    own = [_own_driver(twin, group, row, base) for row in OWN_ROWS]
    shared = [_shared_driver(twin, group, k, base) for k in range(len(twin.plan.names))]
    table = pd.concat([t for t in (*own, *shared) if t is not None], ignore_index=True)
    table = table[table["effect"].abs() > LEAST_EFFECT]
    return table.sort_values(
        ["who", "contribution"], key=lambda c: -c.abs() if c.name == "contribution" else c, ignore_index=True
    )


def _risk(twin: Twin, group: Members) -> np.ndarray:
    """[N, G]: risk AHEAD_DAYS ahead if everybody stays."""
    n = twin.plan.physicians
    unknown, stays = np.full(n, np.nan), np.zeros(n)
    groups, forecast = [group], None
    for day in range(twin.day + 1, twin.day + 1 + AHEAD_DAYS):
        ((moved, forecast),) = twin.engine.simulate(groups, day, unknown, stays, twin.state.session_minutes)
        groups = [moved]
    assert forecast is not None
    return np.asarray(forecast.risk, float)


def _own_driver(twin: Twin, group: Members, row: int, base: np.ndarray) -> pd.DataFrame | None:
    values = np.asarray(group.block[:, row], float)
    deviation = values.std(axis=1, ddof=1)
    if deviation.max() < 1e-6:  # change fatigue where nothing changes
        return None
    moved = group._replace(block=group.block.at[:, row].add(deviation[:, None].astype(np.float32)))
    effect = (_risk(twin, moved) - base).mean(axis=1)
    name, unit, to_unit = _meaning(row)
    in_units = to_unit(values)
    value = in_units.mean(axis=1)
    return _rows(twin, name, unit, value, np.full_like(value, np.median(value)), in_units.std(axis=1, ddof=1), effect)


def _meaning(row: int) -> tuple[str, str, Callable[[np.ndarray], np.ndarray]]:
    """(name, unit, from the block's scale to that unit)."""
    name = BLOCK[row]
    if row >= TRAIT_ROWS.start:
        return name.replace("_", " "), STANDARD, lambda x: x
    if name == "fatigue" or name in MIND:
        return name.replace("_", " "), "1", lambda x: 1.0 / (1.0 + np.exp(-x))
    return name.replace("_", " "), "min" if name.startswith("backlog") else "1", np.expm1


def _shared_driver(twin: Twin, group: Members, k: int, base: np.ndarray) -> pd.DataFrame:
    name = twin.plan.names[k]
    deviation = float(standardise(group.shared[k]).deviation)
    effect = (_risk(twin, group._replace(shared=group.shared.at[k].add(deviation))) - base).mean(axis=1)
    in_units = _parameters(twin, group)[name]
    alike: Callable[[Any], np.ndarray] = lambda v: np.full(twin.plan.physicians, float(v))  # noqa: E731
    typical = getattr(twin.plan.base, name)
    return _rows(twin, name, ENTRIES[name].unit, alike(in_units.mean()), alike(typical), alike(in_units.std(ddof=1)),
                 effect)  # fmt: skip


def _parameters(twin: Twin, group: Members) -> dict[str, np.ndarray]:
    """Shared parameters of a group's members in their units, [G] by name."""
    p = jax.vmap(lambda s: parameters_of(s, twin.engine.common.base, twin.plan.names), in_axes=1)(group.shared)
    return {name: np.asarray(getattr(p, name), float) for name in twin.plan.names}


def _rows(twin: Twin, driver: str, unit: str, value: np.ndarray, typical: np.ndarray, deviation: np.ndarray,
          effect: np.ndarray) -> pd.DataFrame:  # fmt: skip
    return pd.DataFrame({
        "who": list(twin.plan.clinic.who), "driver": driver, "unit": unit, "value": value, "typical": typical,
        "deviation": deviation, "effect": effect,
        "contribution": effect * (value - typical) / np.maximum(deviation, 1e-9),
    })  # fmt: skip
