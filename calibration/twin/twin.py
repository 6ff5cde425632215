"""`Twin`: follows an event log, day by day, and goes back where something late or corrected came in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pandas as pd

from abm.interventions import Intervention
from abm.parameters import Parameters
from calibration.clinic import Clinic, infer_clinic
from calibration.event_log import EventLog
from calibration.fit_result import Fit
from calibration.observations import first_monday
from calibration.twin.board import Board
from calibration.twin.checkpoints import to_keep
from calibration.twin.decided import first_difference, with_places
from calibration.twin.plan import MEMBERS, TwinError, TwinPlan
from calibration.twin.start import shared_names
from calibration.twin.step import Engine, Told, TwinState
from calibration.twin.store import Noted, Store
from calibration.twin.tables import account_table, freshness_table

KEPT_EVERY_DAYS = 28  # of a long run: what a kill costs at most is the time for so many days
Progress = Callable[[int, int], None]
NOTHING_YET = Noted("", 0)


class Twin:
    """A clinic's streaming twin, in memory, and in a folder if it has one.

    ``state`` is what it knows after ``day``, the last one assimilated; ``told`` what it told of each day. A twin is of
    one process at a time. Use `Twin.create` and `Twin.open` for one in a folder, `Twin(plan)` for one in memory.
    """

    def __init__(self, plan: TwinPlan, fit: Fit | None = None, *, store: Store | None = None,
                 start: TwinState | None = None) -> None:  # fmt: skip
        self.plan = plan
        self.engine = Engine(plan)
        self.board = Board(plan)
        self.told: dict[int, Told] = {}
        self.noted = NOTHING_YET
        self._store = store
        self._unwritten: list[int] = []
        first = start or self.engine.first(fit)
        self._states: dict[int, TwinState] = {first.day: first}

    @classmethod
    def create(cls, folder: str | Path, log: EventLog, *, fit: Fit | None = None, clinic: Clinic | None = None,
               members: int = MEMBERS, seed: int = 0, timezone: str = "UTC",
               first_day: dt.date | None = None) -> Self:  # fmt: skip
        """A new twin of the clinic that a log speaks of; nothing of the log is taken in yet, see `advance`.

        Args:
            fit: members are drawn from its posterior; from the priors if None. A fit to the same days would count
                them twice: give the days after them as ``first_day``.
            clinic: who works there, in the fit's order; read off the log if None.
            first_day: a Monday; that of the log's first observation if None. What was measured before is not used.

        Raises:
            TwinError: there is a twin in the folder, the log is empty, or fit and clinic are of different sizes.
        """
        store = Store(Path(folder))
        if store.exists():
            raise TwinError(f"{folder}: met a twin, expected a new folder; without --fit and the like it goes on")
        table = log.observations()
        if table.empty:
            raise TwinError(f"{log.path}: met no observations, expected some to say who works in the clinic")
        clinic = clinic or infer_clinic(table, timezone)
        if fit is not None and int(fit.info["physicians"]) != clinic.layout.physicians:
            raise TwinError(
                f"fit: met {fit.info['physicians']} physicians, expected {clinic.layout.physicians} as in the clinic"
            )
        plan = TwinPlan(
            clinic, first_day or first_monday(table, timezone), shared_names(fit),
            Parameters() if fit is None else fit.parameters, members, seed, timezone,
        )  # fmt: skip
        twin = cls(plan, fit, store=store)
        twin.noted = Noted(log.path.name, 0)
        store.create(plan, twin.state, twin.noted)
        return twin

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The twin in a folder, as it was when it was last written. Raises TwinError if there is none."""
        store = Store(Path(folder))
        plan, noted = store.read()
        states = store.states(Engine(plan).rows)
        if -1 not in states:
            raise TwinError(f"{folder}: met no state before the first day, expected a folder written by a twin")
        twin = cls(plan, store=store, start=states[-1])
        twin._states, twin.noted = {day: with_places(state, plan.places) for day, state in states.items()}, noted
        told = store.told()
        twin.told = {day: told[day] for day in range(twin.day + 1)}
        return twin

    def follow_decisions(self, interventions: Sequence[Intervention]) -> None:
        """Let the members meet the changes that people have decided on; days count from the first simulated one.

        The twin goes back to where they differ from those it has followed, and runs on with the next `advance`. The
        list only grows: what was taken back stays in it, with the day on which it ends. What began before the twin's
        first day is met from that day on. Raises TwinError on a list that lacks what the twin has followed.
        """
        first = first_difference(self.plan.interventions, interventions)
        if tuple(interventions) == self.plan.interventions:
            return
        if first < math.inf:
            self._go_back(max(math.floor(first) - self.plan.warm_up_days, 0))
        self.plan = dataclasses.replace(self.plan, interventions=tuple(interventions))
        self.engine = Engine(self.plan)
        self._states = {day: with_places(state, self.plan.places) for day, state in self._states.items()}
        self._note(self.noted)

    @property
    def day(self) -> int:
        """The number of the last day assimilated, -1 if none."""
        return max(self._states)

    @property
    def state(self) -> TwinState:
        """What is known after that day."""
        return self._states[self.day]

    def advance(self, log: EventLog, *, through: int | None = None, progress: Progress | None = None,
                stop: Callable[[], bool] | None = None) -> int:  # fmt: skip
        """Take in what is new in the log, and run to the last day of which something is known, or to ``through``.

        Args:
            progress: called with the day done and the last one to do.
            stop: asked before each day; when it says True the twin is left as it is, ready to go on.

        Returns:
            The number of days run: 0 if there was nothing new.

        Raises:
            TwinError: the log is another one than the twin has followed.
        """
        sequence = self.noted.sequence
        if log.sequence < sequence or (self.noted.log and self.noted.log != log.path.name):
            raise TwinError(
                f"{log.path}: met a log of {log.sequence} facts, expected {self.noted.log or 'the log'} of at least "
                f"{sequence}, which this twin has followed; follow that one, or begin a twin in another folder"
            )
        if self.board.last_day < 0 and sequence:  # just opened
            whole, newest = log.changed_since(0)
            self.board.update(whole, log.observations)
            changed, _ = log.changed_since(sequence)
            first = self.board.first_day_of(changed)
        else:
            changed, newest = log.changed_since(sequence)
            first = self.board.update(changed, log.observations)
        self._go_back(first)
        if newest != sequence:
            self._note(Noted(log.path.name, newest))
        return self._run(through, progress, stop)

    def observe(self, table: pd.DataFrame, everything: Callable[[], pd.DataFrame] | None = None, *,
                through: int | None = None) -> int:  # fmt: skip
        """Take in the present values of observations that are no log's, and run on; see `advance`.

        ``everything`` gives all present observations, asked for where a day has two values of a measure for a person.
        """
        self._go_back(self.board.update(table, everything or (lambda: table)))
        return self._run(through, None, None)

    def _go_back(self, first: int | None) -> None:
        """Forget what rests on a day that is different now."""
        if first is None or first > self.day:
            return
        if self._store is not None:
            self._store.forget_from(first)
        self._states = {day: state for day, state in self._states.items() if day < first}
        self.told = {day: told for day, told in self.told.items() if day <= self.day}
        self._unwritten = [day for day in self._unwritten if day <= self.day]

    def _note(self, noted: Noted) -> None:
        self.noted = noted
        if self._store is not None:
            self._store.note(self.plan, noted)

    def _run(self, through: int | None, progress: Progress | None, stop: Callable[[], bool] | None) -> int:
        last = self.board.last_day if through is None else min(through, self.board.last_day)
        began = self.day
        while self.day < last and not (stop is not None and stop()):
            state, told = self.engine.step(self.state, self.board.day(self.day + 1))
            self._states[state.day], self.told[state.day] = state, told
            self._states = {d: self._states[d] for d in to_keep(self._states, state.day)}
            self._unwritten.append(state.day)
            if len(self._unwritten) >= KEPT_EVERY_DAYS:
                self._write()
            if progress is not None:
                progress(state.day, last)
        self._write()
        return self.day - began

    def _write(self) -> None:
        """Bring the folder up to this moment."""
        if self._store is None:
            return
        for day in self._unwritten:
            self._store.write_told(day, self.told[day])
        for day in self._unwritten:
            if day in self._states:
                self._store.write(self._states[day], None)
        self._unwritten = []
        self._store.thin(self.day)
        self.keep_tables({
            "freshness": freshness_table(self.board, self.plan, self.day),
            "account": account_table(self.board, self.told),
        })  # fmt: skip

    def keep_tables(self, tables: dict[str, pd.DataFrame]) -> None:
        """Write tables to the folder, if there is one, for `open_twin`."""
        if self._store is not None:
            self._store.write_tables(tables)
