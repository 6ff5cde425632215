"""What a fit returns, and its folder: YAML and CSV files that any program reads, and a Zarr store for ArviZ."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import yaml

from abm import parameters as parameter_table
from abm.layout import GENERATIONS, TRAITS, Layout
from abm.parameters import Parameters

FORMAT = 2  # of the folder


class FitError(ValueError):
    """Something that a fit refuses; the message says what was met and what was expected."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted clinic.

    ``table``: a row for each fitted population parameter: name, unit, estimate, low and high (the middle 90 % of the
    posterior), prior_low and prior_high (of the prior), contraction (1 - posterior over prior standard deviation, on
    the unbounded scale), informed. ``effects``: a row for each physician and trait: who, effect, estimate,
    standard_error, low and high (the middle 90 %) in standard deviations between physicians, informed. ``risk``: a row
    for each physician: who, risk, low, high, burned_out, settled (`calibration.posterior.risk_table`). ``counts``: what
    became of the observations, by measure. ``draws``: the posterior, a row a draw: population parameters in their
    units, then "pace physician-000" and so on. ``trace``: loss (negative log-posterior up to a constant) by start (-1:
    the last rounds, from the best) and round; rounds differ in what they compare with. ``starts``: where each start
    ended, and how far from the first, in prior standard
    deviations. ``inference``: the posterior and what goes with it, as ArviZ reads it (`calibration.inference_data`).
    """

    table: pd.DataFrame
    effects: pd.DataFrame
    risk: pd.DataFrame
    parameters: Parameters
    traits: np.ndarray  # float [P, GENERATIONS, len(TRAITS)]: the layout's, with the estimates for the physicians
    trace: pd.DataFrame
    starts: pd.DataFrame
    counts: pd.DataFrame
    draws: pd.DataFrame
    inference: xr.DataTree
    info: dict[str, Any]  # days, seed, rounds, model runs, interrupted, ...

    def layout(self, layout: Layout) -> Layout:
        """The layout with the fitted traits. Raises FitError if it is of another clinic."""
        if np.shape(layout.traits) != self.traits.shape:
            raise FitError(
                f"layout: met traits of shape {np.shape(layout.traits)}, expected the fit's {self.traits.shape}"
            )
        return dataclasses.replace(layout, traits=self.traits)


_TABLES = ("table", "effects", "risk", "trace", "starts", "counts", "draws")


def save_fit(fit: Fit, folder: str | Path) -> Path:
    """Write parameters.yaml, fit.yaml, CSV tables and inference.zarr to ``folder``, made if need be; returns it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parameter_table.save(fit.parameters, folder / "parameters.yaml")
    for name in _TABLES:
        getattr(fit, name).to_csv(folder / f"{name}.csv", index=False)
    people, generations, _ = fit.traits.shape
    index = pd.MultiIndex.from_product([range(people), range(generations)], names=["person", "generation"])
    pd.DataFrame(fit.traits.reshape(-1, len(TRAITS)), index, TRAITS).to_csv(folder / "traits.csv")
    fit.inference.to_zarr(folder / "inference.zarr", mode="w", consolidated=False)
    (folder / "fit.yaml").write_text(yaml.safe_dump({"format": FORMAT, **fit.info}, sort_keys=False), encoding="utf-8")
    return folder


def load_fit(folder: str | Path) -> Fit:
    """Read a folder that :func:`save_fit` wrote. Raises FitError, ParameterError or OSError, naming the file."""
    folder = Path(folder)
    if not (folder / "fit.yaml").is_file():
        raise FitError(f"{folder}: met no file fit.yaml, expected a folder written by `clinictwin fit`")
    info = yaml.safe_load((folder / "fit.yaml").read_text(encoding="utf-8"))
    if not isinstance(info, dict) or info.pop("format", None) != FORMAT:
        raise FitError(f"{folder / 'fit.yaml'}: expected a mapping with format: {FORMAT}")
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in _TABLES}
    traits = pd.read_csv(folder / "traits.csv")
    if list(traits.columns) != ["person", "generation", *TRAITS]:
        expected = f"expected person, generation, {', '.join(TRAITS)}"
        raise FitError(f"{folder / 'traits.csv'}: met columns {list(traits.columns)}, {expected}")
    values = traits[list(TRAITS)].to_numpy(float).reshape(-1, GENERATIONS, len(TRAITS))
    with xr.open_datatree(folder / "inference.zarr", engine="zarr", consolidated=False) as stored:
        inference = stored.load()
    parameters = parameter_table.load(folder / "parameters.yaml")
    return Fit(parameters=parameters, traits=values, inference=inference, info=info, **tables)
