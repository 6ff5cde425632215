"""A drop folder: whatever file comes into it is taken when it is complete, and not twice, whatever ends the process.

`watch:incoming/` reads each file as its ending says, `watch:open-mhealth:incoming/` all files as one kind. A file is
complete when its size and times have stood still for SETTLE_SECONDS; better is to write it under a name that ends in
`.part` or `.tmp` and to rename it. Subfolders count; links, hidden names and what lies outside do not.

**Once.** A file's checkpoint in the log says how far it was read and, with its last transaction, that it is done, next
to its size and times. A process that is killed in between goes on there; one that comes later leaves it alone. A file
that has changed is read again, and what the log knows already are duplicates. One that cannot be read as a whole is
tried again when it changes, or by the next process.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from calibration import sources
from calibration.sources.base import Batch, Source, SourceError, empty_table
from calibration.sources.extracts import Options
from calibration.sources.folders import Named, files_within, relative_name

SETTLE_SECONDS = 2.0  # without a change: then a file is complete (assumed: nobody pauses longer while writing)
PATIENCE_SECONDS = 15.0  # without following: for which a file may go on changing (assumed)
LOOK_SECONDS = 0.2  # between two looks at files that are not complete
RESCAN_SECONDS = 5.0  # a look without being told of a change: network drives tell nothing
Signature = tuple[int, int, int]  # size, modification and change times in nanoseconds
_log = logging.getLogger(__name__)


class DroppedFile(Named):
    """A file of a drop folder as a source whose checkpoint says whether it is done."""

    def __init__(self, source: Source, name: str, signature: Signature) -> None:
        super().__init__(source, name)
        self._signature = signature

    def is_done(self, checkpoint: str | None) -> bool:
        """Whether the log holds the whole file as it is now."""
        state = _state(checkpoint)
        return bool(state.get("done")) and state.get("file") == list(self._signature)

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """See `calibration.sources.base.Source`."""
        if self.is_done(checkpoint):
            return
        inner = _state(checkpoint).get("within")
        position = 0
        for batch in super().batches(inner if isinstance(inner, str) else None):
            inner, position = batch.checkpoint or inner, batch.position
            yield dataclasses.replace(batch, checkpoint=self._checkpoint(inner, done=False))
        yield Batch(empty_table(), checkpoint=self._checkpoint(inner, done=True), position=position)

    def _checkpoint(self, within: str | None, *, done: bool) -> str:
        return json.dumps({"file": self._signature, "done": done, "within": within})


class DropFolder:
    """A folder that files are dropped into; see this file's first lines. Raises SourceError if it is none."""

    def __init__(self, address: str, options: Options) -> None:
        kind, _, rest = address.partition(":")
        self._kind, path = (kind, rest) if rest and kind in sources.KINDS else ("", address)
        self.path = Path(path).absolute()  # so that no file's name can be read as an address
        self.name = self.path.name or self.path.resolve().name
        if not self.path.is_dir():
            raise SourceError(f"{self.name}: met no folder, expected one that files are dropped into")
        self._options = dataclasses.replace(options, inside=self.path)
        self._stop: threading.Event | None = None
        self._tried: dict[Path, Signature] = {}  # by this process
        self._seen: dict[Path, tuple[Signature, float]] = {}  # since when a file has looked so

    def follow(self, stop: threading.Event) -> None:
        """See `calibration.sources.live.Live`."""
        self._stop = stop

    def sources(self, checkpoint_of: Callable[[Source], str | None]) -> Iterator[Source]:
        """See `calibration.sources.live.Collection`. Without following: what is there now, once it is complete."""
        changes = self._changes()
        patience = time.monotonic() + PATIENCE_SECONDS
        while True:
            ready, unsettled = self._look()
            for path, signature in ready:
                source = self._open(path, signature)
                if source is not None and not source.is_done(checkpoint_of(source)):
                    yield source
                self._tried[path] = signature
                if self._is_stopped():
                    return
                patience = time.monotonic() + PATIENCE_SECONDS
            if self._stop is None and (not unsettled or time.monotonic() > patience):
                if unsettled:
                    _log.warning("%s: files go on changing; they are left for the next time", self.name)
                return
            if unsettled:
                time.sleep(LOOK_SECONDS)
            elif not ready:
                next(changes, None)
            if self._is_stopped():
                return

    def _is_stopped(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    def _look(self) -> tuple[list[tuple[Path, Signature]], bool]:
        """(files that are complete and not tried as they are, whether others are not complete)."""
        now, ready, unsettled = time.monotonic(), [], False
        seen: dict[Path, tuple[Signature, float]] = {}
        for path in files_within(self.path):
            try:
                met = path.lstat()
            except OSError:
                continue  # it went away
            signature = (met.st_size, met.st_mtime_ns, met.st_ctime_ns)
            before, since = self._seen.get(path, (None, now))
            seen[path] = (signature, since if before == signature else now)
            if self._tried.get(path) != signature:
                if now - seen[path][1] >= SETTLE_SECONDS:
                    ready.append((path, signature))
                else:
                    unsettled = True
        self._seen = seen
        self._tried = {path: signature for path, signature in self._tried.items() if path in seen}
        return ready, unsettled

    def _open(self, path: Path, signature: Signature) -> DroppedFile | None:
        name = relative_name(path, self.path)
        try:
            opened = sources.open_source(f"{self._kind}:{path}" if self._kind else str(path), self._options)
        except SourceError as error:
            _log.warning("%s: left alone: %s", name, error)
            return None
        return DroppedFile(opened, name, signature)

    def _changes(self) -> Iterator[Any]:
        """Ends a wait when something in the folder changes, when it was stopped, or after RESCAN_SECONDS."""
        if self._stop is None:
            return
        try:
            from watchfiles import watch
        except ImportError:
            raise SourceError(f"{self.name}: met no watchfiles, expected it to be installed: "
                              "pip install 'clinictwin[streams]'") from None  # fmt: skip
        yield from watch(self.path, watch_filter=None, stop_event=self._stop, yield_on_timeout=True, debounce=200,
                         rust_timeout=int(1000 * RESCAN_SECONDS), raise_interrupt=False)  # fmt: skip


def _state(checkpoint: str | None) -> dict[str, Any]:
    """A checkpoint's content; nothing if it is another source's."""
    try:
        state = json.loads(checkpoint or "{}")
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def open_source(address: str, options: Options) -> DropFolder:
    """The drop folder at an address."""
    return DropFolder(address, options)
