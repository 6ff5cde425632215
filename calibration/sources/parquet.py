"""Parquet extracts, read with a mapping, a bounded number of rows at a time. Needs `pyarrow`."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from abm.spelling import nearest
from calibration.sources.base import BATCH_ROWS, Batch, SourceError, empty_table
from calibration.sources.extracts import Extract, Options
from calibration.sources.files import open_regular
from calibration.sources.mapping import OBSERVATION_TABLE, Mapping, is_observation_table

LARGEST_ROW_GROUP = 1 << 30  # bytes unpacked (assumed): a group must be unpacked as a whole


class ParquetSource(Extract):
    """A Parquet file. Without a mapping it must be an observation table. The offset of a record is its row (from 1)."""

    kind = "parquet"

    def _read(self, file: Any, checkpoint: str | None) -> Iterator[Batch]:
        arrow, parquet = _pyarrow()
        try:
            table = parquet.ParquetFile(file, memory_map=False, page_checksum_verification=True)
            self._check_sizes(table)
            mapping = self._mapping(list(table.schema_arrow.names))
            types = {name: str(table.schema_arrow.field(name).type) for name in mapping.columns}
            self.description = {"columns": types, "mapping": mapping.digest}
            self.length = table.metadata.num_rows
            file.seek(0)
            same = f"{self.reading_digest(mapping)} {hashlib.file_digest(file, 'blake2b').hexdigest()}"
            done = _rows_done(checkpoint, same)
            reading = self.reading(mapping, file)
            row = 0
            for batch in table.iter_batches(BATCH_ROWS, columns=mapping.columns):
                row += batch.num_rows
                if row <= done:
                    continue
                columns = {name: _column(batch.column(name), arrow) for name in mapping.columns}
                offsets = np.arange(row - batch.num_rows + 1, row + 1)
                yield from self._batches(reading, columns, offsets, json.dumps({"rows": row, "of": same}))
        except (arrow.ArrowException, OSError, OverflowError) as error:
            raise SourceError(f"{self.name}: not readable as Parquet: {type(error).__name__}") from None

    def _batches(self, reading: Any, columns: Any, offsets: np.ndarray, checkpoint: str) -> Iterator[Batch]:
        for batch in reading.batches(columns, offsets):
            yield Batch(batch.observations, batch.refused, position=int(offsets[-1]), fields=batch.fields)
        yield Batch(empty_table(), checkpoint=checkpoint, position=int(offsets[-1]))

    def _check_sizes(self, table: Any) -> None:
        for k in range(table.num_row_groups):
            size = table.metadata.row_group(k).total_byte_size
            if size > LARGEST_ROW_GROUP:
                raise SourceError(f"{self.name}: met a row group of {size:,} bytes, expected {LARGEST_ROW_GROUP:,} or "
                                  "fewer; write the file with smaller row groups")  # fmt: skip

    def _mapping(self, header: list[str]) -> Mapping:
        if self.options.mapping is None and not is_observation_table(header):
            raise SourceError(f"{self.name}: met no observation table's columns and no mapping file; "
                              f"expected --mapping, which `clinictwin map {self.name}` proposes")  # fmt: skip
        mapping = self.options.mapping or OBSERVATION_TABLE
        for name in mapping.columns:
            if header.count(name) != 1:
                met = "no" if name not in header else "more than one"
                raise SourceError(f"{self.name}: met {met} column {name!r}{nearest(name, header)} among "
                                  f"{len(header)}, expected the columns of the mapping, each once")  # fmt: skip
        return mapping


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise SourceError("Parquet files need pyarrow: pip install 'clinictwin[parquet]'") from None


def _rows_done(checkpoint: str | None, same: str) -> int:
    try:
        state = json.loads(checkpoint or "{}")
        return int(state["rows"]) if state["of"] == same else 0
    except (ValueError, KeyError, TypeError):
        return 0


def _column(column: Any, arrow: Any) -> Any:
    """A column as raw values: numbers as such, times as datetimes, dates as texts, the rest as texts or None."""
    kind = column.type
    if arrow.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if arrow.types.is_timestamp(kind):
        # a year beyond the range of microseconds cannot be
        instants = column.cast(arrow.timestamp("us", kind.tz), safe=False).to_numpy(zero_copy_only=False)
        index = pd.DatetimeIndex(instants.astype("datetime64[us]"))
        return index.tz_localize("UTC") if kind.tz is not None else index
    if arrow.types.is_floating(kind) or arrow.types.is_integer(kind) or arrow.types.is_boolean(kind):
        values = column.to_pylist()
        return np.array([str(v) if isinstance(v, bool) else v for v in values], dtype=object)
    if arrow.types.is_nested(kind) or arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind):
        return np.full(len(column), None, dtype=object)
    return np.array(column.cast(arrow.large_string()).to_pylist(), dtype=object)


def first_rows(path: Path, rows: int) -> dict[str, list[str]]:
    """The first rows' values by column, as texts. Raises SourceError."""
    arrow, parquet = _pyarrow()
    with open_regular(path) as file:
        try:
            table = parquet.ParquetFile(file)
            batch = next(table.iter_batches(rows), None)
        except (arrow.ArrowException, OSError, OverflowError) as error:
            raise SourceError(f"{path.name}: not readable as Parquet: {type(error).__name__}") from None
    if batch is None:
        return {name: [] for name in table.schema_arrow.names}
    values = {name: batch.column(name).to_pylist() for name in batch.schema.names}
    return {name: ["" if v is None else str(v) for v in column] for name, column in values.items()}


def open_source(address: str, options: Options) -> ParquetSource:
    """The source of a Parquet file."""
    return ParquetSource(address, options)
