"""The part of `jax.numpy` that rules use, for plain floats: one agent's rule step without array overhead."""

from __future__ import annotations

from math import exp, expm1, floor, log, log1p, sqrt
from typing import Any


def maximum(a: float, b: float) -> float:
    return a if a >= b else b


def minimum(a: float, b: float) -> float:
    return a if a <= b else b


def where(condition: Any, a: float, b: float) -> float:
    return a if condition else b


__all__ = ["exp", "expm1", "floor", "log", "log1p", "maximum", "minimum", "sqrt", "where"]
