"""Published figures beside the model's: `clinictwin check-evidence` prints them row by row.

Rows and bands are those of the project's evidence table; "hold" rows were used to choose the shipped defaults.
Definitions that matter are said in each row: which minutes count, per what, among whom.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pandas as pd
import xarray as xr

from abm.layout import Layout, make_layout, of_one_shape
from abm.outcomes import to_dataset
from abm.parameters import Parameters
from abm.population import simulate_batch
from calibration.no_show_fit import BAND_POINTS, LEAD_TIME_BINS, marginal_no_show_share

WARM_UP_DAYS = 364
YEAR_DAYS = 364
TWO_YEARS_DAYS = 728
PERIOD_DAYS = 28
LAYOUTS = 8  # clinics of other people
# High exhaustion and high cynicism by the MBI's cut-offs: 27 of 54 points and 10 of 30 points.
HIGH_EXHAUSTION, HIGH_CYNICISM = 27 / 54, 10 / 30
LONGEST_LEAD_DAYS = 100  # of the open bin of E29


@dataclasses.dataclass(frozen=True)
class Row:
    """One published figure: what the model must give, and how it is computed from runs [replicate, day, physician]."""

    id: str
    fact: str
    unit: str
    published: float
    low: float
    high: float
    source: str
    value: Callable[[xr.Dataset], Any]  # -> one number a replicate


def per_session_day(name: str) -> Callable[[xr.Dataset], Any]:
    """Total over physicians and days per session day held: 'per weekday per clinical FTE'."""
    return lambda d: d[name].sum(("day", "physician")) / d["on_duty"].sum(("day", "physician"))


def per_week(*names: str) -> Callable[[xr.Dataset], Any]:
    """Per employed physician and week."""
    return lambda d: 7 * sum(d[n].sum(("day", "physician")) for n in names) / d["employed"].sum(("day", "physician"))


def mean_of(name: str) -> Callable[[xr.Dataset], Any]:
    """Mean over employed physicians and days."""
    return lambda d: (d[name] * d["employed"]).sum(("day", "physician")) / d["employed"].sum(("day", "physician"))


def _last(d: xr.Dataset) -> xr.Dataset:
    """The last four weeks: a survey wave."""
    return d.isel(day=-1)


def _share_above(name: str, threshold: float) -> Callable[[xr.Dataset], Any]:
    return lambda d: (_last(d)[name] > threshold).where(_last(d)["employed"] > 0.5).mean("physician")


def _task_load(d: xr.Dataset) -> xr.DataArray:
    return _last(d)["task_load"] / _last(d)["on_duty"].where(_last(d)["on_duty"] > 0)


def odds_ratio_per_unit(x: Any, burned: Any) -> float:
    """Odds ratio of a yes per unit of ``x``: logistic regression by Newton's method; arrays of one length."""
    design = np.column_stack([np.ones_like(x), x - x.mean()])
    beta = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ beta))
        step = np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]), design.T @ (burned - p))
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    return float(np.exp(beta[1]))


def _burnout_odds_per_40_points_less(d: xr.Dataset) -> float:
    load, burned = _task_load(d).values.ravel(), (_last(d)["burned_out"].values.ravel() > 0.5).astype(float)
    ok = np.isfinite(load)
    return odds_ratio_per_unit(-load[ok] / 40, burned[ok])


def _clerical_share(d: xr.Dataset) -> Any:
    total = lambda n: d[n].sum(("day", "physician"))  # noqa: E731
    return 100 * (total("note_minutes") + total("order_minutes") + total("clerical_minutes")) / total("ehr_minutes")


def _leavers(d: xr.Dataset, burned: bool) -> Any:
    """Share of those (not) burned out at the start who left within two years, in percent."""
    first = d.isel(day=0)
    group = ((first["burned_out"] > 0.5) == burned) & (first["employed"] > 0.999)
    return 100 * (d["left"].sum("day") > 0).where(group).mean("physician")


def _pooled_leaving_odds_ratio(d: xr.Dataset) -> float:
    a, b = (float(_leavers(d, flag).mean()) / 100 for flag in (True, False))
    return a / (1 - a) / (b / (1 - b))


