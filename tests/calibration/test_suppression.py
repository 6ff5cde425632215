"""Small cells: what is published never pins down a hidden number of people."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from calibration.suppression import SMALLEST_CELL, hidden_cells, hide_small_groups, shown_count, too_small


def possible_range(counts, hidden, cell):
    """The least and the most that a hidden cell can be, to somebody who knows the shown cells and all totals."""
    flat, unknown = counts.ravel(), np.flatnonzero(hidden)
    lines = [
        np.indices(counts.shape)[axis].ravel() == k for axis in range(counts.ndim) for k in range(counts.shape[axis])
    ]
    lines = [np.ones(flat.size, bool)] if counts.ndim == 1 else lines
    equal = np.array([line[unknown] for line in lines], float)
    total = np.array([flat[line & hidden.ravel()].sum() for line in lines])
    goal = (unknown == cell).astype(float)
    least, most = (linprog(sign * goal, A_eq=equal, b_eq=total, bounds=(0, None)) for sign in (1, -1))
    return least.fun, -most.fun


groups = st.one_of(
    arrays(int, st.integers(1, 7), elements=st.integers(0, 12)),
    arrays(int, st.tuples(st.integers(2, 5), st.integers(2, 5)), elements=st.integers(0, 12)),
)


@settings(max_examples=150, deadline=None)
@given(groups)
def test_totals_do_not_give_a_small_cell_away(counts):
    hidden = hidden_cells(counts)
    assert hidden[too_small(counts)].all()
    assert hidden.any() == too_small(counts).any()
    if counts.sum() < SMALLEST_CELL or counts.size == 1:
        return  # the total itself is not shown
    for cell in np.flatnonzero(too_small(counts)):
        least, most = possible_range(counts, hidden, cell)
        if counts.ndim == 2 and min(counts.sum(0)[cell % counts.shape[1]], counts.sum(1)[cell // counts.shape[1]]) < 5:
            continue  # a line of so few that its total is hidden too
        assert most - least > 0.5, (counts, hidden)


def test_the_smallest_other_group_goes_with_a_single_small_one():
    assert hidden_cells([2, 30, 9, 0]).tolist() == [True, False, True, False]
    assert hidden_cells([1, 1, 30, 9]).tolist() == [True, True, False, True]  # two together would still be two people
    assert hidden_cells([3, 0]).tolist() == [True, True]
    assert not hidden_cells([30, 9, 0]).any()
    assert hidden_cells([8, 30], smallest=11).all()


def test_a_bridge_between_two_blocks_is_no_protection():
    """Two hidden cells in each line are not enough: the two blocks' totals give the cell between them away."""
    counts = np.full((4, 4), 20)
    counts[:2, :2] = counts[2:, 2:] = counts[1, 2] = 3
    hidden = hidden_cells(counts)
    least, most = possible_range(counts, hidden, 1 * 4 + 2)
    assert most - least > 0.5


def test_a_table_loses_numbers_and_values_of_hidden_groups():
    table = pd.DataFrame({"group": list("abc"), "people": [4, 40, 6], "risk": [0.9, 0.2, 0.3], "word": ["x", "y", "z"]})
    shown = hide_small_groups(table, "people", ["risk", "word"])
    assert shown["people"].isna().tolist() == shown["risk"].isna().tolist() == shown["word"].isna().tolist() == [
        True, False, True]  # fmt: skip
    apart = hide_small_groups(table, "people", ["risk"], total_is_known=False)
    assert apart["risk"].isna().tolist() == [True, False, False]
    assert (shown_count(4), shown_count(0), shown_count(1234)) == ("fewer than 5", "0", "1,234")


def test_what_is_no_count_is_refused():
    for counts in ([1.5], [-1], [np.nan]):
        with pytest.raises(ValueError, match="no count"):
            hidden_cells(counts)
    with pytest.raises(ValueError, match="dimensions"):
        hidden_cells(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="smallest cell: met 0"):
        hidden_cells([1], 0)
