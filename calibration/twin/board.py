"""What is known of each day at present: the observations by day, measure and physician, as the log has them now."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from calibration.measures import MEASURES
from calibration.twin.plan import TwinPlan

NAMES: tuple[str, ...] = tuple(MEASURES)  # rows
STRANGER, EARLY, FAILED, DOUBLED = "unknown person", "before the first day", "failed", "second value of a day"
_POSITION = {name: k for k, name in enumerate(NAMES)}
_DAYS_AFTER = {name: m.days_after for name, m in MEASURES.items()}
_GROWTH_DAYS = 64
_NEVER = np.iinfo(np.int64).min


class Day(NamedTuple):
    """Observations of one day, each [M, N] by NAMES: values (NaN: none) and whether they are only suspect."""

    value: np.ndarray
    suspect: np.ndarray


class _Cells(NamedTuple):
    """Observations laid out: cell is the position in [days, M, N]."""

    day: np.ndarray
    cell: np.ndarray
    instant: np.ndarray
    value: np.ndarray
    suspect: np.ndarray


class Board:
    """The present observations. Those that the twin cannot place are counted, see `not_used`; never dropped silently.

    Of several values of a measure for one person and day the last measured that has not failed stands.
    """

    def __init__(self, plan: TwinPlan) -> None:
        self._plan = plan
        self._who = pd.Index(plan.clinic.who)
        self._aside: dict[str, set[tuple[str, str, int]]] = {r: set() for r in (STRANGER, EARLY, FAILED, DOUBLED)}
        shape = (0, len(NAMES), plan.physicians)
        self._value, self._suspect = np.full(shape, np.nan), np.zeros(shape, bool)
        self._measured = np.full(shape, _NEVER)
        self._several = np.zeros(shape, bool)  # values of one day to choose among

    @property
    def last_day(self) -> int:
        """The last day of which something has ever been known; -1 if there is none."""
        known = np.flatnonzero((self._measured != _NEVER).any(axis=(1, 2)))
        return int(known[-1]) if len(known) else -1

    @property
    def not_used(self) -> dict[str, int]:
        """Observations that count for nothing, by reason."""
        return {reason: len(which) for reason, which in self._aside.items()}

    def day(self, number: int) -> Day:
        """The observations of one day."""
        if not 0 <= number < len(self._value):
            return Day(np.full(self._value.shape[1:], np.nan), np.zeros(self._value.shape[1:], bool))
        return Day(self._value[number], self._suspect[number])

    def first_day_of(self, table: pd.DataFrame) -> int | None:
        """The first day of which observations speak, None if of none that counts."""
        day = self._lay_out(table).day if len(table) else np.zeros(0, int)
        return int(day.min()) if len(day) else None

    def last_seen(self) -> np.ndarray:
        """The last day with a value, int [M, N] by NAMES; -1 where there is none."""
        there = np.isfinite(self._value)
        days = np.arange(len(there))[:, None, None]
        return np.where(there, days, -1).max(axis=0, initial=-1)

    def update(self, changed: pd.DataFrame, everything: Callable[[], pd.DataFrame]) -> int | None:
        """Take the present values of changed observations; returns the first day that is different now, None if none.

        ``everything`` gives all present observations: to choose among several values of a day takes them all.
        """
        if changed.empty:
            return None
        cells = self._lay_out(changed)
        if not len(cells.cell):
            return None
        self._grow(int(cells.day.max()) + 1)
        before = self._measured.reshape(-1)[cells.cell]
        is_conflict = (before != _NEVER) & (before != cells.instant) | self._several.reshape(-1)[cells.cell]
        if is_conflict.any() or len(np.unique(cells.cell)) < len(cells.cell):
            other = Board(self._plan)
            whole = other._lay_out(everything())
            length = max(len(self._value), int(whole.day.max(initial=-1)) + 1)
            for board in (self, other):
                board._grow(length, spare=0)
            other._put(whole)
            different = ~_same(self._value, other._value) | (self._suspect != other._suspect)
            self.__dict__.update(other.__dict__)
            days = np.flatnonzero(different.any(axis=(1, 2)))
            return int(days[0]) if len(days) else None
        old = self._value.reshape(-1)[cells.cell], self._suspect.reshape(-1)[cells.cell]
        self._put(cells)
        different = ~_same(old[0], cells.value) | (old[1] != cells.suspect)
        return int(cells.day[different].min()) if different.any() else None

    def _lay_out(self, table: pd.DataFrame) -> _Cells:
        """Where the rows belong; those that belong nowhere are set aside."""
        local = table["measured_at"].dt.tz_convert(self._plan.timezone).dt.tz_localize(None).dt.normalize()
        day = (local - pd.Timestamp(self._plan.first_day)).dt.days.to_numpy() - table["measure"].map(
            _DAYS_AFTER
        ).to_numpy(int)
        person, measure = self._who.get_indexer(pd.Index(table["who"])), table["measure"].map(_POSITION).to_numpy(int)
        instant = table["measured_at"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
        quality = table["quality"].to_numpy()
        failed, early, stranger = quality == "failed", day < 0, person < 0
        self._set_aside(FAILED, table, instant, failed & ~early & ~stranger, ~failed)
        self._set_aside(EARLY, table, instant, early & ~stranger)
        self._set_aside(STRANGER, table, instant, stranger)
        rows = np.flatnonzero(~early & ~stranger)
        shape = (int(day[rows].max(initial=0)) + 1, *self._value.shape[1:])
        cell = np.ravel_multi_index((day[rows], measure[rows], person[rows]), shape)
        value = np.where(failed, np.nan, table["value"].to_numpy(float))[rows]
        return _Cells(day[rows], cell, instant[rows], value, (quality[rows] == "suspect"))

    def _set_aside(self, reason: str, table: pd.DataFrame, instant: np.ndarray, which: np.ndarray,
                   back: np.ndarray | None = None) -> None:  # fmt: skip
        def identities(mask: np.ndarray) -> set[tuple[str, str, int]]:
            some = table[mask]
            return set(zip(some["who"], some["measure"], instant[mask].tolist(), strict=True))

        if back is not None and self._aside[reason]:
            self._aside[reason] -= identities(back)
        if which.any():
            self._aside[reason] |= identities(which)

    def _grow(self, days: int, spare: int = _GROWTH_DAYS) -> None:
        more = days - len(self._value)
        if more <= 0:
            return
        more += spare
        fill = lambda array, value: np.concatenate([array, np.full((more, *array.shape[1:]), value)])  # noqa: E731
        self._value, self._suspect = fill(self._value, np.nan), fill(self._suspect, False)
        self._measured, self._several = fill(self._measured, _NEVER), fill(self._several, False)

    def _put(self, cells: _Cells) -> None:
        order = np.lexsort((cells.instant, np.isfinite(cells.value)))
        last = ~pd.Series(cells.cell[order]).duplicated(keep="last").to_numpy()
        doubled = cells.cell[order][~last]
        self._aside[DOUBLED] |= {
            ("", str(c), int(t)) for c, t in zip(doubled, cells.instant[order][~last], strict=True)
        }
        self._several.reshape(-1)[doubled] = True
        chosen = order[last]
        cell = cells.cell[chosen]
        self._value.reshape(-1)[cell] = cells.value[chosen]
        self._suspect.reshape(-1)[cell] = cells.suspect[chosen]
        self._measured.reshape(-1)[cell] = cells.instant[chosen]


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | (np.isnan(a) & np.isnan(b))
