"""What an experiment is: its schema, its checks, and the files that ship with the package."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from abm.interventions import Intervention
from abm.outcomes import RECORDED
from abm.parameters import ENTRIES
from abm.spelling import nearest
from experiments.conditions import Condition, check_bounds
from experiments.config_fields import (
    LONGEST_DAYS,
    Count,
    Days,
    Name,
    ParameterValues,
    Part,
    Quantity,
    WholeDays,
    in_dose_unit,
    known_kind,
)
from experiments.designs import Design
from experiments.refusals import Located, refuse, short
from experiments.yaml_source import ConfigError, Source, read_experiment

POD_SIZE = 5  # physicians a pod of the clinic that experiments use (abm.layout.make_layout's default)
MOST_SCENARIOS = 100_000
BASELINE = "baseline"
Dose = Annotated[float, BeforeValidator(lambda value: value, json_schema_input_type=Quantity)]
Conditions = Annotated[tuple[Condition, ...], Field(max_length=100)]


class Change(Part):
    """One intervention of a scenario. ``doses`` instead of ``dose`` makes one scenario for each of them.

    ``start_day`` counts from the end of the warm-up; the other fields are those of `abm.interventions.Intervention`.
    """

    kind: str
    """What is changed; `clinictwin interventions` lists all."""
    dose: Dose | None = None
    """How much, in the kind's unit; 1 if not given."""
    doses: Annotated[tuple[Dose, ...], Field(min_length=1, max_length=1000)] | None = None
    """Several doses: one scenario for each."""
    start_day: Days = 0.0
    """Go-live, from the end of the warm-up."""
    ramp_days: Days = 14.0
    """Days over which it is ramped up."""
    stagger_days: Days = 0.0
    """Delay of each further pod: a staged go-live."""
    decision_days: Days = 0.0
    """The manager's latency."""
    pods: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    """Pods that it reaches, from 0; all if not given."""
    physicians: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    """Physicians whom it reaches, from 0; all (and their staff) if not given."""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        return known_kind(kind)

    @field_validator("dose", "doses", mode="before")
    @classmethod
    def _in_its_unit(cls, value: Any, info: ValidationInfo) -> Any:
        many = isinstance(value, list | tuple)
        read = []
        for i, dose in enumerate(value if many else (value,)):
            try:
                read.append(None if dose is None and not many else in_dose_unit(info.data.get("kind", ""), dose))
            except ValueError as error:
                raise Located((i,) if many else (), str(error)) from None
        return read if many else read[0]

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