ARNDT, HARRY = "Arndt 2017, Ann Fam Med 15:419", "Harry 2021, Jt Comm J Qual Patient Saf 47:76"
TAI_SEALE, HAMIDI = "Tai-Seale 2019, Health Aff 38:1073", "Hamidi 2018, BMC Health Serv Res 18:851"
ADLER = "Adler-Milstein 2020, JAMIA 27:531"

YEAR_ROWS = (
    Row("E1", "EHR time per weekday per clinical FTE", "min", 355, 320, 390, ARNDT, per_session_day("ehr_minutes")),
    Row(
        "E2a",
        "of it before 18:00",
        "min",
        269,
        242.1,
        295.9,
        ARNDT,
        lambda d: per_session_day("ehr_minutes")(d) - per_session_day("ehr_after_hours_minutes")(d),
    ),
    Row("E2b", "of it after 18:00", "min", 86, 70, 100, ARNDT, per_session_day("ehr_after_hours_minutes")),
    Row("E3", "workday", "h", 11.4, 10.8, 12.0, ARNDT, lambda d: per_session_day("work_minutes")(d) / 60),
    Row(
        "E4",
        "clerical and administrative share of EHR time (notes, orders, billing)",
        "%",
        44.2,
        39,
        49,
        ARNDT,
        _clerical_share,
    ),
    Row("E5", "inbox minutes a day", "min", 85, 72, 98, ARNDT, per_session_day("inbox_minutes")),
    Row("E6a", "documentation minutes a day", "min", 84, 71.4, 96.6, ARNDT, per_session_day("note_minutes")),
    Row("E6b", "order entry minutes a day", "min", 43, 36.6, 49.5, ARNDT, per_session_day("order_minutes")),
    Row(
        "E7",
        "family physicians burned out",
        "%",
        51,
        46,
        56,
        "seed paper, reference 89",
        lambda d: 100 * mean_of("burned_out")(_last(d).expand_dims("day")),
    ),
    Row("E9a", "task load, mean", "points", 260.9, 245, 277, HARRY, lambda d: _task_load(d).mean("physician")),
    Row(
        "E9b",
        "task load, standard deviation between physicians",
        "points",
        71.4,
        60,
        83,
        HARRY,
        lambda d: _task_load(d).std("physician", ddof=1),
    ),
    Row(
        "E10",
        "odds of burnout per 40 points less task load",
        "ratio",
        0.67,
        0.60,
        0.75,
        HARRY,
        _burnout_odds_per_40_points_less,
    ),
    Row(
        "E11a",
        "in-basket messages a week",
        "1/week",
        243,
        206.6,
        279.5,
        TAI_SEALE,
        per_week("patient_messages", "result_messages", "colleague_messages", "system_messages"),
    ),
    Row("E11b", "of them made by the system", "1/week", 114, 96.9, 131.1, TAI_SEALE, per_week("system_messages")),
    Row("E11c", "of them from colleagues", "1/week", 53, 45.0, 61.0, TAI_SEALE, per_week("colleague_messages")),
    Row("E11d", "of them from patients", "1/week", 30, 25.5, 34.5, TAI_SEALE, per_week("patient_messages")),
    Row(
        "E13a",
        "high exhaustion (MBI cut-off)",
        "%",
        51,
        43,
        59,
        ADLER,
        lambda d: 100 * _share_above("exhaustion", HIGH_EXHAUSTION)(d),
    ),
    Row(
        "E13b",
        "high cynicism (MBI cut-off)",
        "%",
        34,
        26,
        42,
        ADLER,
        lambda d: 100 * _share_above("cynicism", HIGH_CYNICISM)(d),
    ),
)
TWO_YEAR_ROWS = (
    Row(
        "E17a",
        "leaving within 2 years, burned out",
        "%",
        21,
        10.5,
        31.5,
        HAMIDI + "; band: half to one and a half times",
        lambda d: _leavers(d, True),
    ),
    Row(
        "E17b",
        "leaving within 2 years, not burned out",
        "%",
        10,
        5,
        15,
        HAMIDI + "; band: half to one and a half times",
        lambda d: _leavers(d, False),
    ),
    Row("E17c", "odds ratio of leaving", "ratio", 2.68, 1.34, 5.38, HAMIDI, _pooled_leaving_odds_ratio),
)


