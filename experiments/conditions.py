"""Conditions that hold for a time: parameters that a scenario sets or multiplies between two days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from abm.parameters import ENTRIES, ParameterError, entry
from experiments.config_fields import Number, ParameterValues, Part, WholeDays
from experiments.refusals import Located


class Condition(Part):
    """What is different from ``start_day`` on (counted from the end of the warm-up), for ``days`` or to the end."""

    start_day: Annotated[WholeDays, Field(ge=0, le=36_500)] = 0
    """First day, from the end of the warm-up; a multiple of period_days."""
    days: Annotated[WholeDays, Field(ge=1, le=36_500)] | None = None
    """How long it lasts, a multiple of period_days; to the end if not given."""
    parameters: ParameterValues = Field(default_factory=dict)
    """Values of parameters while it lasts."""
    factors: dict[str, Annotated[Number, Field(gt=0, le=1000, allow_inf_nan=False)]] = Field(default_factory=dict)
    """By what parameters are multiplied while it lasts."""

    @field_validator("factors")
    @classmethod
    def _known(cls, factors: dict[str, float]) -> dict[str, float]:
        for name in factors:
            try:
                entry(name)
            except ParameterError as error:
                raise Located((name,), str(error)) from None
        return factors

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.parameters or self.factors):
            raise ValueError("met a condition that changes nothing, expected 'parameters' or 'factors'")
        return self

    @property
    def end_day(self) -> float:
        """The first day on which it no longer holds."""
        return float("inf") if self.days is None else self.start_day + self.days

    def holds(self, day: int) -> bool:
        """Whether it holds on ``day``, counted from the end of the warm-up."""
        return self.start_day <= day < self.end_day


def parameters_on(conditions: Sequence[Condition], day: int, values: dict[str, float]) -> dict[str, float]:
    """Parameters that differ from ``values`` on ``day``: those set, then all factors multiplied; numbers or arrays."""
    changed: dict[str, float] = {}
    holding = [condition for condition in conditions if condition.holds(day)]
    for condition in holding:
        changed |= condition.parameters
    for condition in holding:
        for name, factor in condition.factors.items():
            changed[name] = changed.get(name, values[name]) * factor
    return changed


def check_bounds(conditions: Sequence[Condition], values: dict[str, float], scenario: str) -> None:
    """Refuse factors that lead a parameter of ``values`` out of its bounds on some day. Raises ParameterError."""
    for day in {condition.start_day for condition in conditions}:
        for name, value in parameters_on(conditions, day, values).items():
            e = ENTRIES[name]
            if not e.low <= value <= e.high:
                raise ParameterError(f"scenario {scenario!r}, conditions on day {day}: {name}: factors make "
                                     f"{values[name]:g} {e.unit} to {value:g}, expected between {e.low:g} and "
                                     f"{e.high:g} {e.unit}")  # fmt: skip
