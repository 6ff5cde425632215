"""A progress bar for long work, silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Report(Protocol):
    """Tell what is being done, and how many of the announced steps have been taken since."""

    def __call__(self, doing: str, advance: float = 0.0) -> None: ...


@contextmanager
def progress_bar(title: str, total: float, shown: bool) -> Iterator[Report]:
    """A bar of ``total`` steps under ``title``; yields the function that moves it."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[doing]}"),
        TimeElapsedColumn(),
        disable=not shown,
    ) as bar:
        task = bar.add_task(title, total=total, doing="")

        def report(doing: str, advance: float = 0.0) -> None:
            bar.update(task, doing=doing, advance=advance)

        yield report
        bar.update(task, completed=total)
