"""Small-cell suppression: counts of so few people that they may be recognised are not shown, nor what gives them away.

Used by every table and figure that groups the people of a real clinic. People of a simulated scenario need none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

SMALLEST_CELL = 5  # people of a group that may be shown (assumed; a data holder's own rule goes first: CMS asks for 11)


def check_smallest(smallest: int) -> int:
    """The threshold. Raises ValueError below 1 (which shows everything)."""
    if smallest < 1:
        raise ValueError(f"smallest cell: met {smallest}, expected 1 (show everything) or more")
    return smallest


def too_small(people: Any, smallest: int = SMALLEST_CELL) -> np.ndarray:
    """True where a number of people is small but not zero: that nobody is in a group tells of nobody."""
    count = np.asarray(people)
    return (count > 0) & (count < check_smallest(smallest))


def hidden_cells(people: Any, smallest: int = SMALLEST_CELL) -> np.ndarray:
    """True [...] for the cells of a table of counts of people, [groups] or [rows, columns], that must not be shown
    beside its totals.

    Small cells are hidden, and then the smallest others whose showing would give a hidden one away: in every line with
    a hidden cell the hidden ones are at least two and `smallest` people or more together, and in a table of two
    dimensions each lies on a rectangle of hidden cells, so that no adding and subtracting of shown cells and totals
    isolates it. Where a line has not enough people for that, all of it is hidden; whether its total may be shown says
    `too_small` of the total. Zeros are hidden only where nothing else is left.

    Raises ValueError on more dimensions, or negative or fractional counts.
    """
    count = np.asarray(people, dtype=float)
    if count.ndim not in (1, 2):
        raise ValueError(f"table of people: met {count.ndim} dimensions, expected 1 or 2")
    if (~np.isfinite(count) | (count < 0) | (count != count.round())).any():
        raise ValueError("table of people: met a number that is no count, expected whole numbers of people")
    hidden = too_small(count, smallest)
    if not hidden.any():
        return hidden
    before = -1
    while hidden.sum() != before:
        before = int(hidden.sum())
        _complete_lines(count, hidden, smallest)
        if count.ndim == 2:
            _complete_lines(count.T, hidden.T, smallest)
            _close_rectangles(count, hidden)
    return hidden


def hide_small_groups(table: pd.DataFrame, people: str, values: list[str], *, smallest: int = SMALLEST_CELL,
                      total_is_known: bool = True) -> pd.DataFrame:  # fmt: skip
    """A table of groups, one a row, whose hidden groups have neither their number of people nor their values.

    ``people`` names the column of counts; ``values`` are the columns about the group. What is hidden becomes NA. With
    ``total_is_known`` (the groups divide people whose number is shown somewhere) other groups are hidden with them.
    """
    hidden = hidden_cells(table[people], smallest) if total_is_known else too_small(table[people], smallest)
    if not hidden.any():
        return table
    result = table.copy()
    for name in (people, *values):
        is_number = pd.api.types.is_numeric_dtype(result[name]) and not pd.api.types.is_bool_dtype(result[name])
        result[name] = (result[name].astype("Float64") if is_number else result[name].astype(object)).mask(hidden)
    return result


def shown_count(people: int, smallest: int = SMALLEST_CELL) -> str:
    """A number of people as it may be printed where no total would give it away."""
    return f"fewer than {smallest}" if too_small(people, smallest) else f"{people:,}"


def _complete_lines(count: np.ndarray, hidden: np.ndarray, smallest: int) -> None:
    """Hide more of each line (the last axis) until its hidden cells are two or more and of enough people."""
    for numbers, mask in zip(np.atleast_2d(count), np.atleast_2d(hidden), strict=True):
        order = np.lexsort((numbers, numbers == 0))  # zeros last
        for cell in order:
            if not mask.any() or (mask.sum() > 1 and numbers[mask].sum() >= smallest):
                break
            mask[cell] = True


def _close_rectangles(count: np.ndarray, hidden: np.ndarray) -> None:
    """Hide, for each hidden cell that is on no rectangle of hidden cells, the rectangle that costs fewest people."""
    rows, columns = count.shape
    for row, column in np.argwhere(hidden):
        corners = hidden[row][None, :] & hidden[:, column][:, None] & hidden
        corners[row, :] = corners[:, column] = False
        if corners.any() or rows < 2 or columns < 2:
            continue
        visible = np.where(hidden, 0.0, np.where(count > 0, count, count.sum() + 1))
        cost = visible[row][None, :] + visible[:, column][:, None] + visible
        cost[row, :] = cost[:, column] = np.inf
        other_row, other_column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        hidden[row, other_column] = hidden[other_row, column] = hidden[other_row, other_column] = True
