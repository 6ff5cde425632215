"""What a change is worth in money: turnover avoided, income, return on investment, and when it breaks even."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from abm.parameters import Parameters
from abm.rules.turnover import leaving_probability
from experiments.analysis.inputs import TAIL, inputs
from experiments.effects import BASELINE, LEVEL
from experiments.outcome_groups import YEAR_DAYS

DRAWS = 4000  # of turnover cost and of replicates together
NEVER = np.inf
OF_LEAVING = ("leaving_per_year", "leaving_burnout_ratio", "leaving_exhaustion_effect")


class Flows(NamedTuple):
    """By scenario, replicate and period, differences to the baseline; costs by scenario and period."""

    leavers_avoided: np.ndarray  # [S, R, T], expected leavers
    income: np.ndarray  # [S, R, T], USD
    cost: np.ndarray  # [S, T], USD
    weeks: np.ndarray  # [T], end of each period, from the end of the warm-up
    years: float

    @property
    def replicates(self) -> int:
        return self.income.shape[1]


def expected_leavers(data: xr.Dataset, p: Parameters) -> xr.DataArray:
    """Leavers expected in each period [scenario, replicate, day], from burnout and exhaustion in it.

    The same mean as counting those who left, without the noise of rare events (as `abm.population.bias` counts them).
    """
    burned_out, exhaustion, filled = (data[n].astype("float64") for n in ("burned_out", "exhaustion", "employed"))
    chance = leaving_probability(burned_out, exhaustion, 1.0, p.leaving_per_year, p.leaving_burnout_ratio,
                                 p.leaving_exhaustion_effect, np)  # fmt: skip
    return (filled * chance).sum("physician") * float(data.attrs["period_days"])


def leavers(data: xr.Dataset, p: Parameters) -> xr.DataArray:
    """Leavers of each period [scenario, replicate, day]: expected ones, or those counted where ``p`` does not say how
    people leave, since the experiment changes that between scenarios or replicates.
    """
    varies = int(data.attrs.get("clinics", 1)) > 1 or any(n in str(data.attrs.get("config", "")) for n in OF_LEAVING)
    if varies and "left" in data:
        return data["left"].astype("float64").sum("physician") * float(data.attrs["period_days"])
    return expected_leavers(data, p)


def flows(data: xr.Dataset, p: Parameters, first_use: dict[str, float] | None = None) -> Flows:
    """What changes against the baseline, period by period.

    A change costs its yearly cost in full from ``first_use`` on (scenario -> day after the warm-up; day 0 if not
    given), since its ramp is not in the results.
    """
    period = float(data.attrs["period_days"])
    order = ("scenario", "replicate", "day")
    base = [str(s) for s in data["scenario"].values].index(BASELINE)
    left = leavers(data, p).transpose(*order).values
    income = (data["visit_revenue"].astype("float64").sum("physician") * period).transpose(*order).values
    yearly = np.asarray(data["yearly_cost"].values if "yearly_cost" in data.coords else np.zeros(len(left)), float)
    begin = np.array([(first_use or {}).get(str(s), 0.0) for s in data["scenario"].values])
    ends = period * (1 + np.arange(data.sizes["day"]))
    used = np.clip((ends - begin[:, None]) / period, 0.0, 1.0)
    return Flows(left[base] - left, income - income[base], yearly[:, None] * used * period / YEAR_DAYS, ends / 7,
                 float(ends[-1]) / YEAR_DAYS)  # fmt: skip


def turnover_costs(p: Parameters, count: int, seed: int = 0) -> np.ndarray:
    """Costs of one physician's leaving [count], USD, drawn from the parameter's prior around its value."""
    u = (np.random.default_rng(seed).random(count) - TAIL) / (1 - 2 * TAIL)  # the whole prior, not its middle alone
    return inputs(["turnover_cost"], p).values("turnover_cost", np.clip(u, -0.055, 1.055))


def worth(found: Flows, names: list[str], leaver_cost: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """One row a scenario but the baseline: amounts a year with 90 % intervals, return, and the break-even week.

    Each of the ``leaver_cost`` [D] draws meets another resample of the replicates, so intervals hold the uncertainty of
    that cost and of the simulations. Columns, each with _low and _high: leavers_avoided (a year), turnover_saved,
    income and net (thousand USD a year), roi (net over cost; NaN without cost), break_even_week (inf: not in the run);
    and pays (share of draws with net above zero).
    """
    rng = np.random.default_rng(seed)
    pick = rng.integers(found.replicates, size=(len(leaver_cost), found.replicates))
    rows = []
    for s, name in enumerate(names):
        if name == BASELINE:
            continue
        avoided = _means(found.leavers_avoided[s], pick)  # [D, T]
        income = _means(found.income[s], pick)
        saved = avoided * leaver_cost[:, None]
        net = saved + income - found.cost[s]
        cost = found.cost[s].sum() / found.years
        yearly = {
            "leavers_avoided": avoided.sum(axis=1) / found.years,
            "turnover_saved": saved.sum(axis=1) / found.years / 1000,
            "income": income.sum(axis=1) / found.years / 1000,
            "net": net.sum(axis=1) / found.years / 1000,
            "roi": net.sum(axis=1) / found.years / cost if cost else np.full(len(net), np.nan),
            "break_even_week": break_even(net, found.weeks),
        }
        row: dict[str, float | str] = {"scenario": name, "cost": cost / 1000}
        for what, values in yearly.items():
            low, middle, high = _quantiles(values)
            row |= {what: middle, f"{what}_low": low, f"{what}_high": high}
        rows.append(row | {"pays": float((yearly["net"] > 0).mean())})
    return pd.DataFrame(rows)


def break_even(net: np.ndarray, weeks: np.ndarray) -> np.ndarray:
    """Week [D] from which the cumulated net [D, T] stays at or above zero; inf where it is below at the end."""
    below = np.cumsum(net, axis=1) < -1e-9 * np.abs(net).sum(axis=1, keepdims=True)
    last_below = np.where(below.any(axis=1), below.shape[1] - 1 - np.argmax(below[:, ::-1], axis=1), -1)
    return np.where(last_below == len(weeks) - 1, NEVER, weeks[np.minimum(last_below + 1, len(weeks) - 1)])


def _means(values: np.ndarray, pick: np.ndarray) -> np.ndarray:
    """Means over resamples of replicates: [D, T] from values [R, T]."""
    weights = np.apply_along_axis(np.bincount, 1, pick, minlength=len(values)) / pick.shape[1]
    return weights @ values


def _quantiles(values: np.ndarray) -> tuple[float, float, float]:
    if np.isnan(values).any():
        return (float("nan"),) * 3
    tails = ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
    low, middle, high = np.quantile(values, tails, method="inverted_cdf")  # interpolates no infinity
    return float(low), float(middle), float(high)
