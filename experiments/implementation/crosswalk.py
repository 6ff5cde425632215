"""The same challenges coded in every frame, so that frames can be compared: what each has a place for, and what not."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pandas as pd

from experiments.implementation.catalogue import THEMES, challenge, challenges
from experiments.implementation.frames import DATA, FRAME_KEYS, NONE, load_frame
from experiments.implementation.records import read_records

OTHERS = tuple(key for key in FRAME_KEYS if key != "cfir2")


@functools.cache
def codes() -> Mapping[str, Mapping[str, str]]:
    """Code of every named challenge in every frame, by challenge and frame; 'none' where the frame has no place.

    All codes are our assignment by the frames' definitions, but for CFIR 2.0's 'none': that its interviews did not
    bring a challenge up is the paper's finding. Raises ImplementationError on an unknown code or challenge.
    """
    found = {}
    for row in read_records(DATA / "crosswalk.csv", required=("key", *OTHERS), unique=("key",)):
        own = {"cfir2": challenge(row["key"], row.where).construct}
        found[row["key"]] = own | {key: load_frame(key).check(row[key], row.where) for key in OTHERS}
    return found


def covered() -> pd.DataFrame:
    """Named challenges by theme (rows) that each frame has a place for (columns), beside all, with totals."""
    rows = [
        {"theme": one.theme} | {load_frame(key).name: int(codes()[one.key][key] != NONE) for key in FRAME_KEYS}
        for one in challenges()
        if one.named
    ]
    table = pd.DataFrame(rows)
    sums = table.groupby("theme").sum().reindex(list(THEMES))
    sums["all named"] = table["theme"].value_counts()
    sums.loc["all"] = sums.sum()
    return sums.astype(int)


def table() -> pd.DataFrame:
    """One row a named challenge with its code in every frame."""
    return pd.DataFrame([{"challenge": key} | dict(row) for key, row in codes().items()])
