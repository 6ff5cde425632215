"""Do intervals hold the truth as often as they say? Shares with the Monte-Carlo error of clinics, not of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from calibration.fit_tables import NINETY


def coverage(study: pd.DataFrame) -> pd.DataFrame:
    """One row a kind and name, and one for all of a kind (name "all"): share of 90 % intervals that hold the truth.

    Columns kind, name, clinics, intervals, share, standard_error, root_mean_square_z. Rows of one clinic share its
    chance, so the standard error is that of the clinics' shares. Only what a fit claims to know of a risk counts
    (``told``); z-scores take an interval for a normal one, on the quantity's own scale.
    """
    rows = study[(study["kind"] != "risk") | study["told"]]
    half = (rows["high"] - rows["low"]) / 2.0
    rows = rows.assign(z=NINETY * (rows["estimate"] - rows["truth"]) / half.where(half > 0))
    every = [(kind, "all", table) for kind, table in rows.groupby("kind")]
    each = [(kind, name, table) for (kind, name), table in rows.groupby(["kind", "name"]) if kind != "risk"]
    return pd.DataFrame([_line(str(kind), str(name), table) for kind, name, table in every + each])


def _line(kind: str, name: str, table: pd.DataFrame) -> dict[str, object]:
    of_clinic = table.groupby("clinic")["covers"].agg(["sum", "count"])
    share, clinics = float(table["covers"].mean()), len(of_clinic)
    residual = of_clinic["sum"] - share * of_clinic["count"]  # a ratio estimate, clinics as clusters
    mean_size = float(of_clinic["count"].mean())
    error = float(np.sqrt((residual**2).sum() / max(clinics - 1, 1) / clinics)) / mean_size if clinics > 1 else np.nan
    z = float(np.sqrt((table["z"].clip(-20, 20) ** 2).mean()))
    return {"kind": kind, "name": name, "clinics": clinics, "intervals": len(table), "share": share,
            "standard_error": error, "root_mean_square_z": z}  # fmt: skip
