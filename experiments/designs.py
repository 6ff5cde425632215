"""Designs: the points at which a sweep is run, over parameters and doses; a block of points at a time."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from abm.interventions import KINDS, Intervention
from abm.parameters import ENTRIES
from experiments.config_fields import Count, Part, Quantity, in_dose_unit, known_kind, parameter_value
from experiments.refusals import Located, short

MOST_POINTS = 10_000_000
MOST_TABLE_ROWS = 10_000
BLOCK_POINTS = 4096  # points made at a time
Coordinate = Annotated[Any, BeforeValidator(lambda value: value, json_schema_input_type=Quantity)]
Method = Literal["factorial", "latin-hypercube", "sobol", "saltelli", "morris", "table"]
SAMPLED = ("latin-hypercube", "sobol", "saltelli", "morris")
MORRIS_LEVELS = 4  # of the grid that trajectories move on (Campolongo 2007)


class Axis(Part):
    """One thing that varies: a parameter, or the dose of every intervention of a kind in all scenarios."""

    parameter: str | None = None
    """Name of a parameter."""
    dose_of: str | None = None
    """A kind of intervention."""
    low: Coordinate = None
    """Lower end; with 'high', for designs that sample."""
    high: Coordinate = None
    """Upper end."""
    levels: Annotated[tuple[Coordinate, ...], Field(min_length=1, max_length=MOST_TABLE_ROWS)] | None = None
    """Values to take: all of them in a factorial design, in this order of points in a table."""

    @field_validator("parameter")
    @classmethod
    def _known_parameter(cls, name: str | None) -> str | None:
        if name is not None:
            parameter_value(name, ENTRIES[name].default if name in ENTRIES else 0.0)
        return name

    @field_validator("dose_of")
    @classmethod
    def _known_kind(cls, kind: str | None) -> str | None:
        return None if kind is None else known_kind(kind)

    @field_validator("low", "high", "levels")
    @classmethod
    def _in_bounds(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, tuple):
            for i, one in enumerate(value):
                try:
                    cls._coordinate(one, info)
                except ValueError as error:
                    raise Located((i,), str(error)) from None
            return tuple(cls._coordinate(one, info) for one in value)
        return None if value is None else cls._coordinate(value, info)

    @classmethod
    def _coordinate(cls, value: Any, info: ValidationInfo) -> float:
        parameter, kind = info.data.get("parameter"), info.data.get("dose_of")
        if parameter is not None:
            return parameter_value(parameter, value)
        try:
            dose = float(in_dose_unit(kind or "", value))
        except (TypeError, OverflowError):
            raise ValueError(f"met {short(value)}, expected a number") from None
        if kind is not None:
            Intervention(kind, dose)
        return dose

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.parameter is None) == (self.dose_of is None):
            raise ValueError("expected one of 'parameter' and 'dose_of'")
        ends = (self.low is not None) + (self.high is not None)
        if ends == 1 or (ends == 2) == (self.levels is not None):
            raise ValueError("expected 'low' and 'high', or 'levels'")
        if ends and not self.low < self.high:
            raise Located(("high",), f"met {self.high:g}, expected more than low ({self.low:g})")
        return self

    @property
    def name(self) -> str:
        """The parameter, or the kind whose dose it is."""
        return self.parameter or str(self.dose_of)

    @property
    def coordinate(self) -> str:
        """What it is called in the results, where outcomes may have a parameter's name."""
        return f"parameter_{self.parameter}" if self.parameter else f"dose_of_{self.dose_of}"

    @property
    def unit(self) -> str:
        return ENTRIES[self.parameter].unit if self.parameter else KINDS[str(self.dose_of)].dose_unit

    @property
    def meaning(self) -> str:
        return ENTRIES[self.parameter].meaning if self.parameter else f"dose: {KINDS[str(self.dose_of)].meaning}"

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return (self.low, self.high) if self.levels is None else (min(self.levels), max(self.levels))

    def at(self, unit_values: np.ndarray) -> np.ndarray:
        """Values at positions 0 to 1 along the axis."""
        if self.levels is not None:
            count = len(self.levels)
            return np.asarray(self.levels, float)[np.minimum((unit_values * count).astype(int), count - 1)]
        return np.clip(self.low + (self.high - self.low) * unit_values, self.low, self.high)


