"""Mapping files: which columns of an extract say who, what, when and how much. YAML, checked before anything is read.

```yaml
layout: wide                      # one row a person and time, a column a measure; or: long, a row a value
timezone: America/New_York        # of times without an offset from UTC
who: provider_id                  # renamed by a keyed hash; {column: ..., already_pseudonymous: true} keeps it
time: {column: day, format: "%m/%d/%Y", at: "23:30"}
received: exported_at             # without it: the file's modification time
measures:                         # wide
  sleep_minutes: {column: sleep_hours, unit: h}
  steps: steps
# long instead has:
# measure: {column: code, names: {SLEEP: sleep_minutes, STEPS: steps}}
# value: amount
# unit: {column: uom}             # or a unit for all; without it: the measure's own
# quality: {column: flag, names: {ok: good, artefact: failed}}
missing: ["", "NULL"]             # cells that mean: not observed
```
"""

from __future__ import annotations

import codecs
import datetime as dt
import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from abm.spelling import nearest
from calibration.measures import MEASURES
from calibration.observation_checks import COLUMNS
from calibration.sources import units
from calibration.sources.times import TimeReading, check_zone

LARGEST_FILE = 256 * 1024  # bytes (assumed: no honest mapping is longer)


class MappingError(ValueError):
    """A mapping file that is refused; the message names the keys and what was expected."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Part):
    """A column by its name in the header; in NDJSON a path of keys such as `effective.start`."""

    column: str


class Person(Column):
    already_pseudonymous: bool = False


class Time(Column):
    format: str | None = None
    at: dt.time | None = None
    ambiguous: Literal["refuse", "earlier", "later"] = "refuse"
    nonexistent: Literal["refuse", "shift_forward"] = "refuse"

    def reading(self, zone: str | None) -> TimeReading:
        """With the zone of times without an offset."""
        return TimeReading(self.format, self.at, zone, self.ambiguous, self.nonexistent)


class Named(Column):
    """A column of codes, and what they mean; codes that are not listed mean themselves."""

    names: dict[str, str] = {}


class Cell(Column):
    """A wide extract's column of one measure, and its unit if that is not the measure's own."""

    unit: str | None = None


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_unit(value: Any) -> Any:
    return value if not isinstance(value, dict) else Named.model_validate(value)


def _as_cells(value: Any) -> Any:
    return {name: _as_column(cell) for name, cell in value.items()} if isinstance(value, dict) else value


class Mapping(_Part):
    """How an extract is read; see this file's first lines. Raises ValidationError."""

    layout: Literal["long", "wide"]
    who: Annotated[Person, BeforeValidator(_as_column)]
    time: Annotated[Time, BeforeValidator(_as_column)]
    received: Annotated[Time | None, BeforeValidator(_as_column)] = None
    timezone: str | None = None
    part: Annotated[Column | None, BeforeValidator(_as_column)] = None
    stream: Annotated[Named | None, BeforeValidator(_as_column)] = None
    measure: Annotated[Named | None, BeforeValidator(_as_column)] = None
    value: Annotated[Column | None, BeforeValidator(_as_column)] = None
    unit: Annotated[str | Named | None, BeforeValidator(_as_unit)] = None
    quality: Annotated[Named | None, BeforeValidator(_as_column)] = None
    measures: Annotated[dict[str, Cell] | None, BeforeValidator(_as_cells)] = None
    missing: tuple[str, ...] = ("",)
    decimal: Literal[".", ","] = "."
    delimiter: str = ","
    encoding: str = "utf-8"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.timezone is not None:
            check_zone(self.timezone)
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter: met {self.delimiter!r}, expected one character such as ',' or a tab")
        _check_encoding(self.encoding)
        wanted, other = (("measure", "value"), ("measures",)) if self.layout == "long" else (("measures",), _ONLY_LONG)
        for name in wanted:
            if not getattr(self, name):
                raise ValueError(f"{name}: missing; a {self.layout} layout needs it")
        for name in other:
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: met in a {self.layout} layout, which has no such key")
        for name, cell in (self.measures or {}).items():
            if name not in MEASURES:
                raise ValueError(f"measures: met {name!r}, which is no measure{nearest(name, list(MEASURES))}")
            _check_unit(name, cell.unit)
        return self

    @property
    def columns(self) -> list[str]:
        """The columns it names, each once."""
        parts = (self.who, self.time, self.received, self.part, self.stream, self.measure, self.value, self.quality)
        unit = self.unit if isinstance(self.unit, Named) else None
        return list(dict.fromkeys(p.column for p in (*parts, unit, *(self.measures or {}).values()) if p is not None))

    @property
    def needs_key(self) -> bool:
        """Whether people or events have names that must be changed at the door."""
        return self.part is not None or not self.who.already_pseudonymous

    @property
    def digest(self) -> str:
        """Equal for mappings that read the same."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=8).hexdigest()


_ONLY_LONG = ("measure", "value", "unit", "stream")


def _check_encoding(name: str) -> None:
    try:
        fine = codecs.lookup(name).encode("\n,")[0] == b"\n,"
    except (LookupError, ValueError, TypeError):
        fine = False
    if not fine:
        raise ValueError(f"encoding: met {name!r}, expected one that extends ASCII such as 'utf-8' or 'cp1252'")


def _check_unit(measure: str, unit: str | None) -> None:
    wanted = MEASURES[measure].unit
    if unit is not None and units.factor(unit, wanted) is None:
        raise ValueError(
            f"measures: {measure}: unit: met {unit!r}, expected one of {', '.join(units.known_units(wanted))}"
        )


# The project's own observation tables: complete, in the measures' units, with pseudonyms.
OBSERVATION_TABLE = Mapping.model_validate(
    {"layout": "long", "who": {"column": "who", "already_pseudonymous": True}, "time": "measured_at",
     "received": "received_at", "stream": "stream", "measure": "measure", "value": "value",
     "unit": {"column": "unit"}, "quality": "quality", "missing": []}
)  # fmt: skip


def is_observation_table(header: list[str]) -> bool:
    """Whether a file's header is that of an observation table."""
    return sorted(header) == sorted(COLUMNS)


def load_mapping(path: Path) -> Mapping:
    """A mapping from a YAML file. Raises MappingError, naming file and keys, and OSError."""
    with path.open("rb") as file:
        text = file.read(LARGEST_FILE + 1)
    if len(text) > LARGEST_FILE:
        raise MappingError(f"{path}: met more than {LARGEST_FILE:,} bytes, expected a mapping file")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise MappingError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise MappingError(f"{path}: met a {type(content).__name__}, expected keys such as layout, who, time")
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        raise MappingError("\n".join([f"{path}: {error.error_count()} problems", *_lines(error)])) from None


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        key = ".".join(str(k) for k in problem["loc"])
        hint = nearest(key, list(Mapping.model_fields)) if problem["type"] == "extra_forbidden" else ""
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {key}: {message}{hint}" if key else f"  {message}")
    return lines
