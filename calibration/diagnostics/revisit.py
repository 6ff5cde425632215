"""Back to where a fit ended: its rounds and its look at the best point, from the fit's tables and the observations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from abm import interventions as iv
from abm.layout import Layout
from abm.parameters import ENTRIES, Parameters, to_unbounded
from calibration.fit import Fit, FitError, prepare_rounds
from calibration.fit_data import prepare
from calibration.rounds import Look, Point, Rounds
from calibration.summaries import SEARCHED

BLOCKS = (1, 2, 3)  # of relaxed runs behind the slopes


class Revisited(NamedTuple):
    """A fit's rounds, best point and look there."""

    work: Rounds
    point: Point
    look: Look


def revisit(fit: Fit, observations: pd.DataFrame, layout: Layout, *, parameters: Parameters | None = None,
            first_day: dt.date | None = None, timezone: str = "UTC",
            interventions: Iterable[iv.Intervention] | None = None) -> Revisited:  # fmt: skip
    """Look again at where ``fit`` ended; the arguments are those that it was made with.

    Raises FitError if the fit is of another number of physicians or days, ObservationError as the fit does.
    """
    data = prepare(observations, layout, first_day=first_day, timezone=timezone)
    met = {"physicians": layout.physicians, "days": data.days}
    for name, value in met.items():
        if value != fit.info[name]:
            raise FitError(f"{name}: met observations of {value}, expected the fit's {fit.info[name]}")
    base = parameters or Parameters()
    table = fit.table.set_index("name")
    work = prepare_rounds(data, layout, base, list(table.index), warm_up_days=int(fit.info["warm_up_days"]),
                          interventions=interventions, seed=int(fit.info["seed"]))  # fmt: skip
    spreads = {name: np.float32(table["estimate"][name]) for name in work.spread_names}
    work.state = work.state._replace(problem=work.problem._replace(base=work.problem.base.replace(**spreads)))
    point = _point(fit, work, base)
    work.weigh(point)
    each = np.concatenate([work.differences(point, block) for block in BLOCKS], axis=1)
    return Revisited(work, point, work.look(work.exact(point, BLOCKS[-1] + 1), each))


def _point(fit: Fit, work: Rounds, base: Parameters) -> Point:
    estimate = fit.table.set_index("name")["estimate"]
    population = [
        (to_unbounded(float(estimate[name]), ENTRIES[name]) - to_unbounded(getattr(base, name), ENTRIES[name]))
        / ENTRIES[name].prior_spread
        for name in work.plan.names
    ]
    traits = fit.effects.pivot(index="who", columns="effect", values="estimate")
    traits = traits.loc[list(dict.fromkeys(fit.effects["who"]))]
    unknowns = np.concatenate([population, traits[list(SEARCHED)].to_numpy(float).ravel()])
    return Point(unknowns, traits["intercept"].to_numpy(float))