class Design(Part):
    """Points at which all scenarios are run.

    factorial: every combination of the axes' levels. latin-hypercube, sobol: ``points`` spread over the axes.
    saltelli, morris: the designs of Sobol' indices and of Morris screening, around ``points`` base points or of as many
    trajectories. table: the i-th point takes the i-th level of every axis.
    """

    method: Method
    """How points are chosen."""
    axes: Annotated[tuple[Axis, ...], Field(min_length=1, max_length=100)]
    """What varies."""
    points: Annotated[Count, Field(ge=1, le=MOST_POINTS)] | None = None
    """How many (latin-hypercube, sobol), base points (saltelli) or trajectories (morris)."""
    seed: Annotated[Count, Field(ge=0, lt=2**32)] = 0
    """Seed of the points."""

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        names = [axis.name for axis in self.axes]
        for i, axis in enumerate(self.axes):
            if axis.name in names[:i]:
                raise Located(("axes", i), f"met {axis.name!r} again, expected a new axis")
            if self.method not in SAMPLED and axis.levels is None:
                raise Located(("axes", i), f"met 'low' and 'high', expected 'levels' for a {self.method} design")
        if (self.points is None) == (self.method in SAMPLED):
            expected = "expected how many" if self.method in SAMPLED else "expected none: the levels say it"
            raise Located(("points",), f"met {self.points} with {self.method}, {expected}")
        if self.method in ("sobol", "saltelli") and self.points and self.points & (self.points - 1):
            power = 1 << self.points.bit_length()
            raise Located(("points",), f"met {self.points}, expected a power of two ({power // 2} or {power}), "
                                       "at which a Sobol' sequence is balanced")  # fmt: skip
        lengths = [len(axis.levels or ()) for axis in self.axes]
        if self.method == "table" and len(set(lengths)) > 1:
            raise Located(("axes",), f"met levels of {lengths} points, expected as many on every axis of a table")
        if self.size > MOST_POINTS:
            raise Located(("axes",), f"met a design of {self.size:,} points, expected up to {MOST_POINTS:,}")
        return self

    @property
    def size(self) -> int:
        """Number of points."""
        k, n = len(self.axes), self.points or 0
        if self.method == "factorial":
            return math.prod(len(axis.levels or ()) for axis in self.axes)
        if self.method == "table":
            return len(self.axes[0].levels or ())
        return n * {"saltelli": k + 2, "morris": k + 1}.get(self.method, 1)

    def points_from(self, first: int, count: int) -> np.ndarray:
        """Points ``first`` to ``first + count``, float64 [count, axes]; only these and their block are made.

        Latin hypercubes, Saltelli's and Morris' designs cannot be made in part: theirs takes 8 bytes a point and axis.
        """
        if self.method == "table":
            return np.stack([np.asarray(axis.levels, float)[first : first + count] for axis in self.axes], axis=1)
        if self.method == "factorial":
            shape = tuple(len(axis.levels or ()) for axis in self.axes)
            at = np.unravel_index(np.arange(first, first + count), shape)
            return np.stack([np.asarray(a.levels, float)[i] for a, i in zip(self.axes, at, strict=True)], axis=1)
        unit = _unit_points(self, first, count)
        return np.stack([axis.at(unit[:, i]) for i, axis in enumerate(self.axes)], axis=1)


def _unit_points(design: Design, first: int, count: int) -> np.ndarray:
    """Points of a sampled design in the unit cube."""
    if design.method != "sobol":
        return _whole(design.method, len(design.axes), int(design.points or 0), design.seed)[first : first + count]
    blocks = range(first // BLOCK_POINTS, -(-(first + count) // BLOCK_POINTS))
    made = np.concatenate([_sobol_block(len(design.axes), design.seed, block) for block in blocks])
    skip = first - blocks.start * BLOCK_POINTS
    return made[skip : skip + count]


@functools.lru_cache(maxsize=4)
def _sobol_block(axes: int, seed: int, block: int) -> np.ndarray:
    """BLOCK_POINTS points of the scrambled Sobol' sequence."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(axes, scramble=True, rng=np.random.default_rng(seed))
    if block:
        sequence.fast_forward(block * BLOCK_POINTS)
    return sequence.random(BLOCK_POINTS)


@functools.lru_cache(maxsize=1)
def _whole(method: str, axes: int, points: int, seed: int) -> np.ndarray:
    if method == "latin-hypercube":
        from scipy.stats import qmc

        return qmc.LatinHypercube(axes, rng=np.random.default_rng(seed)).random(points)
    problem = {"num_vars": axes, "names": [str(i) for i in range(axes)], "bounds": [[0.0, 1.0]] * axes}
    try:
        from SALib.sample import morris  # type: ignore[import-untyped]
        from SALib.sample import sobol as saltelli
    except ImportError:
        raise ValueError(f"design: {method} needs SALib, which is not installed: "
                         "pip install 'clinictwin[sensitivity]'") from None  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "saltelli":
            return saltelli.sample(problem, points, calc_second_order=False, seed=seed)
        return morris.sample(problem, points, num_levels=MORRIS_LEVELS, seed=seed)
