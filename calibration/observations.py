"""The one observation table, as files and as arrays.

Its columns: who, stream, measure, measured_at, received_at, value, unit, quality. `calibration.measures` lists the
streams and measures, `validate` says what is refused.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from abm.layout import Layout
from abm.spelling import nearest
from calibration.measures import MEASURES
from calibration.observation_checks import (
    COLUMNS,
    QUALITIES,
    TIMES,
    Counts,
    ObservationError,
    Problems,
    Summary,
    check_columns,
    iso,
    validate,
)

__all__ = [
    "COLUMNS",
    "QUALITIES",
    "Counts",
    "ObservationError",
    "Summary",
    "first_monday",
    "person_ids",
    "read_observations",
    "to_array",
    "validate",
    "write_observations",
]
NDJSON_ENDINGS = (".ndjson", ".jsonl")


def read_observations(path: str | Path, *, now: dt.datetime | None = None) -> tuple[pd.DataFrame, Summary]:
    """Observations of a CSV file (with a header) or an NDJSON file (a JSON object a line), through `validate`.

    Raises ObservationError, naming file and line, on anything that is not such an observation, and OSError.
    """
    path = Path(path)
    _check_ending(path)
    lines: list[int] = []
    rows: list[Sequence[Any]] = []
    broken: list[tuple[int, str]] = []
    try:
        for line, row in _csv_rows(path) if path.suffix.lower() == ".csv" else _ndjson_rows(path):
            if isinstance(row, str):
                broken.append((line, row))
            else:
                lines.append(line)
                rows.append(row)
    except UnicodeDecodeError as error:
        raise ObservationError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if broken:
        problems = Problems(str(path), "line", np.array([line for line, _ in broken]))
        problems.add(np.ones(len(broken)), lambda i: broken[i][1])
        problems.raise_if_any()
    if not rows:
        raise ObservationError(f"{path}: the file holds no observations; expected rows with {', '.join(COLUMNS)}")
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    return validate(pd.DataFrame(columns, dtype=object), str(path), now=now, place="line", lines=np.array(lines))


def _check_ending(path: Path) -> None:
    if path.suffix.lower() not in (".csv", *NDJSON_ENDINGS):
        raise ObservationError(f"{path}: met the ending {path.suffix!r}, expected .csv, .ndjson or .jsonl")


def _csv_rows(path: Path) -> Iterator[tuple[int, Sequence[str] | str]]:
    """(line, fields in the order of COLUMNS, or what is wrong with the row)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        start = 1
        try:
            header = next(reader, None)
            if header is None:
                return
            check_columns(header, f"{path}: line 1: ")
            order = [header.index(name) for name in COLUMNS]
            start = reader.line_num + 1
            for row in reader:
                if len(row) == len(header):
                    yield start, [row[k] for k in order]
                elif row:
                    yield start, f"met {len(row)} fields, expected the header's {len(header)}"
                start = reader.line_num + 1
        except csv.Error as error:
            raise ObservationError(f"{path}: line {start}: not readable as CSV: {error}") from None


def _ndjson_rows(path: Path) -> Iterator[tuple[int, Sequence[Any] | str]]:
    """(line, values in the order of COLUMNS, or what is wrong with the line)."""
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                yield line, _ndjson_row(text)


def _ndjson_row(text: str) -> Sequence[Any] | str:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return f"not readable as JSON: {error.msg} at column {error.colno}"
    if not isinstance(row, dict):
        return f"met a JSON {type(row).__name__}, expected an object with {', '.join(COLUMNS)}"
    try:
        check_columns(list(row), "")
    except ObservationError as error:
        return str(error)
    return [row[name] for name in COLUMNS]


