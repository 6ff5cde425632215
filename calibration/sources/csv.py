"""CSV extracts, read with a mapping, record by record in bounded memory; a broken record costs only itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import numpy as np

from abm.spelling import nearest
from calibration.sources.base import MAX_LINE_BYTES, Batch, Refused, SourceError, empty_table
from calibration.sources.extracts import Extract, Options
from calibration.sources.files import Block, Lines
from calibration.sources.mapped import Reading
from calibration.sources.mapping import OBSERVATION_TABLE, Mapping, is_observation_table

MAX_RECORD_LINES = 100  # of a record with line ends in quoted fields (assumed)


class CsvSource(Extract):
    """A CSV file with a header. Without a mapping it must be an observation table.

    The offset of a record is its first line's number.
    """

    kind = "csv"

    def _read(self, file: Any, checkpoint: str | None) -> Iterator[Batch]:
        mapping, header = self._read_header(file)
        reading = self.reading(mapping, file)
        lines = Lines(file, self.reading_digest(mapping))
        if not lines.resume(checkpoint):
            file.seek(0)
        for block in lines.blocks():
            yield from self._read_block(block, lines, header, reading)

    def _read_header(self, file: Any) -> tuple[Mapping, list[str]]:
        start = file.readline(MAX_LINE_BYTES)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise SourceError(f"{self.name}: met UTF-16 text, expected UTF-8 or an encoding that extends ASCII")
        mapping = self.options.mapping or OBSERVATION_TABLE
        try:
            text = start.removeprefix(b"\xef\xbb\xbf").decode(mapping.encoding)
            header = next(csv.reader([text], delimiter=mapping.delimiter, strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"{self.name}: the header is not readable: {_why(error)}") from None
        header = [name.strip() for name in header]
        if 2 * sum(name in header for name in mapping.columns) >= len(mapping.columns):  # it is one, and no record
            self.description = {"columns": header, "mapping": mapping.digest}
        if self.options.mapping is None and not is_observation_table(header):
            raise SourceError(f"{self.name}: met no observation table's header and no mapping file; "
                              f"expected --mapping, which `clinictwin map {self.name}` proposes")  # fmt: skip
        for name in mapping.columns:
            if header.count(name) != 1:
                met = "no" if name not in header else "more than one"
                raise SourceError(f"{self.name}: met {met} column {name!r}{nearest(name, header)} among "
                                  f"{len(header)}, expected the columns of the mapping, each once")  # fmt: skip
        return mapping, header

    def _read_block(self, block: Block, lines: Lines, header: list[str], reading: Reading) -> Iterator[Batch]:
        if block.too_long:
            why = f"met a line of {block.too_long:,} bytes, expected {MAX_LINE_BYTES:,} or fewer"
            lines.consume(block)
            yield Batch(empty_table(), [Refused(block.first_line, why)], lines.checkpoint, lines.position)
            return
        texts, refused = _decode(block, reading.mapping.encoding)
        records, offsets, more, unused = _parse(texts, block, reading.mapping.delimiter, len(header))
        first = int(block.first_line == 1 and bool(texts))  # the header
        if block.unfinished and not unused and offsets[-1:] == [block.first_line + len(texts) - 1]:
            why = "met a last line without its end: the file may be cut off; end the line if it is whole"
            more.append(Refused(offsets.pop(), why))
            records.pop()
        lines.consume(block, unused)
        columns = _columns(records[first:], header, reading.mapping.columns)
        numbers = np.array(offsets[first:], dtype=np.int64)
        yield from self.finish(reading, columns, numbers, [*refused, *more], lines)


def _columns(records: list[list[str]], header: list[str], names: list[str]) -> dict[str, np.ndarray]:
    every = list(zip(*records, strict=True)) if records else [()] * len(header)
    return {name: np.fromiter(every[header.index(name)], dtype=object, count=len(records)) for name in names}


def _decode(block: Block, encoding: str) -> tuple[list[str | None], list[Refused]]:
    """The lines as texts, None where a line is not of the encoding."""
    try:
        whole = b"\n".join(block.lines).decode(encoding)
        texts: list[str | None] = list(whole.split("\n")) if block.lines else []
        return texts, []
    except UnicodeDecodeError:
        pass
    refused = []
    texts = []
    for number, line in enumerate(block.lines, block.first_line):
        try:
            texts.append(line.decode(encoding))
        except UnicodeDecodeError as error:
            texts.append(None)
            refused.append(Refused(number, f"met a byte that is not {encoding} (0x{line[error.start]:02x} at byte "
                                           f"{error.start + 1} of the line), expected {encoding} text"))  # fmt: skip
    return texts, refused


def _parse(texts: list[str | None], block: Block, delimiter: str,
           width: int) -> tuple[list[list[str]], list[int], list[Refused], int]:  # fmt: skip
    """(records, their lines' numbers, refusals, how many lines at the end belong to a record that goes on)."""
    if None not in texts:
        try:
            records = list(csv.reader([t for t in texts if t is not None], delimiter=delimiter, strict=True))
        except csv.Error:
            records = []
        if len(records) == len(texts) and set(map(len, records)) <= {width}:
            return records, list(range(block.first_line, block.first_line + len(records))), [], 0
    return _parse_slowly(texts, block, delimiter, width)


def _parse_slowly(texts: list[str | None], block: Block, delimiter: str,
                  width: int) -> tuple[list[list[str]], list[int], list[Refused], int]:  # fmt: skip
    """Line by line, so that a broken line costs only itself."""
    records: list[list[str]] = []
    offsets: list[int] = []
    refused: list[Refused] = []
    i = 0
    while i < len(texts):
        text = texts[i]
        if text is None or not text.strip("\r"):
            i += 1
            continue
        record, used, why = _record(texts, i, delimiter, width)
        is_open = used == 0
        if is_open and not block.closed and len(texts) - i < MAX_RECORD_LINES:
            return records, offsets, refused, len(texts) - i
        if record is not None:
            records.append(record)
            offsets.append(block.first_line + i)
        else:
            refused.append(Refused(block.first_line + i, why))
        i += max(used, 1)
    return records, offsets, refused, 0


def _record(texts: list[str | None], start: int, delimiter: str,
            width: int) -> tuple[list[str] | None, int, str]:  # fmt: skip
    """(fields, lines used, why not): the record that begins on a line; 0 lines used if its quotes stay open.

    Several lines are one record only if they have the header's number of fields together: so a stray quote does not
    swallow the lines after it.
    """
    reason = ""
    for end in range(start + 1, min(start + MAX_RECORD_LINES, len(texts)) + 1):
        together = texts[start:end]
        lines = [t + "\n" for t in together[:-1] if t is not None] + [together[-1] or ""]
        if None in together or sum(map(len, lines)) > MAX_LINE_BYTES:
            return None, 1, "met a quote that is not closed before a broken line, expected a closing quote"
        try:
            records = list(csv.reader(lines, delimiter=delimiter, strict=True))
        except csv.Error as error:
            reason = f"not readable as CSV: {_why(error)}"
            if "unexpected end of data" in str(error):
                continue
            return None, 1, reason
        if len(records) == 1 and len(records[0]) == width:
            return records[0], end - start, ""
        if end == start + 1:
            return None, 1, f"met {len(records[0])} fields, expected the header's {width}"
        return None, 1, reason
    return None, 0, "met a quote that is not closed, expected a closing quote"


def _why(error: Exception) -> str:
    return f"{error.reason} at byte {error.start + 1}" if isinstance(error, UnicodeDecodeError) else str(error)


def open_source(address: str, options: Options) -> CsvSource:
    """The source of a CSV file."""
    return CsvSource(address, options)
