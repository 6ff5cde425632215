"""What a sweep consists of: its scenarios, its rows (points x draws x replicates) and the blocks they are run in."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import numpy as np

from abm.interventions import Intervention
from abm.layout import Layout
from abm.parameters import NAMES, Parameters
from experiments.clinics import Clinics
from experiments.conditions import check_bounds, parameters_on
from experiments.config import Experiment
from experiments.scenarios import PlannedScenario, planned_scenarios, replicate_words

# Above 16 clinics of 50 a group ran no faster per core (measured: 4.9, 6.3, 7.3, 7.5, 7.9 thousand clinic-days a second
# at 4, 8, 16, 32, 64); two threads with a group each ran faster than one whose operations XLA spread over both cores.
PHYSICIANS_PER_GROUP = 800
RECORDS_PER_BLOCK_BYTES = 128_000_000
MOST_GROUPS_PER_BLOCK = 16  # run one after the other and written together: fewer, larger files in a large sweep
BATCHES_WANTED = 256  # a sweep is cut at least so fine before blocks get more than one group


class Rows(NamedTuple):
    """Which clinics: point, posterior draw and replicate of each, int [B]."""

    point: np.ndarray
    draw: np.ndarray
    replicate: np.ndarray


class Block(NamedTuple):
    """A rectangle of points x draws x replicates, run and written together, once for each scenario."""

    points: range
    draws: range
    replicates: range

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.points), len(self.draws), len(self.replicates)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def rows(self, first: int, count: int) -> Rows:
        """``count`` of its clinics from ``first`` on, beginning anew after the last."""
        at = np.unravel_index(np.arange(first, first + count) % self.size, self.shape)
        sides = (self.points, self.draws, self.replicates)
        return Rows(*(side.start + i for side, i in zip(sides, at, strict=True)))


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that an engine needs to know of a sweep; it can be sent to another process.

    Raises ValueError on more draws than clinics, or conditions that lead a parameter out of its bounds.
    """

    experiment: Experiment
    clinics: Clinics
    x64: bool = False  # whether the JAX engine computes in 64-bit floats

    def __post_init__(self) -> None:
        wanted, there = self.experiment.draws, len(self.clinics.parameters)
        if wanted is not None and wanted > there:
            raise ValueError(f"draws: met {wanted}, expected up to {there} posterior draws of a fit (--fit)"
                             if self.clinics.differ else f"draws: met {wanted} without a fit (--fit)")  # fmt: skip
        self._check_conditions()

    @functools.cached_property
    def scenarios(self) -> tuple[PlannedScenario, ...]:
        return planned_scenarios(self.experiment)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Points, draws, replicates."""
        e = self.experiment
        return e.design.size if e.design else 1, e.draws or 1, e.replicates

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Dimensions of the results: ``point`` where there is a design, ``draw`` where draws are apart."""
        e = self.experiment
        return ("scenario", *(["point"] if e.design else []), *(["draw"] if e.draws else []),
                "replicate", "day", "physician")  # fmt: skip

    @functools.cached_property
    def group_size(self) -> int:
        """Clinics side by side in one program, at most; from the experiment alone, as is the block's size, so that
        results do not depend on the machine."""
        largest = min(PHYSICIANS_PER_GROUP // self.experiment.physicians, self._most_rows)
        return balanced_size(min(math.prod(self.shape), math.prod(self.block_shape)), max(largest, 1))

    @functools.cached_property
    def block_shape(self) -> tuple[int, int, int]:
        """Points, draws and replicates of a block, if there are as many left."""
        side_by_side = max(min(PHYSICIANS_PER_GROUP // self.experiment.physicians, self._most_rows), 1)
        groups = math.prod(self.shape) // side_by_side * len(self.scenarios) // BATCHES_WANTED
        largest = min(side_by_side * min(max(groups, 1), MOST_GROUPS_PER_BLOCK), self._most_rows)
        points, draws, replicates = self.shape
        if self.experiment.engine == "mesa":
            return 1, 1, 1
        if replicates > largest:
            return 1, 1, balanced_size(replicates, largest)
        if draws * replicates > largest:
            return 1, balanced_size(draws, largest // replicates), replicates
        return balanced_size(points, largest // (draws * replicates)), draws, replicates

    @property
    def _most_rows(self) -> int:
        e = self.experiment
        row_bytes = 4 * len(e.recorded) * e.physicians * (e.days // e.period_days)
        return max(RECORDS_PER_BLOCK_BYTES // row_bytes, 1)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return math.prod(self._blocks_along)

    @property
    def _blocks_along(self) -> tuple[int, int, int]:
        return tuple(-(-n // b) for n, b in zip(self.shape, self.block_shape, strict=True))  # type: ignore[return-value]

    @property
    def batches(self) -> int:
        """Number of batches: every block in every scenario."""
        return self.blocks * len(self.scenarios)

    def block(self, number: int) -> Block:
        """One block."""
        at = (int(i) for i in np.unravel_index(number, self._blocks_along))
        sides = (range(i * b, min((i + 1) * b, n)) for i, b, n in zip(at, self.block_shape, self.shape, strict=True))
        return Block(*sides)

    def words(self, rows: Rows) -> np.ndarray:
        """Seed words, uint32 [B, 2]: those of the replicate, whatever the point and the draw."""
        chosen, where = np.unique(rows.replicate, return_inverse=True)
        return replicate_words(self.experiment.seed, chosen)[where]

    def parameters(self, rows: Rows, scenario: int | None = None, day: int = 0) -> Parameters:
        """Parameters of some clinics in a scenario on ``day`` after the warm-up; in the warm-up if None.

        A field is an array [B] where the sweep varies it between clinics, else a number, whatever the rows.
        """
        values = self._parameters(rows)
        if scenario is not None:
            changed = parameters_on(self.scenarios[scenario].conditions, day, values)
            for name, value in changed.items():
                values[name] = np.broadcast_to(value, np.shape(values[name])) if np.ndim(values[name]) else value
        return Parameters(**values)

    def _parameters(self, rows: Rows) -> dict[str, Any]:
        if self.clinics.differ:
            each = [self.clinics.parameters[i] for i in self._clinic(rows)]
            values: dict[str, Any] = {name: np.array([float(getattr(p, name)) for p in each]) for name in NAMES}
        else:
            values = {name: float(getattr(self.clinics.parameters[0], name)) for name in NAMES}
        return values | {axis.name: column for axis, column in self._columns(rows) if axis.parameter}

    def traits(self, rows: Rows) -> np.ndarray | None:
        """Traits [B, P, GENERATIONS, len(TRAITS)] where clinics differ in them, else None."""
        return None if self.clinics.traits is None else self.clinics.traits[self._clinic(rows)]

    def doses(self, rows: Rows, scenario: int) -> np.ndarray | None:
        """Doses [B, C] of a scenario's interventions where the design varies any, else None."""
        columns = {axis.dose_of: column for axis, column in self._columns(rows) if axis.dose_of}
        if not columns:
            return None
        changes = self.scenarios[scenario].interventions
        every = [columns.get(change.kind, np.full(len(rows.point), change.dose)) for change in changes]
        return np.stack(every, axis=1) if every else np.zeros((len(rows.point), 0))

    def interventions(self, rows: Rows, scenario: int) -> tuple[Intervention, ...]:
        """Interventions of the first of some clinics, with the doses of its point."""
        changes, doses = self.scenarios[scenario].interventions, self.doses(rows, scenario)
        if doses is None:
            return changes
        return tuple(dataclasses.replace(c, dose=float(d)) for c, d in zip(changes, doses[0], strict=True))

    def layout(self, rows: Rows) -> Layout:
        """Layout of the first of some clinics, with its traits."""
        layout, traits = self.clinics.layout, self.traits(rows)
        return layout if traits is None else dataclasses.replace(layout, traits=traits[0])

    def _clinic(self, rows: Rows) -> np.ndarray:
        return (rows.replicate if self.experiment.draws is None else rows.draw) % len(self.clinics.parameters)

    def _columns(self, rows: Rows) -> list[tuple[Any, np.ndarray]]:
        """Every axis of the design with its values at the rows' points."""
        design = self.experiment.design
        if design is None:
            return []
        first = int(rows.point.min())
        points = design.points_from(first, int(rows.point.max()) - first + 1)[rows.point - first]
        return [(axis, points[:, i]) for i, axis in enumerate(design.axes)]

    def _check_conditions(self) -> None:
        """Conditions hold for every draw and at the ends of every axis; they are monotone in both."""
        if not any(scenario.conditions for scenario in self.scenarios):
            return
        design = self.experiment.design
        axes = [axis for axis in (design.axes if design else ()) if axis.parameter]
        for scenario in {s.family: s for s in self.scenarios}.values():
            for own in self.clinics.parameters:
                values = {name: float(getattr(own, name)) for name in NAMES}
                for end in (0, 1):
                    at_end = {axis.name: axis.ends[end] for axis in axes}
                    check_bounds(scenario.conditions, values | at_end, scenario.label)


def balanced_size(count: int, largest: int) -> int:
    """How many to take together: in as few parts as ``largest`` allows, all of about one size."""
    return math.ceil(count / math.ceil(count / largest))
