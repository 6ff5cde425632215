"""Gradients of the relaxed mode against central finite differences on common draws, in float64."""

import functools
import os
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from abm.interventions import KINDS, Intervention, as_set
from abm.layout import make_layout
from abm.parameters import ENTRIES, NAMES, Parameters, from_unbounded, to_unbounded
from abm.population import initial_state, simulate

TOLERANCE = 1e-5  # relative error of a derivative
ROUNDING_STEP = 1e-9  # at which second differences of a run are rounding alone
ROUNDING_FACTOR, ROUNDING_UNITS = 4.0, 8.0  # of nearly the largest second difference; of an outcome's last place
FULL = os.environ.get("CLINICTWIN_FULL") == "1"
STEPS = (
    (1e-8, 1e-7, 1e-6, 1e-5) if FULL else (1e-7, 1e-6, 1e-5)
)  # of the width of a parameter's bounds; each halved once
RESOLVED = 2e-6  # relative change of a difference quotient on halving its step, and rounding
DAYS = 56
BATCH = 96
# Unoptimised code: most of the time of this test is compilation.
COMPILER_OPTIONS = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}

OUTCOMES = (
    "burnout_risk", "burned_out", "ehr_minutes", "ehr_after_hours_minutes", "task_load", "wait_minutes_sum",
    "overrun_minutes", "kept", "turnover_cost", "visit_revenue", "fatigue", "exhaustion", "cynicism", "motivation",
    "adoption", "waiting_requests", "unmet_need", "backlog_minutes", "sleep_hours", "delegated_minutes",
)  # fmt: skip
STAFF_OUTCOMES = ("fatigue", "exhaustion", "burnout_risk", "motivation", "change_fatigue", "work_minutes")
LABELS = (*OUTCOMES, *(f"staff_{name}" for name in STAFF_OUTCOMES))

LAYOUT = make_layout(12, 3, staff_per_pod=(2, 1, 1, 1), seed=2)
CHANGES = as_set([Intervention(kind, 0.6, start_day=2.0 * i, ramp_days=10) for i, kind in enumerate(KINDS)], LAYOUT)
VACANT, HALF_FILLED = (1, 4, 14, 20, 27), (7, 10, 17, 23, 30)  # posts at the start, so that people are hired at once

# so that many leave, are hired and are absent, some of them on the ramp between not at all and fully
RESTLESS = dict(leaving_per_year=0.45, leaving_burnout_ratio=7.0, leaving_exhaustion_effect=2.5, hire_days=12.0,
                staff_leaving_per_year=0.9, staff_hire_days=7.0, absence_per_day=0.1)  # fmt: skip
SATURATED = dict(fatigue_build_rate=0.38, recovery_rate=0.06, awake_rest_quality=0.1, exhaustion_slope=38.0)
OVERLOADED = dict(evening_minutes_max=45.0, wrap_up_minutes_max=20.0, administration_minutes_per_day=90.0,
                  gap_use_share=0.3, visit_minutes=21.0)  # fmt: skip
POINTS = {"a restless clinic": {}, "another": {}, "a third": {}, "saturated fatigue": SATURATED,
          "saturated fatigue and desks": SATURATED | OVERLOADED}  # fmt: skip
MORE_SEEDS = 20  # to look for the rare event through which some parameter moves some outcome

WIDTH = np.array([e.high - e.low for e in ENTRIES.values()])


def point(number: int, values: dict[str, float]) -> np.ndarray:
    """Parameters drawn from their priors, then ``values``."""
    rng = np.random.default_rng([2718, number])
    drawn = [from_unbounded(to_unbounded(e.default, e) + e.prior_spread * float(rng.standard_normal()), e)
             for e in ENTRIES.values()]  # fmt: skip
    return np.array([(RESTLESS | values).get(name, x) for name, x in zip(NAMES, drawn, strict=True)])


def outcomes(theta, seed):
    """Means over posts and days of LABELS."""
    p = Parameters(**dict(zip(NAMES, theta, strict=True)))
    start = initial_state(p, LAYOUT, CHANGES.kind.shape[0], theta.dtype)
    employed = start.employed.at[jnp.array(VACANT)].set(0.0).at[jnp.array(HALF_FILLED)].set(0.5)
    run = simulate(p, DAYS, seed, CHANGES, layout=LAYOUT, mode="relaxed", period_days=DAYS,
                   state=start._replace(employed=employed))  # fmt: skip
    means = [run.physicians[name].mean() for name in OUTCOMES] + [run.staff[name].mean() for name in STAFF_OUTCOMES]
    return jnp.stack(means)


@functools.partial(jax.jit, compiler_options=COMPILER_OPTIONS | {"xla_backend_optimization_level": 1})
def runs(thetas, seed):
    return jax.vmap(outcomes, in_axes=(0, None))(thetas, seed)


@functools.partial(jax.jit, compiler_options=COMPILER_OPTIONS)
def values_and_jacobian(theta, seed):
    """(outcomes [O], derivatives [O, P]) by reverse-mode differentiation."""
    values, pull = jax.vjp(lambda t: outcomes(t, seed), theta)
    return values, jax.lax.map(lambda row: pull(row)[0], jnp.eye(len(LABELS)))