class Scenario(Part):
    """What managers change together. Interventions with several doses make several scenarios: their product."""

    name: Name
    """Name in results and figures."""
    interventions: Annotated[tuple[Change, ...], Field(max_length=100)] = ()
    """What is changed; none is possible where 'conditions' are given."""
    conditions: Conditions | None = None
    """Conditions instead of the experiment's."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.interventions and self.conditions is None:
            raise Located(("interventions",), "met none, expected at least one, or 'conditions'")
        return self

    @property
    def size(self) -> int:
        """Number of scenarios it makes."""
        return math.prod(len(change.dose_values) for change in self.interventions)


class Experiment(Part):
    """A sweep: scenarios, a baseline among them, x points of a design x draws of a fit x replicates."""

    name: Name
    """Name of the experiment."""
    description: Annotated[str, Field(max_length=10_000)] = ""
    """The question it answers, in words."""
    source: Annotated[str, Field(max_length=10_000)] = ""
    """Where its effect sizes come from: rows of the evidence table, or 'assumed'."""
    engine: Literal["jax", "mesa"] = "jax"
    """jax is quick, mesa is the readable reference; both are the same clinic."""
    physicians: Annotated[Count, Field(ge=POD_SIZE, le=2000, multiple_of=POD_SIZE)] = 50
    """Size of the clinic."""
    days: Annotated[WholeDays, Field(ge=1, le=LONGEST_DAYS)] = 364
    """Calendar days after the warm-up, as in '52 weeks'."""
    warm_up_days: Annotated[WholeDays, Field(ge=0, le=LONGEST_DAYS, multiple_of=7)] = 364
    """Calendar days before anything changes; not in the results."""
    period_days: Annotated[WholeDays, Field(ge=1, le=LONGEST_DAYS)] = 28
    """Days averaged into one record; divides days."""
    replicates: Annotated[Count, Field(ge=1, le=1_000_000)] = 16
    """Streams of chances: replicate r meets the same ones in every scenario, point and draw."""
    draws: Annotated[Count, Field(ge=1, le=100_000)] | None = None
    """Posterior draws of a fit (--fit), each simulated with every replicate. Not given: replicate r takes draw r."""
    seed: Annotated[Count, Field(ge=0, lt=2**63)] = 0
    """Seed of all chances."""
    parameters: ParameterValues = Field(default_factory=dict)
    """Parameters that differ from the defaults (or from the fit); `clinictwin parameters` lists all."""
    conditions: Conditions = ()
    """Conditions that hold for a time in every scenario, the baseline included."""
    outcomes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Outcomes to keep; all if not given, as a report needs them."""
    design: Design | None = None
    """Points at which all scenarios are run."""
    scenarios: tuple[Scenario, ...] = ()
    """What is compared with the baseline."""

    @classmethod
    def model_validate(cls, obj: Any, *, source: Source | None = None, **options: Any) -> Self:
        """The experiment that ``obj`` describes. Raises ConfigError, one line a finding, with lines of ``source``."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise refuse(error, cls, source) from None

    @field_validator("outcomes")
    @classmethod
    def _known_outcomes(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for i, name in enumerate(names or ()):
            if name not in RECORDED:
                raise Located((i,), f"unknown outcome {short(name)}{nearest(name, RECORDED)}")
            if name in (names or ())[:i]:
                raise Located((i,), f"met {name} twice, expected each outcome once")
        return names

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.days % self.period_days:
            raise Located(("period_days",), f"met {self.period_days}, expected a divisor of days ({self.days})")
        count = 1 + sum(scenario.size for scenario in self.scenarios)
        if count > MOST_SCENARIOS:
            raise Located(("scenarios",), f"met doses that make {count:,} scenarios, expected up to {MOST_SCENARIOS:,}")
        self._check_conditions(self.conditions, (), BASELINE)
        names = [BASELINE]
        for i, scenario in enumerate(self.scenarios):
            if scenario.name in names:
                hint = "; the baseline is always there" if scenario.name == BASELINE else ""
                raise Located(("scenarios", i, "name"), f"met {scenario.name!r} again, expected a new name{hint}")
            names.append(scenario.name)
            for j, change in enumerate(scenario.interventions):
                self._check_members(change, ("scenarios", i, "interventions", j))
            self._check_conditions(scenario.conditions or (), ("scenarios", i), scenario.name)
        self._check_design()
        return self

    def _check_members(self, change: Change, path: tuple[str | int, ...]) -> None:
        for key, count in (("pods", self.physicians // POD_SIZE), ("physicians", self.physicians)):
            for k, member in enumerate(getattr(change, key) or ()):
                if not 0 <= member < count:
                    raise Located((*path, key, k), f"met {member}, expected 0 to {count - 1}")

    def _check_conditions(self, conditions: Conditions, path: tuple[str | int, ...], name: str) -> None:
        for i, condition in enumerate(conditions):
            for key in ("start_day", "days"):
                value = getattr(condition, key)
                if value is not None and value % self.period_days:
                    raise Located((*path, "conditions", i, key),
                                  f"met {value}, expected a multiple of period_days ({self.period_days})")  # fmt: skip
            if condition.start_day >= self.days:
                raise Located((*path, "conditions", i, "start_day"),
                              f"met {condition.start_day}, expected less than days ({self.days})")  # fmt: skip
        defaults = {parameter: e.default for parameter, e in ENTRIES.items()}
        try:
            check_bounds(conditions, defaults | self.parameters, name)
        except ValueError as error:
            raise Located((*path, "conditions"), str(error)) from None

    def _check_design(self) -> None:
        for i, axis in enumerate(self.design.axes if self.design else ()):
            path = ("design", "axes", i)
            if axis.parameter in self.parameters:
                raise Located(path, f"met {axis.parameter}, which 'parameters' sets as well, expected one of them")
            if axis.dose_of is None:
                continue
            changes = [c for scenario in self.scenarios for c in scenario.interventions if c.kind == axis.dose_of]
            if not changes:
                raise Located(path, f"met dose_of {axis.dose_of}, expected a scenario with such an intervention")
            if any(change.doses or change.dose is not None for change in changes):
                raise Located(path, f"met dose_of {axis.dose_of}, to which scenarios give doses, expected one of them")

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names of the outcomes it keeps, in the table's order."""
        return tuple(name for name in RECORDED if self.outcomes is None or name in self.outcomes)

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
    return _from_source(read_experiment(path))


def shipped_configs() -> dict[str, str]:
    """Descriptions of the experiments that ship with the package, by name."""
    return {name: _from_source(read_experiment(path)).description for name, path in _shipped_paths().items()}