def run_replicates(parameters: Parameters, days: int, replicates: int, seed: int, layout: Layout) -> xr.Dataset:
    """``replicates`` runs of ``days`` after a year of warm-up, four-week means, dims (replicate, day, physician)."""
    keys = jax.random.split(jax.random.key(seed), replicates)
    layout = of_one_shape(layout)
    run = simulate_batch(parameters, WARM_UP_DAYS + days, keys, layout=layout, period_days=PERIOD_DAYS)
    records = {name: v[:, WARM_UP_DAYS // PERIOD_DAYS :] for name, v in run.physicians.items()}
    return to_dataset(
        records, layout, period_days=PERIOD_DAYS, leading={"replicate": range(replicates)}, with_derived=False
    )


def no_show_rows(parameters: Parameters) -> list[dict[str, Any]]:
    """Row E29: the no-show share by lead time, over patients' propensities."""
    rows = []
    curve = (parameters.no_show_intercept, parameters.no_show_delay_effect, parameters.no_show_delay_days)
    for label, first, last, published in LEAD_TIME_BINS:
        days = np.arange(first, min(last, LONGEST_LEAD_DAYS) + 1)
        model = 100 * float(marginal_no_show_share(days, curve, parameters).mean())
        rows.append(
            _verdict(
                "E29",
                f"no-show share, booked {label} ahead",
                "%",
                model,
                0.0,
                published,
                published - BAND_POINTS,
                published + BAND_POINTS,
                "Medical Appointment No Shows, Vitoria 2016",
            )
        )
    return rows


def check(
    parameters: Parameters | None = None, *, replicates: int = 32, seed: int = 0, layout: Layout | None = None
) -> pd.DataFrame:
    """All hold rows: model value with its Monte-Carlo standard error, published value, band, verdict.

    Who works in a clinic of fifty is a sample of people, whose prevalence of burnout alone varies by 3.5 points. So
    LAYOUTS clinics take turns (or ``layout`` alone), and the error is that of clinics as well as of chance.

    ``seed`` fixes the runs; 32 replicates of two years after a year of warm-up take about a minute on two cores.
    """
    parameters = parameters or Parameters()
    layouts = [layout] if layout else [make_layout(seed=k) for k in range(min(LAYOUTS, replicates))]
    each = [replicates // len(layouts) + (k < replicates % len(layouts)) for k in range(len(layouts))]
    parts = [
        run_replicates(parameters, TWO_YEARS_DAYS, count, seed + k, some)
        for k, (count, some) in enumerate(zip(each, layouts, strict=True))
    ]
    runs = xr.concat(parts, "replicate", coords="minimal", compat="override", join="override")
    runs = runs.assign_coords(replicate=np.arange(replicates))
    first_year = runs.isel(day=slice(0, YEAR_DAYS // PERIOD_DAYS))
    rows = [_judge(row, first_year) for row in YEAR_ROWS] + [_judge(row, runs) for row in TWO_YEAR_ROWS]
    rows += no_show_rows(parameters)
    return pd.DataFrame(rows)


def _judge(row: Row, data: xr.Dataset) -> dict[str, Any]:
    whole = row.value(data)
    values = np.asarray(whole, float)
    if values.ndim == 0:  # pooled over replicates: error by leaving one replicate out (jackknife)
        n = data.sizes["replicate"]
        left_out = np.array([row.value(data.isel(replicate=[i for i in range(n) if i != k])) for k in range(n)], float)
        error = float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
        mean = float(values)
    else:
        mean, error = float(np.nanmean(values)), float(np.nanstd(values, ddof=1) / np.sqrt(len(values)))
    return _verdict(row.id, row.fact, row.unit, mean, error, row.published, row.low, row.high, row.source)


def _verdict(
    id: str, fact: str, unit: str, model: float, error: float, published: float, low: float, high: float, source: str
) -> dict[str, Any]:
    return {
        "id": id,
        "fact": fact,
        "unit": unit,
        "model": model,
        "monte_carlo_error": error,
        "published": published,
        "low": low,
        "high": high,
        "verdict": "holds" if low <= model <= high else "MISSED",
        "source": source,
    }
