"""Material for tests of the event log: observations that come late, twice, corrected and out of order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from calibration.measures import MEASURES
from calibration.observations import COLUMNS

SOME_MEASURES = ("ehr_minutes", "kept_count", "sleep_minutes", "resting_heart_rate", "scheduled_minutes")


def deliveries(seed: int, people: int = 5, days: int = 30) -> pd.DataFrame:
    """A delivery of each observation, with a tenth delivered again and a tenth corrected, in random order."""
    rng = np.random.default_rng(seed)
    who, day, measure = (a.ravel() for a in np.meshgrid(range(people), range(days), range(len(SOME_MEASURES))))
    measured = (pd.Timestamp("2024-01-01T23:30Z") + pd.to_timedelta(day, unit="D")).as_unit("us")
    delay = pd.to_timedelta(rng.integers(1, 400_000, len(day)), unit="s")
    first = pd.DataFrame(
        {
            "who": [f"physician-{i:03d}" for i in who],
            "stream": [MEASURES[SOME_MEASURES[m]].stream for m in measure],
            "measure": [SOME_MEASURES[m] for m in measure],
            "measured_at": measured,
            "received_at": measured + delay,
            "value": rng.integers(30, 100, len(day)).astype(float),
            "unit": [MEASURES[SOME_MEASURES[m]].unit for m in measure],
            "quality": rng.choice(["good", "good", "suspect"], len(day)),
        }
    )
    again = first.sample(frac=0.1, random_state=seed)
    corrected = first.sample(frac=0.1, random_state=seed + 1)
    corrected = corrected.assign(value=corrected["value"] + 1)
    later = pd.concat([again, corrected])
    later["received_at"] += pd.to_timedelta(rng.integers(1, 400_000, len(later)), unit="s")
    return pd.concat([first, later]).sample(frac=1, random_state=seed)[list(COLUMNS)].reset_index(drop=True)
