"""Curves that rules share: the logistic, relaxation by the exact solution of a linear ODE, smooth saturation."""

from __future__ import annotations

from typing import Any

Number = Any  # a plain float, a NumPy or a JAX array


def logistic(x: Number, xp: Any) -> Number:
    """1 / (1 + exp(-x)), range (0, 1); the argument is held within +-60 so that exp cannot overflow."""
    return 1.0 / (1.0 + xp.exp(-xp.minimum(xp.maximum(x, -60.0), 60.0)))


def logit(share: Number, xp: Any) -> Number:
    """log(share / (1 - share)) of a share strictly between 0 and 1."""
    return xp.log(share / (1.0 - share))


def relax(value: Number, target: Number, rate: Number, time: Number, xp: Any) -> Number:
    """Exact solution of ``d value/dt = rate * (target - value)`` after ``time``: splitting the time changes nothing."""
    return target + (value - target) * xp.exp(-rate * time)


def saturate(wanted: Number, capacity: Number, xp: Any) -> Number:
    """``capacity * (1 - exp(-wanted / capacity))``: close to ``wanted`` when small, never above ``capacity``.

    Increasing in both arguments, with ``0 <= result <= min(wanted, capacity)``.
    """
    safe = xp.maximum(capacity, 1e-9)
    return -safe * xp.expm1(-wanted / safe)
