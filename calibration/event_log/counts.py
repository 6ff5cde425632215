"""What became of the records of an ingest, by stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

LATE_HOURS = 48.0  # received so long after it was measured is late (assumed: a nightly extract and a day's grace)
UNKNOWN_STREAM = "unknown"  # of records so broken that nothing says to which stream they belong


@dataclasses.dataclass(frozen=True)
class StreamCounts:
    """read = new + duplicate + corrected + refused; late ones are among the new and corrected."""

    read: int = 0
    new: int = 0
    duplicate: int = 0  # says what the log knew already
    late: int = 0
    corrected: int = 0  # another value or quality of an observation that the log had
    refused: int = 0

    def __add__(self, other: StreamCounts) -> StreamCounts:
        return StreamCounts(
            *(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True))
        )


@dataclasses.dataclass
class Receipt:
    """The account of one ingest. ``stopped`` is why the source could not be read to its end, if so."""

    source: str
    streams: dict[str, StreamCounts] = dataclasses.field(default_factory=dict)
    resumed: bool = False
    stopped: str | None = None

    @property
    def total(self) -> StreamCounts:
        """All streams together."""
        return sum(self.streams.values(), StreamCounts())

    def add(self, streams: Mapping[str, StreamCounts]) -> None:
        """Count some more records."""
        for stream, counts in streams.items():
            self.streams[stream] = self.streams.get(stream, StreamCounts()) + counts


class Status:
    """What a row is to the log, as small integers."""

    NEW, DUPLICATE, CORRECTED = 0, 1, 2


def count(stream: np.ndarray, status: np.ndarray, late: np.ndarray, refused: list[str]) -> dict[str, StreamCounts]:
    """Counts by stream of rows [n] (their stream, Status, lateness) and of refusals (their streams)."""
    counts: dict[str, StreamCounts] = {}
    for name in dict.fromkeys([*stream.tolist(), *refused]):
        of_stream = stream == name
        known = status[of_stream]
        turned_away = refused.count(name)
        counts[name or UNKNOWN_STREAM] = StreamCounts(
            read=len(known) + turned_away,
            new=int((known == Status.NEW).sum()),
            duplicate=int((known == Status.DUPLICATE).sum()),
            late=int((late[of_stream] & (known != Status.DUPLICATE)).sum()),
            corrected=int((known == Status.CORRECTED).sum()),
            refused=turned_away,
        )
    return counts
