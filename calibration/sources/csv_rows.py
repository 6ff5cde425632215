"""The rows of small CSV files whose columns are known beforehand; extracts in general are read with a mapping."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from typing import BinaryIO

from calibration.sources.base import MAX_LINE_BYTES, SourceError


def csv_rows(file: BinaryIO, name: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str] | str]]:
    """(number from 1, texts by column or the reason why there are none) of a file's records, in bounded memory.

    Raises SourceError on other columns than expected, and on what is no CSV.
    """
    text = TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.DictReader(iter(lambda: text.readline(MAX_LINE_BYTES), ""))
    try:
        header = [column.strip() for column in reader.fieldnames or ()]
        if not set(columns) <= set(header):
            raise SourceError(f"{name}: met other columns, expected {', '.join(columns)}")
        reader.fieldnames = header
        for number, row in enumerate(reader, 1):
            whole = None not in row and None not in row.values()
            yield number, row if whole else "met another number of fields than the header has"
    except csv.Error as error:
        raise SourceError(f"{name}: not readable as CSV: {error}") from None