def around(theta, seed, step):
    """Outcomes [O, P] with each parameter moved up and down by ``step`` of the width of its bounds."""
    count = len(NAMES)
    shifts = np.diag(step * WIDTH)
    thetas = theta + np.concatenate([shifts, -shifts, np.zeros((-2 * count % BATCH, count))])
    parts = [np.asarray(runs(jnp.asarray(part), seed)) for part in np.split(thetas, len(thetas) // BATCH)]
    done = np.concatenate(parts).T
    return done[:, :count], done[:, count : 2 * count]


class Reference(NamedTuple):
    """Difference quotients by step, and whether they can tell."""

    slopes: np.ndarray  # [S, O, P]
    rounding: np.ndarray  # [S, O, P]: of the slopes, since a run rounds
    first: np.ndarray  # [O, P]: index of the smallest step that is resolved, -1 if none is


def reference(theta, seed, values) -> Reference:
    """Finite differences with steps that shrink until kinks are left behind, and grow until rounding is.

    A run has kinks (who waits for whom, which draw counts) and sums round. A step is resolved if the quotient hardly
    changes when it is halved and rounds little; the smallest such step is the reference. Which one that is does not
    depend on the gradient it is compared with. How much an outcome rounds is measured.
    """
    up, down = around(theta, seed, ROUNDING_STEP)
    typical = np.quantile(np.abs(up + down - 2 * values[:, None]), 0.99, axis=1)
    level = (ROUNDING_FACTOR * typical + ROUNDING_UNITS * np.spacing(values))[:, None]
    slopes, rounding, first = [], [], np.full((len(LABELS), len(NAMES)), -1)
    for k, step in enumerate(STEPS):
        quotients = []
        for h in (step, step / 2):
            up, down = around(theta, seed, h)
            quotients.append((up - down) / (2 * h * WIDTH))
        slopes.append(quotients[1])
        rounding.append(level / (step * WIDTH))
        doubt = np.abs(quotients[0] - quotients[1]) + rounding[-1]
        first = np.where((first < 0) & (doubt < RESOLVED * np.abs(quotients[1])), k, first)
    return Reference(np.stack(slopes), np.stack(rounding), first)


@pytest.fixture(scope="module")
def compared():
    """(gradients [O, P], finite differences, outcomes [O]) at every point."""
    result = []
    with jax.enable_x64(True):
        for number, chosen in enumerate(POINTS.values()):
            theta, key = point(number, chosen), jax.random.key(number)
            values, jacobian = (np.asarray(a) for a in values_and_jacobian(jnp.asarray(theta), key))
            result.append((jacobian, reference(theta, key, values), values))
    return result


def relative_errors(gradient, reference):
    """[S, O, P]: of the difference, what rounding allows for taken off."""
    size = np.maximum(np.abs(gradient), np.abs(reference.slopes))
    beyond = np.maximum(np.abs(gradient - reference.slopes) - reference.rounding, 0.0)
    return beyond / np.where(size > 0, size, 1.0)


def test_derivatives_agree_with_finite_differences(compared):
    strict = np.zeros(len(NAMES), bool)
    for name, (gradient, finite, _) in zip(POINTS, compared, strict=True):
        assert np.isfinite(gradient).all(), name
        errors, resolved = relative_errors(gradient, finite), finite.first >= 0
        error = np.take_along_axis(errors, np.maximum(finite.first, 0)[None], axis=0)[0]
        # unresolved: too weak an effect, or a kink at every step; then one of the quotients must agree within rounding
        error = np.where(resolved, error, errors.min(axis=0))
        wrong = {(LABELS[o], NAMES[p]): error[o, p] for o, p in np.argwhere(error >= TOLERANCE)}
        assert not wrong, (name, wrong)
        strict |= (resolved & (gradient != 0)).any(axis=0)
    without = {name for name in NAMES if all(ENTRIES[name].why_without_effect_on(label) for label in LABELS)}
    assert {name for name, seen in zip(NAMES, strict, strict=True) if not seen} == without


def test_fatigue_is_saturated_where_it_should_be(compared):
    for name, (_, _, values) in zip(POINTS, compared, strict=True):
        fatigue = values[LABELS.index("fatigue")]
        assert (fatigue > 0.35) == name.startswith("saturated"), (name, fatigue)


def test_no_derivative_is_zero_without_a_reason(compared):
    reasons = np.array([[ENTRIES[name].why_without_effect_on(label) is not None for name in NAMES] for label in LABELS])
    moves = np.any([gradient != 0 for gradient, _, _ in compared], axis=0)
    last = len(POINTS) - 1
    theta = point(last, [*POINTS.values()][last])
    with jax.enable_x64(True):
        for seed in range(MORE_SEEDS):
            if (moves | reasons).all():
                break
            moves |= np.asarray(values_and_jacobian(jnp.asarray(theta), jax.random.key(100 + seed))[1]) != 0
    unexplained = {(LABELS[o], NAMES[p]) for o, p in np.argwhere(~moves & ~reasons)}
    assert not unexplained
    untrue = {(LABELS[o], NAMES[p]) for o, p in np.argwhere(moves & reasons)}
    assert not untrue
