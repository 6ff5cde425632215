"""Points: single values of a person's day as wearables and rosters give them, and the batches made of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import NamedTuple

import numpy as np

from calibration.measures import MEASURES
from calibration.pseudonyms import EXPECTED, Pseudonyms, at_the_door
from calibration.sources import units
from calibration.sources.base import OFFSET, PART, Batch, Refused, empty_table, observation_table
from calibration.sources.days import Wrong
from calibration.sources.times import shown

BATCH_POINTS = 20_000


class Skip(Exception):
    """A record of which no measure can be made, such as another schema's: counted under the reason, not refused."""


class Point(NamedTuple):
    """A value of one person (by identifier, not yet a pseudonym) and one day, in the measure's unit.

    ``day`` is the stamp that `calibration.sources.days.Calendar` gives. ``part`` names the event of which it is a
    share, empty for a whole value; it must hold no identifier.
    """

    who: str
    measure: str
    value: float
    day: dt.datetime
    received_at: dt.datetime
    offset: int
    part: str = ""
    quality: str = "good"


def number(value: object, what: str) -> float:
    """A plain number, or a text of one. Raises Wrong."""
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            result = float(value)
            if np.isfinite(result):
                return result
    except (ValueError, OverflowError):
        pass
    raise Wrong(f"{what}: met {shown(value) if isinstance(value, str) else 'no number'}, expected a finite number")


def in_unit_of(measure: str, value: float, unit: object, what: str) -> float:
    """A value in the measure's unit. Raises Wrong on a unit that cannot be turned into it."""
    factor = units.factor(unit, MEASURES[measure].unit) if isinstance(unit, str) else None
    if factor is None:
        expected = ", ".join(units.known_units(MEASURES[measure].unit))
        raise Wrong(f"{what}: met {'no unit' if not isinstance(unit, str) else 'another unit'}, expected {expected}")
    return value * factor[0] / factor[1]


def to_batch(points: Sequence[Point], refused: Sequence[Refused], pseudonyms: Pseudonyms | None, *,
             checkpoint: str | None = None, position: int = 0) -> Batch:  # fmt: skip
    """A batch of points and refusals. With a key everybody is renamed; without one only pseudonyms come in."""
    renamed = at_the_door({p.who for p in points}, pseudonyms, keep=pseudonyms is None)
    hint = "" if pseudonyms else "; give a pseudonym key so that people are renamed"
    strangers = [Refused(p.offset, f"who: met no pseudonym, expected {EXPECTED}{hint}", "", MEASURES[p.measure].stream)
                 for p in points if renamed[p.who] is None]  # fmt: skip
    known = [p for p in points if renamed[p.who] is not None]
    table = empty_table()
    if known:
        who, measure, value, day, received, offset, part, quality = zip(*known, strict=True)
        table = observation_table({
            "who": np.array([renamed[name] for name in who], dtype=object),
            "stream": np.array([MEASURES[m].stream for m in measure], dtype=object),
            "measure": np.array(measure, dtype=object), "measured_at": _instants(day),
            "received_at": _instants(received), "value": np.array(value, dtype=float),
            "unit": np.array([MEASURES[m].unit for m in measure], dtype=object),
            "quality": np.array(quality, dtype=object), OFFSET: np.array(offset, dtype=np.int64),
            PART: np.array(part, dtype=object),
        })  # fmt: skip
    return Batch(table, [*refused, *strangers], checkpoint=checkpoint, position=position)


def to_batches(records: Iterable[Point | Refused], pseudonyms: Pseudonyms | None) -> Iterator[Batch]:
    """Batches of bounded size, without checkpoints."""
    for some in batched(records, BATCH_POINTS):
        points = [r for r in some if isinstance(r, Point)]
        yield to_batch(points, [r for r in some if isinstance(r, Refused)], pseudonyms, position=points[-1].offset
                       if points else 0)  # fmt: skip


def _instants(instants: Sequence[dt.datetime]) -> np.ndarray:
    """As datetime64[us, UTC] values; equal instants are turned once."""
    import pandas as pd

    naive = np.array([i.astimezone(dt.UTC).replace(tzinfo=None) for i in instants], dtype="datetime64[us]")
    return pd.DatetimeIndex(naive).tz_localize("UTC")  # type: ignore[return-value]
