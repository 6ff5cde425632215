"""What the files of points (`calibration.sources.points`) share: how they are opened, and what was left out of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from calibration.sources.base import Batch, Refused, SourceError
from calibration.sources.days import Calendar
from calibration.sources.extracts import Options
from calibration.sources.files import modified_at, open_regular
from calibration.sources.met import Met
from calibration.sources.points import Point, to_batches


class PointFile:
    """A file whose records are points of the clinic's days. Subclasses say how they are read, in `_points`.

    It has no checkpoints: it is read from its beginning, and what the log knows already are duplicates.
    """

    kind = ""

    def __init__(self, path: str | Path, options: Options, name: str | None = None) -> None:
        self.path, self.options = Path(path), options
        self.name = name or self.path.name.encode("utf-8", "replace").decode()
        self.length: int | None = None
        self.left_out: Counter[str] = Counter()
        self.met = Met()

    @property
    def description(self) -> Mapping[str, Any]:
        """How many records were left out, by reason; units and schemas by measure, where records say them."""
        return self.met.describe({"left out": dict(sorted(self.left_out.items()))})

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """See `calibration.sources.base.Source`. Raises SourceError without the clinic's time zone."""
        if self.options.timezone is None:
            raise SourceError(f"{self.name}: met no time zone, expected the clinic's (--timezone): which day a record "
                              "belongs to depends on it")  # fmt: skip
        self.left_out, self.met = Counter(), Met()
        with open_regular(self.path, inside=self.options.inside) as file:
            received_at = self.options.received_at or modified_at(file)
            points = self._points(file, Calendar(self.options.timezone), received_at)
            yield from to_batches(points, self.options.pseudonyms)

    def _points(self, file: BinaryIO, calendar: Calendar, received_at: dt.datetime) -> Iterator[Point | Refused]:
        raise NotImplementedError
