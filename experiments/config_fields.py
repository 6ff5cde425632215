"""Values that experiment files are made of: numbers, durations with their units, doses, names of parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from abm.interventions import KIND_NAMES, KINDS
from abm.parameters import ENTRIES, ParameterError, check
from abm.spelling import nearest
from experiments.refusals import Located, short

LONGEST_DAYS = 36_500
DAYS_IN = {"day": 1, "days": 1, "week": 7, "weeks": 7}
DURATION = r"^\s*\d{1,9}(\.\d{1,9})?\s*(days?|weeks?)\s*$"
QUANTITY = r"^\s*[-+]?[0-9.eE+-]{1,24}\s*(%|[A-Za-z].*)?\s*$"
FTE_KINDS = ("extra_medical_assistant",)  # kinds whose dose counts full-time equivalents


def duration(value: Any) -> Any:
    """Days from ``182``, ``'182 days'`` or ``'26 weeks'``."""
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+)\s*", value)
        if not found or found[2] not in DAYS_IN:
            raise ValueError(f"met {short(value)}, expected days, as in 182, '182 days' or '26 weeks'")
        return float(found[1]) * DAYS_IN[found[2]]
    return number(value)


def number(value: Any) -> Any:
    """Refuse what YAML's yes, no, on and off turn into (pydantic would take them for 1 and 0), and numbers as text."""
    if isinstance(value, bool | str):
        raise ValueError(f"met {short(value)}, expected a number")
    return value


def in_dose_unit(kind: str, value: Any) -> Any:
    """The dose that ``'50 %'``, ``'0.5 FTE'`` or ``'2 assistants per pod'`` means; a number stands for itself.

    A percentage is of the dose's unit where that is a share; full-time equivalents count extra assistants in a pod.
    """
    if not isinstance(value, str):
        return number(value)
    unit = KINDS[kind].dose_unit if kind in KINDS else ""
    found = re.fullmatch(r"\s*([-+]?[0-9.eE+-]{1,24})\s*(\S.*?)?\s*", value)
    known: dict[str | None, float] = {None: 1.0, unit: 1.0}
    if "share" in unit:
        known["%"] = 0.01
    if kind in FTE_KINDS:
        known["FTE"] = 1.0
    try:
        return float(found[1]) * known[found[2]] if found else float("")
    except (KeyError, ValueError):
        units = " or ".join(repr(f"0.5 {u}" if u != "%" else "50 %") for u in known if u)
        raise ValueError(
            f"met dose {short(value)}, expected a number{f', or as in {units}' if units else ''}"
        ) from None


def known_kind(kind: str) -> str:
    """The kind. Raises ValueError naming the nearest right one."""
    if kind not in KIND_NAMES:
        raise ValueError(f"unknown intervention {short(kind)}{nearest(kind, KIND_NAMES)} "
                         f"(expected one of {', '.join(KIND_NAMES)})")  # fmt: skip
    return kind


def parameter_value(name: str, value: Any) -> float:
    """A parameter's value from a number, ``'18 min'`` or ``{value: 18, unit: min}``, checked against its bounds."""
    if isinstance(value, Mapping):
        extra = sorted(str(key) for key in set(value) - {"value", "unit"})
        if extra or "value" not in value:
            raise ParameterError(f"{name}: met keys {short(sorted(map(str, value)))}, expected 'value' and 'unit'")
        value, unit = value["value"], value.get("unit")
    else:
        unit = None
    try:
        return check(name, value, unit)
    except OverflowError:
        raise ParameterError(f"{name}: met {short(value)}, expected a number in {ENTRIES[name].unit}") from None


def parameter_values(values: Any) -> Any:
    """Values by name of a parameter. Raises Located naming the parameter that is refused."""
    if not isinstance(values, Mapping):
        raise ValueError(f"met {short(values)}, expected names of parameters with their values")
    checked = {}
    for name, value in values.items():
        try:
            checked[str(name)] = parameter_value(str(name), value)
        except ParameterError as error:
            raise Located((str(name),), str(error)) from None
    return checked


_DurationText = Annotated[str, Field(pattern=DURATION)]
Quantity = float | Annotated[str, Field(pattern=QUANTITY)]
Count = Annotated[int, BeforeValidator(number, json_schema_input_type=int)]
Number = Annotated[float, BeforeValidator(number, json_schema_input_type=float)]
WholeDays = Annotated[int, BeforeValidator(duration, json_schema_input_type=int | _DurationText)]
Days = Annotated[float, BeforeValidator(duration, json_schema_input_type=float | _DurationText),
                 Field(ge=0, le=LONGEST_DAYS, allow_inf_nan=False)]  # fmt: skip
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.,+%-]{0,79}$")]
ParameterValues = Annotated[dict[str, float], BeforeValidator(parameter_values, json_schema_input_type=dict[str, Any])]


class Part(BaseModel):
    """A part of an experiment file: unknown keys are refused, nothing changes after it was checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
