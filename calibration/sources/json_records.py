"""JSON objects out of texts and files that may be broken or huge: one a line, or as the elements of an array."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from calibration.sources.base import MAX_LINE_BYTES
from calibration.sources.files import Lines

CHUNK_BYTES = 256 * 1024
Record = dict[str, Any]


def json_object(text: bytes, encoding: str = "utf-8") -> Record | str:
    """The object that a text is, or the reason why it is none."""
    try:
        value = json.loads(text.decode(encoding))
    except (ValueError, RecursionError) as error:
        return _why(error, encoding)
    return value if isinstance(value, dict) else f"met a JSON {type(value).__name__}, expected an object"


def json_records(file: BinaryIO) -> Iterator[tuple[int, Record | str]]:
    """(number from 1, object or the reason why it is none) of a file's records, in bounded memory.

    If the file begins with a bracket they are an array's elements, and what follows a broken one is lost with it;
    else each line is one (and a short file may be one object over several lines).
    """
    start = file.read(CHUNK_BYTES).removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"["):
        yield from _elements(file, start[1:])
        return
    file.seek(0)
    if start.startswith(b"{") and len(start) < CHUNK_BYTES and isinstance(whole := json_object(start), dict):
        yield 1, whole
        return
    lines = Lines(file)
    for block in lines.blocks():
        if block.too_long:
            yield block.first_line, f"met a line of {block.too_long:,} bytes, expected {MAX_LINE_BYTES:,} or fewer"
        for number, line in enumerate(block.lines, block.first_line):
            if line.strip():
                yield number, json_object(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)
        lines.consume(block)


def _elements(file: BinaryIO, start: bytes) -> Iterator[tuple[int, Record | str]]:
    decode, parse = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode, json.JSONDecoder().raw_decode
    number, position, ended = 1, 0, False
    try:
        text = decode(start)
        while True:
            position = _next(text, position)
            if text[position : position + 1] == "]":
                return
            begin = position
            try:
                value, position = parse(text, position)
            except json.JSONDecodeError as error:
                if ended or len(text) - position > MAX_LINE_BYTES:
                    yield number, f"{_why(error)} of the element; the rest of the array was not read"
                    return
                more = file.read(CHUNK_BYTES)
                ended = not more
                text, position = text[position:] + decode(more, final=ended), 0
                continue
            if not _is_unicode(text[begin:position]):
                yield number, "met a byte that is not utf-8 in the element"
            elif isinstance(value, dict):
                yield number, value
            else:
                yield number, f"met a JSON {type(value).__name__}, expected an object"
            number += 1
    except (ValueError, RecursionError) as error:
        yield number, f"{_why(error)}; the rest of the array was not read"


def _next(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a byte that was let through to find the element's end
        return False
    return True


def _why(error: Exception, encoding: str = "utf-8") -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"met a byte that is not {encoding} at byte {error.start + 1} of the line"
    if isinstance(error, json.JSONDecodeError):
        return f"not readable as JSON: {error.msg} at column {error.colno}"
    if isinstance(error, RecursionError):
        return "not readable as JSON: nested too deeply"
    return "not readable as JSON: a number of too many digits"
