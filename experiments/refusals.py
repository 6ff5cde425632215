"""Refusals of an experiment in one voice: where, which key, what was met, what was expected, the nearest right name."""

from __future__ import annotations

import reprlib
from typing import Any

from pydantic import BaseModel, ValidationError

from abm.spelling import nearest
from experiments.yaml_source import ConfigError, Source

_SHORT = reprlib.Repr(maxstring=80, maxother=80, maxlist=6, maxdict=6, maxlevel=3)


class Located(ValueError):
    """A refusal raised by a validator, of something at ``path`` below the value it validates."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path


def short(value: Any) -> str:
    """``repr`` of a value, shortened so that a message stays a message."""
    return _SHORT.repr(value)


def refuse(error: ValidationError, model: type[BaseModel], source: Source | None) -> ConfigError:
    """All of pydantic's findings as one ConfigError, a line each."""
    findings = [details for details in error.errors(include_url=False) if not _is_echo(details)]
    return ConfigError("\n".join(_line(details, model, source) for details in findings))


def _is_echo(details: Any) -> bool:
    """Whether a list is called too short only because its items were refused, which is told already."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _line(details: Any, model: type[BaseModel], source: Source | None) -> str:
    cause = details.get("ctx", {}).get("error")
    path = tuple(details["loc"]) + (cause.path if isinstance(cause, Located) else ())
    where = f"{source.where(path)}: " if source else ""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{where}{key + ': ' if key else ''}{_finding(details, cause, model)}"


def _finding(details: Any, cause: Any, model: type[BaseModel]) -> str:
    if cause is not None:
        return str(cause)
    if details["type"] == "extra_forbidden":
        names = list(_model_at(model, details["loc"][:-1]).model_fields)
        return f"unknown key{nearest(str(details['loc'][-1]), names)} (expected one of {', '.join(names)})"
    if details["type"] == "missing":
        return "missing, expected a value for this key"
    limits = details.get("ctx", {})
    expected = {
        "too_short": f"a list of at least {limits.get('min_length')}",
        "too_long": f"a list of at most {limits.get('max_length')}",
        "string_pattern_mismatch": "a name of letters, digits, spaces and _ . , + % - (80 at most)",
        "model_type": "keys with their values",
        "tuple_type": "a list",
    }.get(details["type"], details["msg"].removeprefix("Input should be "))
    return f"met {short(details['input'])}, expected {expected}"


def _model_at(model: type[BaseModel], path: tuple[Any, ...]) -> type[BaseModel]:
    """The model that validates what lies at ``path``: names lead to a field's model, list positions do not."""
    for part in path:
        if isinstance(part, str):
            model = _inner_model(model.model_fields[part].annotation) or model
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_inner_model(a) for a in getattr(annotation, "__args__", ()))
    return next((m for m in inner if m is not None), None)
