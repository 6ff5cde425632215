"""Values that are unusual: impossible for the measure, or far from a person's own middle."""

from __future__ import annotations

import numpy as np
import pandas as pd

from calibration.measures import MEASURES, Kind, Measure

FAR = 6.0  # own robust spreads from the own middle (assumed: of normal values one in half a billion)
FEWEST = 10  # values of a person's measure from which the own spread is judged (assumed)
MAD_TO_DEVIATION = 1.4826  # median absolute deviation to standard deviation, of a normal distribution
COLUMNS = ["who", "stream", "measure", "day", "value", "middle", "spreads", "why"]
IMPOSSIBLE, UNUSUAL = "outside the measure's bounds", "far from the own middle"


def outliers(table: pd.DataFrame) -> pd.DataFrame:
    """The outliers of observations with their ``day``: COLUMNS, worst first within each measure.

    ``spreads`` is the distance to the person's own median ``middle`` in own robust spreads, on the scale on which the
    measure's noise is even: logarithms, square roots of counts, or the unit itself; zeros (days off) are not judged on
    the first two, answers and rosters not at all. Impossible values are in a log only from sensors that are known to
    have failed: the log refuses the others.
    """
    found = []
    for name, of_measure in table.groupby("measure", observed=True):
        measure = MEASURES.get(str(name))
        if measure is None:
            continue
        impossible = ~of_measure["value"].between(measure.low, measure.high)
        found.append(of_measure[impossible].assign(middle=np.nan, spreads=np.nan, why=IMPOSSIBLE))
        found.append(_unusual(of_measure[~impossible], measure))
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    result = pd.concat(found, ignore_index=True)[COLUMNS]
    size = result["spreads"].abs().fillna(np.inf)
    return result.iloc[np.lexsort((-size, result["measure"]))].reset_index(drop=True)


def _unusual(rows: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    scale = _scale(measure)
    if scale is None:
        return rows.iloc[:0].assign(middle=np.nan, spreads=np.nan, why=UNUSUAL)
    is_log, floor = scale
    judged = rows[(rows["value"] > 0) | (measure.kind is Kind.NORMAL)]
    judged = judged[judged["quality"] != "failed"]
    value = judged["value"].to_numpy(float)
    even = np.log(value) if is_log else 2 * np.sqrt(value) if measure.kind is Kind.COUNT else value
    by_person = pd.Series(even, index=judged.index).groupby(judged["who"], observed=True)
    middle = by_person.transform("median")
    away = even - middle
    spread = MAD_TO_DEVIATION * away.abs().groupby(judged["who"], observed=True).transform("median")
    spreads = away / np.maximum(spread, floor)
    enough = by_person.transform("size") >= FEWEST
    back = np.exp(middle) if is_log else (middle / 2) ** 2 if measure.kind is Kind.COUNT else middle
    return judged.assign(middle=back, spreads=spreads, why=UNUSUAL)[enough & (spreads.abs() > FAR)]


def _scale(measure: Measure) -> tuple[bool, float] | None:
    """(whether on logarithms, the least spread of a person) of a measure; None if it is not judged."""
    if measure.kind is Kind.LOGNORMAL:
        return True, measure.noise
    if measure.kind is Kind.NORMAL:
        return False, max(measure.noise, measure.step)
    if measure.kind is Kind.COUNT:
        return False, 1.0  # twice the square root of a Poisson count has a standard deviation of one
    return None
