"""A fit to a small clinic, written as a fit writes it, and what is asked of it."""

import datetime as dt

import numpy as np
import pandas as pd
import xarray as xr

from abm.layout import TRAITS, make_layout
from abm.parameters import Parameters
from calibration.clinic import Clinic, save_clinic
from calibration.fit_result import Fit, save_fit
from calibration.observations import person_ids
from calibration.summaries import EFFECTS

PHYSICIANS, DRAWS, PAIRS, MONTHS = 10, 4, 8, 6
MONDAY = dt.date(2026, 3, 2)
KINDS = ["scribe", "extra_medical_assistant", "panel_reduction"]


def fit_folder(folder):
    """A posterior close to a clinic with the default parameters: a few draws, as after a long look at it."""
    rng = np.random.default_rng(3)
    layout, who = make_layout(PHYSICIANS, 5, seed=2), person_ids(PHYSICIANS)
    truth = np.asarray(layout.traits)[:PHYSICIANS, 0]
    draws = {
        "documentation_minutes_per_visit": Parameters().documentation_minutes_per_visit + 0.1 * rng.normal(size=DRAWS)
    }
    for effect in EFFECTS:
        for n, person in enumerate(who):
            draws[f"{effect} {person}"] = truth[n, TRAITS.index(effect)] + 0.2 * rng.normal(size=DRAWS)
    empty = pd.DataFrame({"nothing": []})
    counts = pd.DataFrame({"measure": ["ehr_minutes"], "stream": ["ehr"], "received": [900], "used": [880]})
    fit = Fit(
        table=empty, effects=empty, risk=empty, parameters=Parameters(), traits=np.asarray(layout.traits), trace=empty,
        starts=empty, counts=counts, draws=pd.DataFrame(draws), inference=xr.DataTree(),
        info={"physicians": PHYSICIANS, "days": 84, "warm_up_days": 56},
    )  # fmt: skip
    save_fit(fit, folder)
    save_clinic(Clinic(layout, tuple(f"dr-{n}" for n in range(PHYSICIANS))), folder)
    return folder
