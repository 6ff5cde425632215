"""CSV files of a study as records with their line, bounded in size; what is wrong is refused with its place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from calibration.exports import FORMULA_STARTS, write_csv
from experiments.implementation.frames import ImplementationError

LARGEST_FILE_BYTES = 50_000_000
LARGEST_CELL = 100_000  # characters


class Record(dict[str, str]):
    """One row: text by column, stripped; ``where`` is 'file, line 3: '."""

    where: str = ""


def read_text(path: Path) -> str:
    """A file as text. Raises ImplementationError if it cannot be read, is too large or is not UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ImplementationError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST_FILE_BYTES:
        raise ImplementationError(f"{path}: met more than {LARGEST_FILE_BYTES:,} bytes, expected a smaller file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImplementationError(
            f"{path}: met bytes that are not UTF-8 at byte {error.start}; save it as CSV in UTF-8"
        ) from None


def read_records(path: Path, required: Sequence[str], unique: Sequence[str] = ()) -> list[Record]:
    """The rows of a CSV file with a header; other columns than ``required`` are kept.

    Values of the columns in ``unique`` may not repeat. Raises ImplementationError.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, required)
        records = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{path}, line {reader.line_num}: "
            if len(cells) != len(header):
                raise ImplementationError(f"{where}met {len(cells)} cells, expected {len(header)} as in the header")
            record = Record({name: _cell(cell, where) for name, cell in zip(header, cells, strict=True)})
            record.where = where
            records.append(record)
    except csv.Error as error:
        raise ImplementationError(f"{path}, line {reader.line_num}: not readable as CSV: {error}") from None
    if not records:
        raise ImplementationError(f"{path}: met no rows below the header, expected at least one")
    for name in unique:
        check_unique(records, name)
    return records


def _check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise ImplementationError(
            f"{path}, line 1: met columns {', '.join(header) or 'none'}; expected also {', '.join(missing)}"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ImplementationError(f"{path}, line 1: met column {twice[0]!r} twice, expected each once")


def _cell(text: str, where: str) -> str:
    if len(text) > LARGEST_CELL:
        raise ImplementationError(f"{where}met a cell of {len(text):,} characters, expected up to {LARGEST_CELL:,}")
    if "\0" in text:
        raise ImplementationError(f"{where}met a NUL character, expected text")
    # take back what `write_table` put before a cell that a spreadsheet would compute
    quoted = text.startswith("'") and text[1:].startswith(FORMULA_STARTS)
    return (text[1:] if quoted else text).strip()


def check_unique(records: Iterable[Record], name: str) -> None:
    """Raises ImplementationError if a value of a column, in any case and spacing, is there twice or empty."""
    seen: dict[str, str] = {}
    for record in records:
        plain = " ".join(record[name].casefold().split())
        if not plain:
            raise ImplementationError(f"{record.where}{name}: met nothing, expected a value")
        if plain in seen:
            raise ImplementationError(
                f"{record.where}{name}: met {record[name]!r:.80} again (first at "
                f"{seen[plain].rstrip(': ')}), expected each once"
            )
        seen[plain] = record.where


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV; a text that a spreadsheet would compute as a formula gets a quote before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(frame, path)
