"""The members a twin starts with: draws from a fit's posterior made smooth, or from the priors."""

from __future__ import annotations

import numpy as np

from abm.draws import seed_words
from abm.parameters import ENTRIES, NAMES, to_unbounded
from calibration.fit_result import Fit
from calibration.observations import person_ids
from calibration.readouts import THRESHOLDS
from calibration.summaries import EFFECTS
from calibration.twin.blocks import BLOCK, LEVEL_ROWS, TRAIT_ROWS
from calibration.twin.plan import TwinError, TwinPlan
from calibration.twin.scales import personal_prior

# Bandwidth of the kernel over a fit's draws, in posterior standard deviations; draws are pulled to their mean so that
# the variance stays as it is (Liu and West 2001). Half a deviation makes 64 draws a smooth cloud (assumed).
KERNEL = 0.5
MANY = 1 << 32


def shared_names(fit: Fit | None) -> tuple[str, ...]:
    """The shared parameters that a twin estimates: those of the fit's draws, or those that a fit would estimate."""
    from calibration.fit import FITTED

    return tuple(n for n in NAMES if n in fit.draws) if fit is not None else FITTED


def member_words(plan: TwinPlan) -> np.ndarray:
    """Seed words of the members, uint32 [E, 2]."""
    numbers = [plan.seed % MANY * MANY + member for member in range(plan.members)]
    return np.stack([np.asarray(seed_words(number)) for number in numbers])


def draw_start(plan: TwinPlan, fit: Fit | None) -> tuple[np.ndarray, np.ndarray]:
    """(blocks [N, B, E], of which traits and own levels are set; shared parameters [P, E], unbounded)."""
    rng = np.random.default_rng([plan.seed, 1])
    n, e = plan.physicians, plan.members
    block = np.zeros((n, len(BLOCK), e))
    means, spreads = personal_prior()
    block[:, LEVEL_ROWS] = means[:, None] + spreads[:, None] * rng.standard_normal((n, len(means), e))
    centres, deviations = plan.prior()
    if fit is None:
        block[:, TRAIT_ROWS] = rng.standard_normal((n, len(EFFECTS), e))
        shared = centres[:, None] + deviations[:, None] * rng.standard_normal((len(centres), e))
    else:
        shared, block[:, TRAIT_ROWS] = _from_fit(plan, fit, rng)
    return block, _in_order(shared, plan.names)


def _from_fit(plan: TwinPlan, fit: Fit, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    who = person_ids(plan.physicians)
    columns = [f"{effect} {person}" for person in who for effect in EFFECTS]
    missing = [c for c in (*plan.names, *columns) if c not in fit.draws]
    if missing or len(fit.draws) < 2:
        raise TwinError(
            f"fit: met {len(fit.draws)} draws without {', '.join(missing[:3]) or 'enough of them'}, expected the "
            f"posterior draws of a fit of {plan.physicians} physicians"
        )
    unbounded = [[to_unbounded(v, ENTRIES[name]) for v in fit.draws[name]] for name in plan.names]
    traits = [fit.draws[c].to_numpy(float) for c in columns]
    draws = np.concatenate([np.array(unbounded), np.array(traits)])
    centre = draws.mean(axis=1, keepdims=True)
    apart = draws - centre
    count = draws.shape[1]
    weights = rng.standard_normal((count, plan.members)) / np.sqrt(count - 1)
    cloud = centre + np.sqrt(1 - KERNEL**2) * apart[:, np.arange(plan.members) % count] + KERNEL * apart @ weights
    shared = len(plan.names)
    return cloud[:shared], cloud[shared:].reshape(plan.physicians, len(EFFECTS), plan.members)


def _in_order(shared: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The thresholds of the burnout item put in rising order, member by member."""
    rows = [names.index(name) for name in THRESHOLDS if name in names]
    if len(rows) < len(THRESHOLDS):
        return shared
    entries = [ENTRIES[name] for name in THRESHOLDS]
    low, high = (np.array([getattr(e, end) for e in entries])[:, None] for end in ("low", "high"))
    values = np.sort(low + (high - low) / (1 + np.exp(-shared[rows])), axis=0)
    share = np.clip((values - low) / (high - low), 1e-6, 1 - 1e-6)
    result = shared.copy()
    result[rows] = np.log(share / (1 - share))
    return result
