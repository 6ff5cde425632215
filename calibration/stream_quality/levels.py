"""Values that jump by the factor between two units from one ingest to the next: a unit changed without a word."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from calibration.stream_quality.drift import Drift, series_of

FEWEST = 20  # values of a measure in each of the two ingests
CLOSE = 0.2  # of the logarithm: within a fifth of the factor (assumed)
_FACTORS = {60.0: "minutes and hours, or seconds and minutes", 3600.0: "seconds and hours",
            24.0: "hours and days", 1000.0: "milliseconds and seconds, or thousands", 1440.0: "minutes and days",
            60_000.0: "milliseconds and minutes"}  # fmt: skip


def level_jumps(ingests: pd.DataFrame, levels: pd.DataFrame) -> list[Drift]:
    """Measures whose median changed by a factor between units within a series of ingests, in order.

    ``ingests`` and ``levels`` as `EventLog.ingests` and `EventLog.levels` give them.
    """
    enough = levels[levels["values"] >= FEWEST].merge(ingests[["ingest", "source", "kind"]], on="ingest")
    enough = enough.assign(series=[series_of(str(name)) for name in enough["source"]]).sort_values("ingest")
    found = []
    for (_, _, measure), rows in enough.groupby(["kind", "series", "measure"]):
        ratio = (rows["median"] / rows["median"].shift()).to_numpy(float)
        for row, r, before in zip(rows.itertuples(), ratio, rows["median"].shift(), strict=True):
            units = _units(r)
            if units:
                change = (f"{json.dumps(measure)}: the median went from {before:.4g} to {row.median:.4g}, by a factor "
                          f"as between {units}: has its unit changed?")  # fmt: skip
                found.append(Drift(int(str(row.ingest)), str(row.source), str(row.kind), change))
    return sorted(found, key=lambda d: d.ingest)


def _units(ratio: float) -> str:
    """The units between which a ratio lies; empty if between none."""
    if not np.isfinite(ratio) or ratio <= 0:
        return ""
    size = abs(float(np.log(ratio)))
    near = {abs(size - float(np.log(factor))): words for factor, words in _FACTORS.items()}
    closest = min(near)
    return near[closest] if closest < CLOSE else ""