def write_observations(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV or NDJSON, by the ending of ``path``; times in UTC, values that read back the same.

    The rows are written as they are, duplicates and corrections included. Raises ObservationError on other
    columns, times without a timezone, or another ending.
    """
    path = Path(path)
    _check_ending(path)
    check_columns([str(name) for name in table.columns], "table to write: ")
    columns = [_time_texts(table[name]) if name in TIMES else table[name].tolist() for name in COLUMNS]
    rows = zip(*columns, strict=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix.lower() == ".csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows)
        else:
            file.writelines(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows)


def _time_texts(column: pd.Series[Any]) -> list[str]:
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise ObservationError(f"table to write: {column.name}: met {column.dtype}, expected times with a timezone")
    instants = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    whole_seconds = bool((instants == instants.astype("datetime64[s]")).all())
    texts = np.datetime_as_string(instants, unit="s" if whole_seconds else "us", timezone="UTC")
    return [str(text) for text in texts]


def person_ids(physicians: int) -> list[str]:
    """Identifiers of a clinic's posts, in the order of its layout: physician-000, physician-001, ..."""
    digits = max(3, len(str(physicians - 1)))
    return [f"physician-{i:0{digits}d}" for i in range(physicians)]


def first_monday(table: pd.DataFrame, timezone: str = "UTC") -> dt.date:
    """The Monday of the week of the earliest measurement, in the clinic's time zone."""
    earliest = table["measured_at"].min().tz_convert(timezone).date()
    return earliest - dt.timedelta(days=earliest.weekday())


def to_array(table: pd.DataFrame, people: Layout | Sequence[str], days: int, first_day: dt.date, *,
             timezone: str = "UTC", qualities: Sequence[str] = ("good",)) -> dict[str, np.ndarray]:  # fmt: skip
    """Values by measure as float arrays [days, physicians], NaN where nothing was observed.

    Row d belongs to calendar day ``first_day`` + d (a Monday, as day 0 of a simulated clinic) in the clinic's
    ``timezone``. A measure taken ``days_after`` the day it is about (sleep: on waking) stands in the row of that
    day, so that rows line up with the outcomes of `abm`. Other days and other qualities are left out.

    Args:
        table: as `validate` returns it.
        people: identifiers in the order of the physicians; a Layout stands for its `person_ids`.

    Raises:
        ObservationError: a person who is not among ``people``, or two values for one person, measure and day.
    """
    if first_day.weekday() != 0:
        raise ValueError(f"first_day: met {first_day:%A %Y-%m-%d}, expected a Monday")
    ids = person_ids(people.physicians) if isinstance(people, Layout) else list(people)
    physician = pd.Index(ids).get_indexer(pd.Index(table["who"]))
    if (physician < 0).any():
        stranger = table["who"].iloc[int(np.argmax(physician < 0))]
        raise ObservationError(f"who: met {stranger!r}, expected one of the {len(ids)} physicians"
                               f"{nearest(stranger, ids)}")  # fmt: skip
    local = table["measured_at"].dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
    shift = table["measure"].map({name: m.days_after for name, m in MEASURES.items()})
    day = ((local - pd.Timestamp(first_day)).dt.days - shift).to_numpy()
    wanted = table["quality"].isin(list(qualities)).to_numpy() & (day >= 0) & (day < days)
    position = pd.Index(list(MEASURES)).get_indexer(pd.Index(table["measure"]))
    values = np.full((len(MEASURES), days, len(ids)), np.nan)
    cell = np.ravel_multi_index((position[wanted], day[wanted], physician[wanted]), values.shape)
    cells, first, count = np.unique(cell, return_index=True, return_counts=True)
    if (count > 1).any():
        row = table[wanted].iloc[first[int(np.argmax(count > 1))]]
        raise ObservationError(f"{row['who']}: met more than one value of {row['measure']} for the day of "
                               f"{iso(row['measured_at'])} in {timezone}, expected one a day; is this the "
                               "clinic's time zone?")  # fmt: skip
    values.reshape(-1)[cells] = table["value"].to_numpy()[wanted][first]
    return dict(zip(MEASURES, values, strict=True))
