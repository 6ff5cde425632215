"""The protocol of a source: what anything that feeds the event log has to offer.

A source turns material (a file, a folder, a broker's messages) into batches of observations. Writing one means
writing a class with `name`, `kind`, `length`, `description` and `batches`; nothing has to be inherited.

1. **Rows.** A batch's table has the columns of `calibration.observations.COLUMNS`, with times in UTC, values in the
   unit of `calibration.measures` and `who` already a pseudonym (`calibration.pseudonyms`), and beside them `offset`:
   an integer that finds the record again (line, row, message number). The log checks every row again and refuses
   what is not such an observation, so a source need not repeat those checks.
2. **Refusals.** What cannot be read becomes a `Refused` with its offset and the reason; the rest is read on. Only a
   source that cannot be read at all raises `SourceError` (or OSError); what it yielded before stays in the log.
3. **Receipt.** `received_at` is a property of the material (a column, a message's time stamp, a file's modification
   time), never the moment of the ingest. That is what makes the same material give the same log in any order.
4. **Parts.** Where single events add up to a day's value (encounters to kept visits, episodes to sleep), a row is one
   event: `part` holds its pseudonymised identifier, `value` its share, `measured_at` the day's common stamp. The log
   adds up the parts when it is read. So a file may be split anywhere, an event may come twice or be corrected.
5. **Acknowledging.** The log commits a batch's rows, refusals and checkpoint in one transaction and only then asks
   for the next batch. So code after a `yield` runs when that batch is safely on disk: acknowledge a message there.
6. **Resuming.** After a crash the log calls `batches` with the checkpoint of the last batch it holds. A source may
   ignore it and start over: the log drops what it has already. It must check that the material is still the same.

`names`, reasons, descriptions and raw fields are stored: none may hold a direct identifier or free text. A batch
should hold a few thousand to some ten thousand rows, and a source must not keep more than one in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from calibration.observation_checks import COLUMNS, TIMES

BATCH_ROWS = 50_000  # rows of a batch: a few megabytes
MAX_LINE_BYTES = 1 << 20  # of one record of text (assumed: no honest record is longer)
OFFSET, PART = "offset", "part"


class SourceError(ValueError):
    """A source that cannot be read as a whole; says which, what was met, what was expected."""


class StopReading(Exception):
    """Ends a source's batches early, on purpose: what it yielded is kept, and it counts as interrupted."""


@dataclasses.dataclass(frozen=True)
class Refused:
    """A record, or one field of it, that could not become an observation.

    ``fields`` are the texts by column from which it can be tried again later; None if that needs the material itself.
    They are stored, so they must hold no identifier and no free text.
    """

    offset: int
    reason: str
    field: str = ""
    stream: str = ""
    fields: Mapping[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Batch:
    """Some records of a source, in its order.

    ``position`` counts towards the source's `length`. ``fields`` gives for a row of ``observations`` the (field, texts
    by column) that it was made from, so that the log can keep them if it refuses the row.
    """

    observations: pd.DataFrame
    refused: Sequence[Refused] = ()
    checkpoint: str | None = None
    position: int = 0
    fields: Callable[[int], tuple[str, Mapping[str, str] | None]] | None = None


class Source(Protocol):
    """Anything that can be read into the log; see this file's first lines for what is expected of it."""

    @property
    def name(self) -> str:
        """What the log calls it: a file's name, a topic. Stored, so without identifiers."""

    @property
    def kind(self) -> str:
        """How it is read, for instance "csv". Stored with every refusal, since it says how to try that again."""

    @property
    def length(self) -> int | None:
        """The last batch's `position`, for a progress bar; None if unknown."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What the material looks like, as JSON: columns, units, code systems, so that a change of them shows. Asked
        for after the last batch. Stored, so no values."""

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """All batches, or those after ``checkpoint`` if the material before it is unchanged."""


def observation_table(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A batch's table from its columns; a single value stands for a whole column, `part` may be left out."""
    names = [*COLUMNS, OFFSET, *([PART] if PART in columns else [])]
    table = pd.DataFrame({name: columns[name] for name in names})
    for name in TIMES:
        table[name] = pd.DatetimeIndex(table[name]).as_unit("us").tz_convert("UTC")
    return table


def empty_table() -> pd.DataFrame:
    """A batch's table without rows."""
    nothing: dict[str, Any] = {name: pd.Series([], dtype=object) for name in COLUMNS}
    instants = dict.fromkeys(TIMES, pd.DatetimeIndex([], tz="UTC"))
    return observation_table(nothing | instants | {"value": pd.Series([], dtype=float), OFFSET: np.zeros(0, np.int64)})
