"""What an analysis says while it runs: runs finished of all, and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def run_bars(console: Console, shown: bool) -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Gives a function (what, runs) that opens a bar and returns what to tell of finished runs."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"),
               TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not shown) as bars:

        def opened(what: str, runs: int) -> Callable[[int], None]:
            task = bars.add_task(what, total=runs)
            return lambda finished: bars.advance(task, finished)

        yield opened
