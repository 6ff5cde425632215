"""What the extracts (CSV, NDJSON, Parquet) share: their options, and how their batches are finished."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration.pseudonyms import Pseudonyms
from calibration.sources.base import Batch, Refused, SourceError, empty_table
from calibration.sources.files import Lines, modified_at, open_regular
from calibration.sources.mapped import Columns, Reading
from calibration.sources.mapping import Mapping
from calibration.sources.met import Met


@dataclasses.dataclass(frozen=True)
class Options:
    """What a source may need to be opened; each takes what concerns it.

    ``timezone`` is the clinic's and stands for the mapping's; ``received_at`` stands for a file's modification time;
    ``inside`` is a folder that paths must not leave; ``reader`` tells this reader of a broker from others (the log).
    """

    mapping: Mapping | None = None
    pseudonyms: Pseudonyms | None = None
    timezone: str | None = None
    received_at: dt.datetime | None = None
    inside: Path | None = None
    reader: str = ""


class Extract:
    """A file read with a mapping. Subclasses say how, in `_read`."""

    kind = ""

    def __init__(self, path: str | Path, options: Options | None = None) -> None:
        self.path, self.options = Path(path), options or Options()
        self.name = self.path.name.encode("utf-8", "replace").decode()
        self.length: int | None = None
        self.description: dict[str, Any] = {}
        self._met = Met()

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """See `calibration.sources.base.Source`."""
        with open_regular(self.path, inside=self.options.inside) as file:
            self.length = file.seek(0, 2)
            file.seek(0)
            try:
                yield from self._read(file, checkpoint)
            finally:  # also of what could not be read: it may be a change of its look that stopped it
                self.description = self._met.describe(self.description)

    def _read(self, file: Any, checkpoint: str | None) -> Iterator[Batch]:
        raise NotImplementedError

    def reading(self, mapping: Mapping, file: Any) -> Reading:
        """The mapping with the options and the file's receipt. Raises SourceError where a key is needed."""
        o = self.options
        if o.pseudonyms is None and mapping.needs_key:
            raise SourceError(f"{self.name}: met no pseudonym key, expected one to rename people with; "
                              "`clinictwin pseudonym-key FILE` makes a key")  # fmt: skip
        self._met = Met()
        return Reading(mapping, o.received_at or modified_at(file), o.pseudonyms, o.timezone, met=self._met)

    def reading_digest(self, mapping: Mapping) -> str:
        """Equal when the same file would be read in the same way."""
        o = self.options
        key = o.pseudonyms.fingerprint if o.pseudonyms else ""
        return f"{mapping.digest} {key} {o.timezone} {o.received_at and o.received_at.isoformat()}"

    def finish(self, reading: Reading, columns: Columns, offsets: np.ndarray, refused: Sequence[Refused],
               lines: Lines) -> Iterator[Batch]:  # fmt: skip
        """A block's batches, the last with its refusals and the checkpoint."""
        last = Batch(empty_table())
        for batch in reading.batches(columns, offsets):
            if len(last.observations) or last.refused:
                yield dataclasses.replace(last, position=lines.position)
            last = batch
        both = sorted([*refused, *last.refused], key=lambda r: r.offset)
        yield dataclasses.replace(last, refused=both, checkpoint=lines.checkpoint, position=lines.position)
