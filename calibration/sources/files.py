"""Reading files that may be broken, huge or hostile: only regular files, line by line, in bounded memory."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from calibration.sources.base import MAX_LINE_BYTES, SourceError

BLOCK_BYTES = 2 << 20  # read at once: some 25,000 lines


def open_regular(path: Path, *, inside: Path | None = None) -> BinaryIO:
    """Open a regular file for reading; not a folder, a link or a device, and with ``inside`` only within a folder.

    Raises SourceError, naming the file without its folder, since the message is stored.
    """
    if inside is not None and not path.parent.resolve().is_relative_to(inside.resolve()):
        raise SourceError(f"{path.name}: met a path out of the folder, expected a file within it")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        if path.is_symlink():
            raise SourceError(f"{path.name}: met a symbolic link, expected the file itself")
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"{path.name}: not readable ({why})") from None
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        met = "a folder" if stat.S_ISDIR(kind) else "a device or pipe"
        raise SourceError(f"{path.name}: met {met}, expected a file")
    return os.fdopen(descriptor, "rb", buffering=0)


def modified_at(file: BinaryIO) -> dt.datetime:
    """When an open file was last written: the receipt of material that does not say when it was received."""
    nanoseconds = os.fstat(file.fileno()).st_mtime_ns
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=nanoseconds // 1000)


@dataclasses.dataclass(frozen=True)
class Block:
    """Whole lines without their ends; ``lines`` stand on the file's lines from ``first_line`` (1-based) on.

    ``closed``: no record may go on behind the block. ``too_long``: instead of lines, a single line of that many
    bytes, which was not kept. ``unfinished``: the file ended without ending the last line.
    """

    lines: list[bytes]
    first_line: int
    closed: bool = False
    too_long: int = 0
    unfinished: bool = False


class Lines:
    """A file's lines, block by block, with a checkpoint that holds as long as the file's beginning is the same.

    After each block the reader says with `consume` how many lines it used; the rest opens the next block.

    Args:
        reading: how the lines are read (a mapping's digest): a checkpoint of another reading does not hold.
    """

    def __init__(self, file: BinaryIO, reading: str = "") -> None:
        self._file, self._reading = file, reading
        self._hash = hashlib.blake2b(digest_size=16)
        self._pending: list[bytes] = []
        self._skipped = 0
        self.position = 0  # bytes consumed
        self.line = 1  # the next line's number

    @property
    def checkpoint(self) -> str:
        """Where reading can go on, and a hash of everything before."""
        return json.dumps({"position": self.position, "line": self.line, "reading": self._reading,
                           "before": self._hash.hexdigest()})  # fmt: skip

    def resume(self, checkpoint: str | None) -> bool:
        """Go on from a checkpoint if it holds for this file; else stay at the file's start."""
        try:
            state = json.loads(checkpoint or "{}")
            position, line, before = int(state["position"]), int(state["line"]), str(state["before"])
        except (ValueError, KeyError, TypeError):
            return False
        if state.get("reading") != self._reading:
            return False
        hashed = hashlib.blake2b(digest_size=16)
        self._file.seek(0)
        left = position
        while left and (block := self._file.read(min(left, BLOCK_BYTES))):
            hashed.update(block)
            left -= len(block)
        if left or hashed.hexdigest() != before:
            self._file.seek(0)
            return False
        self._hash, self.position, self.line = hashed, position, line
        return True

    def consume(self, block: Block, unused: int = 0) -> None:
        """Say that a block was used, except for its last ``unused`` lines."""
        used = block.lines[: len(block.lines) - unused]
        self._pending = block.lines[len(used) :]
        if block.too_long:
            self.position += self._skipped
            self.line += 1
            return
        ended = b"\n".join([*used, b""]) if used else b""
        if block.unfinished and not unused and used:
            ended = ended[:-1]
        self._hash.update(ended)
        self.position += len(ended)
        self.line += len(used)

    def blocks(self) -> Iterator[Block]:
        """All blocks. The reader must `consume` each before it asks for the next."""
        rest = b""
        while chunk := self._file.read(BLOCK_BYTES):
            data = rest + chunk
            whole = data.rfind(b"\n") + 1
            rest = data[whole:]
            if whole:
                yield from self._split(data[: whole - 1].split(b"\n"))
            if len(rest) > MAX_LINE_BYTES:
                yield from self._close()
                length, rest = self._skip(rest)
                yield Block([], self.line, too_long=length)
        lines = [*self._pending, *([rest] if rest else [])]
        if lines:
            yield Block(lines, self.line, closed=True, unfinished=bool(rest))

    def _split(self, lines: list[bytes]) -> Iterator[Block]:
        """Blocks of the lines, without those that are too long."""
        if max(map(len, lines)) <= MAX_LINE_BYTES:
            yield Block([*self._pending, *lines], self.line)
            return
        start = 0
        for i, line in enumerate(lines):
            if len(line) > MAX_LINE_BYTES:
                yield Block([*self._pending, *lines[start:i]], self.line, closed=True)
                self._hash.update(line + b"\n")
                self._skipped = len(line) + 1
                yield Block([], self.line, too_long=len(line))
                start = i + 1
        yield Block(lines[start:], self.line)

    def _close(self) -> Iterator[Block]:
        if self._pending:
            yield Block(self._pending, self.line, closed=True)

    def _skip(self, start: bytes) -> tuple[int, bytes]:
        """Read on to the end of a line that is too long; returns its length and what follows it."""
        self._hash.update(start)
        length = self._skipped = len(start)
        while chunk := self._file.read(BLOCK_BYTES):
            end = chunk.find(b"\n")
            if end >= 0:
                self._hash.update(chunk[: end + 1])
                self._skipped = length + end + 1
                return length + end, chunk[end + 1 :]
            self._hash.update(chunk)
            length += len(chunk)
            self._skipped = length
        return length, b""
