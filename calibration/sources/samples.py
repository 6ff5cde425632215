"""The first records of an extract, whatever its kind, to see what its columns hold."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

from calibration.sources.base import MAX_LINE_BYTES, SourceError
from calibration.sources.files import open_regular

SAMPLE_ROWS = 200
_DELIMITERS = (",", ";", "\t", "|")
_DEPTH = 4  # of nested keys


class Sample(NamedTuple):
    """Values by column as texts (empty: missing), and how a CSV file is written."""

    columns: dict[str, list[str]]
    delimiter: str = ","
    encoding: str = "utf-8"


def read_sample(path: Path) -> Sample:
    """The first records of a CSV, NDJSON or Parquet file. Raises SourceError."""
    ending = path.suffix.lower()
    if ending == ".parquet":
        return _parquet(path)
    with open_regular(path) as file:
        start = file.read(MAX_LINE_BYTES)
    whole = start if len(start) < MAX_LINE_BYTES else start[: start.rfind(b"\n") + 1]
    if not whole.strip():
        raise SourceError(
            f"{path.name}: met no line of at most {MAX_LINE_BYTES:,} bytes, expected a header or a record"
        )
    try:
        text, encoding = whole.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = whole.decode("cp1252", "replace"), "cp1252"
    if ending in (".ndjson", ".jsonl"):
        return Sample(_json_columns(path, text), encoding=encoding)
    return _csv(path, text, encoding)


def _csv(path: Path, text: str, encoding: str) -> Sample:
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        rows = list(itertools.islice(csv.reader(text.splitlines(), delimiter=delimiter), SAMPLE_ROWS + 1))
    except csv.Error as error:
        raise SourceError(f"{path.name}: not readable as CSV: {error}") from None
    header = [name.strip() for name in rows[0]]
    columns: dict[str, list[str]] = {name: [] for name in header if name}
    for row in rows[1:]:
        for name, value in zip(header, row, strict=False):
            if name:
                columns[name].append(value.strip())
    return Sample(columns, delimiter, encoding)


def _json_columns(path: Path, text: str) -> dict[str, list[str]]:
    records: list[dict[str, str]] = []
    for line in text.splitlines()[:SAMPLE_ROWS]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            records.append(dict(_paths(value, "", _DEPTH)))
    if not records:
        raise SourceError(f"{path.name}: met no JSON object in the first lines, expected one a line")
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name, "") for record in records] for name in names}


def _paths(value: dict[str, Any], before: str, depth: int) -> list[tuple[str, str]]:
    found = []
    for key, inner in value.items():
        if isinstance(inner, dict) and depth > 1:
            found += _paths(inner, f"{before}{key}.", depth - 1)
        elif not isinstance(inner, dict | list):
            found.append((f"{before}{key}", "" if inner is None else str(inner)))
    return found


def _parquet(path: Path) -> Sample:
    from calibration.sources.parquet import first_rows

    return Sample(first_rows(path, SAMPLE_ROWS))
