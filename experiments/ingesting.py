"""Several sources into one log at once: files one after another, brokers and watched folders beside them."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from calibration.event_log import EventLog, StreamCounts
from calibration.sources import Collection, Live, Source, SourceError
from calibration.sources.base import Batch, StopReading
from calibration.sources.folders import Named

POLL_SECONDS = 0.2  # between two looks at whether the threads are done
STOPPING = (signal.SIGINT, signal.SIGTERM)


@dataclasses.dataclass
class Intake:
    """What an address on the command line stands for, and what became of its records."""

    opened: Source | Collection
    streams: dict[str, StreamCounts] = dataclasses.field(default_factory=dict)
    resumed: bool = False
    stopped: list[str] = dataclasses.field(default_factory=list)  # why sources could not be read to their end

    @property
    def name(self) -> str:
        """The source's or the collection's name."""
        return self.opened.name

    @property
    def total(self) -> StreamCounts:
        """All streams together."""
        return sum(self.streams.values(), StreamCounts())

    @property
    def is_live(self) -> bool:
        """Whether it can go on."""
        return isinstance(self.opened, Live)


class _Turns(Named):
    """A source that takes turns with others in writing: each batch is committed before another source's.

    The log commits a batch between its `yield` and the call for the next one, so the lock is held for that long.
    """

    def __init__(self, source: Source, turn: threading.Lock, stop: threading.Event, *, ends_itself: bool) -> None:
        super().__init__(source, source.name)
        self._turn, self._stop, self._ends_itself = turn, stop, ends_itself

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """See `calibration.sources.base.Source`. Raises StopReading between two batches when it is to stop."""
        for batch in super().batches(checkpoint):
            with self._turn:
                yield batch
            if self._stop.is_set() and not self._ends_itself:
                raise StopReading


def take_all(intakes: list[Intake], log: Path, *, follow: bool, console: Console, quiet: bool = False) -> bool:
    """Ingest everything; returns whether it was told to stop, by Ctrl-C or SIGTERM, before the end.

    With ``follow`` brokers and watched folders go on until then. What a source delivered stays in the log; a failure
    of the log itself ends all and is raised.
    """
    stop, turn = threading.Event(), threading.Lock()
    failures: list[BaseException] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[far]}"))
    hidden = quiet or not console.is_terminal
    live = [intake for intake in intakes if intake.is_live]
    groups = [[intake] for intake in live] + [[intake for intake in intakes if not intake.is_live]]

    def work(group: list[Intake], show: Callable[[Intake, int, int | None], None]) -> None:
        try:
            with EventLog(log) as opened:  # a connection belongs to its thread
                for intake in group:
                    if not stop.is_set():
                        _take(intake, opened, turn, stop, show, follow=follow)
        except BaseException as error:
            failures.append(error)
            stop.set()

    for intake in live:
        if follow and isinstance(intake.opened, Live):
            intake.opened.follow(stop)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar, _stopping(stop, console):
        tasks: dict[int, TaskID] = {id(i): bar.add_task(escape(i.name), total=None, far="") for i in intakes}

        def show(intake: Intake, position: int, length: int | None) -> None:
            far = f"{position:,} records" if length is None else f"{position / max(1, length):.0%}"
            bar.update(tasks[id(intake)], completed=position, total=length, far=far)

        threads = [
            threading.Thread(target=work, args=(group, show), name=group[0].name, daemon=True)
            for group in groups
            if group
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # in short waits, so that signals are heard
                thread.join(POLL_SECONDS)
        was_told = stop.is_set()
    for error in failures:
        raise error
    return was_told


def _take(intake: Intake, log: EventLog, turn: threading.Lock, stop: threading.Event,
          show: Callable[[Intake, int, int | None], None], *, follow: bool) -> None:  # fmt: skip
    several = isinstance(intake.opened, Collection)
    ends_itself = follow and isinstance(intake.opened, Live) and not several

    def progress(done: int, length: int | None) -> None:
        show(intake, done, length)

    try:
        for source in _sources(intake.opened, log):
            turns = _Turns(source, turn, stop, ends_itself=ends_itself)
            receipt = log.ingest(turns, progress=progress, forget=not several)
            for stream, counts in receipt.streams.items():
                intake.streams[stream] = intake.streams.get(stream, StreamCounts()) + counts
            intake.resumed |= receipt.resumed and not several
            if receipt.stopped is not None:
                intake.stopped.append(receipt.stopped)
            if stop.is_set():
                return
    except (SourceError, OSError) as error:  # of a folder itself
        intake.stopped.append(str(error))


def _sources(opened: Source | Collection, log: EventLog) -> Iterator[Source]:
    if isinstance(opened, Collection):
        yield from opened.sources(log.checkpoint)
    else:
        yield opened


@contextlib.contextmanager
def _stopping(stop: threading.Event, console: Console) -> Iterator[None]:
    """Ctrl-C and SIGTERM set ``stop``; a second one interrupts at once."""

    def told(number: int, _frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        console.print("stopping after what is being written; once more to stop at once")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, told) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
