"""NDJSON extracts: a JSON object a line, read with a mapping; a broken line costs only itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from calibration.sources.base import MAX_LINE_BYTES, Batch, Refused, SourceError, empty_table
from calibration.sources.extracts import Extract, Options
from calibration.sources.files import Block, Lines
from calibration.sources.json_records import json_object
from calibration.sources.mapping import OBSERVATION_TABLE, Mapping, is_observation_table
from calibration.sources.met import MOST_COLUMNS, NAME_CHARACTERS, SAMPLED


class NdjsonSource(Extract):
    """An NDJSON file. Without a mapping its objects must be observations.

    A mapping's columns are keys, or paths of keys such as `effective.start`. The offset of a record is its line.
    """

    kind = "ndjson"

    def _read(self, file: Any, checkpoint: str | None) -> Iterator[Batch]:
        mapping = self.options.mapping or self._of_observations(file)
        reading = self.reading(mapping, file)
        lines = Lines(file, self.reading_digest(mapping))
        if not lines.resume(checkpoint):
            file.seek(0)
        self.description = {"mapping": mapping.digest, "columns": mapping.columns}
        for block in lines.blocks():
            if block.too_long:
                why = f"met a line of {block.too_long:,} bytes, expected {MAX_LINE_BYTES:,} or fewer"
                lines.consume(block)
                yield Batch(empty_table(), [Refused(block.first_line, why)], lines.checkpoint, lines.position)
                continue
            objects, offsets, refused = _parse(block, mapping.encoding)
            lines.consume(block)
            self.description.setdefault("keys", _usual_keys(objects))
            columns = {name: column_of(objects, name) for name in mapping.columns}
            yield from self.finish(reading, columns, np.array(offsets, dtype=np.int64), refused, lines)

    def _of_observations(self, file: Any) -> Mapping:
        try:
            first = json.loads(file.readline(MAX_LINE_BYTES).decode("utf-8-sig"))
        except (ValueError, RecursionError):
            first = None
        file.seek(0)
        if not (isinstance(first, dict) and is_observation_table(list(first))):
            raise SourceError(f"{self.name}: met no observation in the first line and no mapping file; "
                              f"expected --mapping, which `clinictwin map {self.name}` proposes")  # fmt: skip
        return OBSERVATION_TABLE


def _parse(block: Block, encoding: str) -> tuple[list[dict[str, Any]], list[int], list[Refused]]:
    """(objects, their lines' numbers, refusals)."""
    objects, offsets, refused = [], [], []
    for number, line in enumerate(block.lines, block.first_line):
        if not line.strip():
            continue
        value = json_object(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, encoding)
        if isinstance(value, str):
            refused.append(Refused(number, value))
        else:
            objects.append(value)
            offsets.append(number)
    return objects, offsets, refused


def _usual_keys(objects: list[dict[str, Any]]) -> list[str]:
    """The keys that most objects have: the others may be anything."""
    met = Counter(key for found in objects[:SAMPLED] for key in found)
    usual = sorted(key for key, n in met.items() if 2 * n > len(objects[:SAMPLED]) > 1)
    return [key[:NAME_CHARACTERS].encode("utf-8", "replace").decode() for key in usual[:MOST_COLUMNS]]


def column_of(objects: list[dict[str, Any]], path: str) -> np.ndarray:
    """The values at a path of keys; None where there is none, or something that is no plain value."""
    keys = path.split(".")
    column = np.empty(len(objects), dtype=object)
    for i, found in enumerate(objects):
        value: Any = found.get(path)
        if value is None and len(keys) > 1:
            value = found
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
        column[i] = None if isinstance(value, dict | list) else str(value) if isinstance(value, bool) else value
    return column


def open_source(address: str, options: Options) -> NdjsonSource:
    """The source of an NDJSON file."""
    return NdjsonSource(address, options)
