"""What a sweep says while it runs: batches finished of all and by scenario, throughput, time left."""

from __future__ import annotations

import time
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.plan import Plan

YEAR_DAYS = 364
MOST_LINES = 12  # scenarios with a line each; of more, only the one that was written last is named


class SweepProgress:
    """Progress bars of a sweep, or nothing if not ``shown``; one line at the end in either case where work was done."""

    def __init__(self, plan: Plan, done: set[tuple[int, int]], shown: bool, console: Console) -> None:
        self._plan, self._console, self._shown = plan, console, shown
        self._finished, self._clinic_years = len(done), 0.0
        self._began = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                   TextColumn("{task.fields[rate]}"), TimeRemainingColumn())  # fmt: skip
        self._bars = Progress(*columns, console=console, disable=not shown)
        first = "compiling" if plan.experiment.engine == "jax" else "simulating"
        self._all = self._bars.add_task(first, total=plan.batches, completed=len(done), rate="")
        self._own = {}
        if len(plan.scenarios) <= MOST_LINES:
            for i, scenario in enumerate(plan.scenarios):
                there = sum(s == i for s, _ in done)
                self._own[i] = self._bars.add_task(f"  {scenario.label}", total=plan.blocks, completed=there, rate="")
        self._since_first: float | None = None
        self._counted = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bars.stop()

    def advance(self, scenario: int, rows: int) -> None:
        """A batch of ``rows`` clinics was written."""
        years = rows * self._plan.experiment.days / YEAR_DAYS
        self._finished, self._clinic_years = self._finished + 1, self._clinic_years + years
        rate = ""
        if self._since_first is None:
            self._since_first = time.monotonic()  # the first batch also waited for the compiler and the warm-up
        else:
            self._counted += years
            rate = f"{self._counted / (time.monotonic() - self._since_first):.3g} clinic-years/s"
        name = "all" if self._own else self._plan.scenarios[scenario].label
        self._bars.update(self._all, advance=1, description=name, rate=rate)
        if scenario in self._own:
            self._bars.update(self._own[scenario], advance=1)

    def account(self) -> str:
        """What was done, in a line."""
        seconds = time.monotonic() - self._began
        return (f"{self._finished} of {self._plan.batches} batches; {self._clinic_years:,.4g} clinic-years in "
                f"{seconds:,.0f} s, compilation and warm-up included")  # fmt: skip
