"""What an experiment is: its schema, its checks, and the files that ship with the package."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from abm.interventions import KIND_NAMES, Intervention
from abm.parameters import ParameterError, from_mapping, nearest
from experiments.refusals import Located, refuse, short
from experiments.yaml_source import ConfigError, Source, read_yaml

POD_SIZE = 5  # physicians a pod of the clinic that experiments use (abm.layout.make_layout's default)
LONGEST_DAYS = 36_500
MOST_SCENARIOS = 100_000
BASELINE = "baseline"
DAYS_IN = {"day": 1, "days": 1, "week": 7, "weeks": 7}


def _duration(value: Any) -> Any:
    """Days from ``182``, ``'182 days'`` or ``'26 weeks'``."""
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+)\s*", value)
        if not found or found[2] not in DAYS_IN:
            raise ValueError(f"met {short(value)}, expected days, as in 182, '182 days' or '26 weeks'")
        return float(found[1]) * DAYS_IN[found[2]]
    return _number(value)


def _number(value: Any) -> Any:
    """Refuse what YAML's yes, no, on and off turn into: pydantic would take them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"met {value}, expected a number")
    return value


Count = Annotated[int, BeforeValidator(_number)]
WholeDays = Annotated[int, BeforeValidator(_duration)]
Days = Annotated[float, BeforeValidator(_duration), Field(ge=0, le=LONGEST_DAYS, allow_inf_nan=False)]
Dose = Annotated[float, BeforeValidator(_number)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.,+%-]{0,79}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Part):
    """One intervention of a scenario. ``doses`` instead of ``dose`` makes one scenario for each of them.

    ``start_day`` counts from the end of the warm-up; the other fields are those of `abm.interventions.Intervention`.
    """

    kind: str
    dose: Dose | None = None
    doses: Annotated[tuple[Dose, ...], Field(min_length=1, max_length=1000)] | None = None
    start_day: Days = 0.0
    ramp_days: Days = 14.0
    stagger_days: Days = 0.0
    decision_days: Days = 0.0
    pods: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    physicians: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in KIND_NAMES:
            raise ValueError(f"unknown intervention {short(kind)}{nearest(kind, KIND_NAMES)} "
                             f"(expected one of {', '.join(KIND_NAMES)})")  # fmt: skip
        return kind

    @field_validator("dose", "doses")
    @classmethod
    def _dose_in_bounds(cls, value: Any, info: ValidationInfo) -> Any:
        doses = value if isinstance(value, tuple) else () if value is None else (value,)
        for i, dose in enumerate(doses):
            if "kind" in info.data:
                try:
                    Intervention(info.data["kind"], dose)
                except ValueError as error:
                    raise Located((i,) if isinstance(value, tuple) else (), str(error)) from None
            if dose in doses[:i]:
                raise Located((i,), f"met dose {dose:g} twice, expected different ones")
        return value

    @field_validator("pods", "physicians")
    @classmethod
    def _different(cls, members: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if members is not None and len(set(members)) < len(members):
            raise ValueError(f"met {short(members)}, expected each number once")
        return members

    @model_validator(mode="after")
    def _one_dose(self) -> Self:
        if self.dose is not None and self.doses is not None:
            raise Located(("doses",), "met both 'dose' and 'doses', expected one of them")
        return self

    @property
    def dose_values(self) -> tuple[float, ...]:
        """The doses to try; 1 if the file gives none."""
        return self.doses or (1.0 if self.dose is None else self.dose,)


class Scenario(_Part):
    """What managers change together. Interventions with several doses make several scenarios: their product."""

    name: Name
    interventions: Annotated[tuple[Change, ...], Field(min_length=1, max_length=100)]

    @property
    def size(self) -> int:
        """Number of scenarios it makes."""
        return math.prod(len(change.dose_values) for change in self.interventions)


class Experiment(_Part):
    """A sweep: scenarios x replicates of one clinic, beside a baseline without interventions."""

    name: Name
    description: Annotated[str, Field(max_length=10_000)] = ""
    engine: Literal["jax", "mesa"] = "jax"
    physicians: Annotated[Count, Field(ge=POD_SIZE, le=2000, multiple_of=POD_SIZE)] = 50
    days: Annotated[WholeDays, Field(ge=1, le=LONGEST_DAYS)] = 364
    warm_up_days: Annotated[WholeDays, Field(ge=0, le=LONGEST_DAYS, multiple_of=7)] = 364
    period_days: Annotated[WholeDays, Field(ge=1, le=LONGEST_DAYS)] = 28
    replicates: Annotated[Count, Field(ge=1, le=1_000_000)] = 16
    seed: Annotated[Count, Field(ge=0, lt=2**63)] = 0
    parameters: dict[str, float] = Field(default_factory=dict)
    scenarios: tuple[Scenario, ...] = ()

    @classmethod
    def model_validate(cls, obj: Any, *, source: Source | None = None, **options: Any) -> Self:
        """The experiment that ``obj`` describes. Raises ConfigError, one line a finding, with lines of ``source``."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise refuse(error, cls, source) from None

    @field_validator("parameters", mode="before")
    @classmethod
    def _known_parameters(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            raise ValueError(f"met {short(values)}, expected names of parameters with their values")
        checked = {}
        for name, value in values.items():
            try:
                checked[str(name)] = getattr(from_mapping({str(name): value}), str(name))
            except ParameterError as error:
                raise Located((str(name),), str(error)) from None
        return checked

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.days % self.period_days:
            raise Located(("period_days",), f"met {self.period_days}, expected a divisor of days ({self.days})")
        count = 1 + sum(scenario.size for scenario in self.scenarios)
        if count > MOST_SCENARIOS:
            raise Located(("scenarios",), f"met doses that make {count:,} scenarios, expected up to {MOST_SCENARIOS:,}")
        names = [BASELINE]
        for i, scenario in enumerate(self.scenarios):
            if scenario.name in names:
                hint = "; the baseline is always there" if scenario.name == BASELINE else ""
                raise Located(("scenarios", i, "name"), f"met {scenario.name!r} again, expected a new name{hint}")
            names.append(scenario.name)
            for j, change in enumerate(scenario.interventions):
                self._check_members(change, ("scenarios", i, "interventions", j))
        return self

    def _check_members(self, change: Change, path: tuple[str | int, ...]) -> None:
        for key, count in (("pods", self.physicians // POD_SIZE), ("physicians", self.physicians)):
            for k, member in enumerate(getattr(change, key) or ()):
                if not 0 <= member < count:
                    raise Located((*path, key, k), f"met {member}, expected 0 to {count - 1}")

    def to_yaml(self) -> str:
        """The experiment as YAML that :func:`load_config` reads back to the same experiment."""
        return yaml.safe_dump(self.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)


def _from_source(source: Source) -> Experiment:
    if not isinstance(source.content, dict):
        raise ConfigError(f"{source.name}: met {short(source.content)}, expected keys such as name and scenarios")
    return Experiment.model_validate(source.content, source=source)


def _shipped_paths() -> dict[str, Path]:
    folder = Path(str(resources.files("experiments"))) / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_config(path_or_shipped_name: str | Path) -> Experiment:
    """An experiment from a YAML file, or one that ships with the package by its name. Raises ConfigError."""
    shipped = _shipped_paths()
    path = shipped.get(str(path_or_shipped_name)) or Path(path_or_shipped_name)
    if not path.is_file():
        raise ConfigError(f"{path_or_shipped_name}: met neither a file nor a shipped experiment"
                          f"{nearest(str(path_or_shipped_name), shipped)} (shipped: {', '.join(shipped)})")  # fmt: skip
    return _from_source(read_yaml(path))


def shipped_configs() -> dict[str, str]:
    """Descriptions of the experiments that ship with the package, by name."""
    return {name: _from_source(read_yaml(path)).description for name, path in _shipped_paths().items()}
