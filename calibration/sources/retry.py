"""Trying refused records again, from the texts that were kept of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Protocol

import numpy as np
import pandas as pd

from calibration.observation_checks import COLUMNS, TIMES
from calibration.sources.base import OFFSET, PART, Batch, Refused, observation_table
from calibration.sources.mapped import RECEIVED, Reading
from calibration.sources.mapping import Mapping as MappingFile
from calibration.sources.times import TimeReading, read_times

ONLY_ANEW = "only the source itself can be tried again: mend it or the mapping, and ingest it anew"


class Letter(Protocol):
    """What is needed of a dead letter (`calibration.event_log.DeadLetter`)."""

    @property
    def number(self) -> int: ...
    @property
    def fields(self) -> Mapping[str, str] | None: ...


def with_mapping(mapping: MappingFile, zone: str | None = None) -> Callable[[Sequence[Letter]], Batch]:
    """How an extract's records are tried again with a mended mapping, for `EventLog.retry`."""

    def again(letters: Sequence[Letter]) -> Batch:
        refused, ready = [], []
        for letter in letters:
            why = _not_enough(letter.fields, mapping)
            if why:
                refused.append(Refused(letter.number, why))
            else:
                ready.append(letter)
        tables = []
        for received, group in _by_receipt(ready):
            records = [letter.fields or {} for letter in group]
            columns = {c: np.array([r.get(c) for r in records], dtype=object) for c in mapping.columns}
            numbers = np.array([letter.number for letter in group], dtype=np.int64)
            reading = Reading(mapping, received, zone=zone, renamed=True)
            for batch in reading.batches(columns, numbers):
                tables.append(batch.observations)
                refused += batch.refused
        return Batch(pd.concat(tables, ignore_index=True) if tables else _as_observations([]), refused, fields=None)

    return again


def as_observations(letters: Sequence[Letter]) -> Batch:
    """Observations that the log refused, as they are: the registry of measures may have been mended since."""
    ready = [letter for letter in letters if letter.fields and set(COLUMNS) <= set(letter.fields)]
    known = {letter.number for letter in ready}
    refused = [Refused(letter.number, ONLY_ANEW) for letter in letters if letter.number not in known]
    return Batch(_as_observations(ready), refused)


def _as_observations(letters: Sequence[Letter]) -> pd.DataFrame:
    records = [letter.fields or {} for letter in letters]
    columns = {name: np.array([r[name] for r in records], dtype=object) for name in COLUMNS if name not in TIMES}
    times = {name: read_times([r[name].replace(" ", "T", 1) for r in records], TimeReading())[0] for name in TIMES}
    value = pd.to_numeric(pd.Series(columns["value"], dtype=object), errors="coerce").astype(float)
    part = np.array([r.get(PART, "") for r in records], dtype=object)
    numbers = np.array([letter.number for letter in letters], dtype=np.int64)
    return observation_table({**columns, **times, "value": value, OFFSET: numbers, PART: part})


def _not_enough(fields: Mapping[str, str] | None, mapping: MappingFile) -> str:
    """Why a record cannot be read from the texts kept of it; empty if it can."""
    if not fields:
        return ONLY_ANEW
    cells = {cell.column for cell in (mapping.measures or {}).values()}
    lacking = [c for c in mapping.columns if c not in fields and c not in cells]
    if lacking:
        return f"the column {lacking[0]!r} was not kept of the refused record; ingest the source anew"
    if cells and not cells & set(fields):
        return "no column of a measure was kept of the refused record; ingest the source anew"
    if mapping.received is None and RECEIVED not in fields:
        return "the refused record was not kept with its receipt; ingest the source anew"
    return ""


def _by_receipt(letters: list[Letter]) -> Iterator[tuple[dt.datetime, list[Letter]]]:
    """The letters by when their material was received."""

    def receipt(letter: Letter) -> str:
        return (letter.fields or {}).get(RECEIVED, dt.datetime(1970, 1, 1, tzinfo=dt.UTC).isoformat())

    for text, group in groupby(sorted(letters, key=receipt), key=receipt):
        yield dt.datetime.fromisoformat(text), list(group)
