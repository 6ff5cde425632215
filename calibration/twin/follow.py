"""Following a log as it grows, until told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from calibration.event_log import EventLog
from calibration.twin.tables import alerts_table
from calibration.twin.twin import Progress, Twin

POLL_SECONDS = 2.0  # between two looks at the log (assumed: a day's values are in no hurry)


def follow(twin: Twin, log: EventLog, stop: threading.Event, *, tell: Callable[[str], None] = print,
           progress: Progress | None = None, poll_seconds: float = POLL_SECONDS) -> None:  # fmt: skip
    """Advance the twin whenever the log has grown, and tell how it stands; returns soon after ``stop`` is set."""
    while not stop.is_set():
        days = twin.advance(log, progress=progress, stop=stop.is_set)
        if days:
            tell(status_line(twin, days))
        stop.wait(poll_seconds)


def status_line(twin: Twin, days: int) -> str:
    """How a twin stands after having run some days."""
    if twin.day < 0:
        return f"twin of {twin.plan.physicians} physicians: nothing assimilated yet"
    told = twin.told[twin.day]
    there = told.filled > 0.5
    mean = told.risk[0][there].mean() if there.any() else float("nan")
    active = int(alerts_table(twin.told, twin.plan)["active"].sum())
    return (
        f"{twin.plan.date(twin.day)}: {days} day{'s' if days != 1 else ''} run, log at {twin.noted.sequence:,}; "
        f"{int(there.sum())} physicians, mean risk {mean:.0%}, {active} alert{'s' if active != 1 else ''}"
    )


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that a day's work is finished and written first; a second one interrupts
    at once, which loses no more than a kill does."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
