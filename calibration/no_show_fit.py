"""The no-show curve against lead time, fitted to real appointments by maximum likelihood."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from abm.layout import DISADVANTAGED_SHARE
from abm.parameters import ENTRIES, Parameters
from abm.rules.booking import no_show_probability

FITTED = ("no_show_intercept", "no_show_delay_effect", "no_show_delay_days")
COLUMNS = ("ScheduledDay", "AppointmentDay", "No-show")
# (label, first and last lead time in days, share in percent): evidence row E29, computed from
# Medical Appointment No Shows, Vitoria 2016
LEAD_TIME_BINS = (
    ("same day", 0, 0, 3.0), ("1-3 days", 1, 3, 26.0), ("4-7 days", 4, 7, 22.0), ("8-14 days", 8, 14, 29.0),
    ("15-30 days", 15, 30, 28.0), ("31-60 days", 31, 60, 27.0), ("over 60 days", 61, 10_000, 34.0),
)  # fmt: skip
BAND_POINTS = 5.0  # of row E29
QUADRATURE_NODES = 31  # Gauss-Hermite: exact to rounding for spreads up to 1.5 logits


@dataclasses.dataclass(frozen=True)
class NoShowFit:
    """The fitted curve.

    ``table``: estimate, standard error and bounds by parameter. ``bins``: shares in percent by lead time, with
    the verdict of evidence row E29. ``excluded``: appointments left out, being dated before their booking.
    """

    intercept: float
    delay_effect: float
    delay_days: float
    standard_errors: tuple[float, float, float]
    log_likelihood: float
    appointments: int
    excluded: int
    table: pd.DataFrame
    bins: pd.DataFrame

    def apply(self, parameters: Parameters) -> Parameters:
        """The parameters with the fitted curve."""
        values = (self.intercept, self.delay_effect, self.delay_days)
        return parameters.replace(**dict(zip(FITTED, values, strict=True)))


def marginal_no_show_share(lead_days: Any, curve: Any, parameters: Parameters) -> Any:
    """No-show share over all patients at each lead time, [L]; ``curve`` holds the three fitted parameters.

    Integrates over the patients' own log-odds (normal, ``no_show_patient_spread``) and the two equity groups.
    """
    intercept, delay_effect, delay_days = curve
    nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
    weights = weights / weights.sum()
    own = parameters.no_show_patient_spread * nodes
    patient_logit = np.concatenate([own, own + parameters.no_show_disadvantage])
    mass = np.concatenate([(1 - DISADVANTAGED_SHARE) * weights, DISADVANTAGED_SHARE * weights])
    chance = no_show_probability(np.asarray(lead_days, float), patient_logit[:, None], intercept, delay_effect,
                                 delay_days, np)  # fmt: skip
    return mass @ chance


def read_appointments(path: str | Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Lead time in calendar days [A], 1.0 where the patient did not come [A], and how many were left out.

    Left out are appointments dated before their booking. Raises ValueError with the line of a bad row.
    """
    try:
        data = pd.read_csv(path, dtype=str, usecols=lambda name: name in COLUMNS, skip_blank_lines=False)
    except pd.errors.ParserError as error:
        raise ValueError(f"{path}: not readable as CSV: {error}") from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path}: the file is empty; expected a header with {', '.join(COLUMNS)}") from None
    missing = [name for name in COLUMNS if name not in data]
    if missing:
        raise ValueError(f"{path}: line 1: no column {missing[0]!r}; expected {', '.join(COLUMNS)}")
    if data.empty:
        raise ValueError(f"{path}: no appointments below the header")
    days = []
    for name in COLUMNS[:2]:
        time = pd.to_datetime(data[name], format="ISO8601", utc=True, errors="coerce")
        _refuse_first(time.isna(), data[name], f"{path}: line {{}}: {name}: met {{!r}}, expected an ISO date")
        days.append(time.dt.normalize())
    answer = data["No-show"]
    wrong = ~answer.isin(["Yes", "No"])
    _refuse_first(wrong, answer, f"{path}: line {{}}: No-show: met {{!r}}, expected Yes or No")
    lead = (days[1] - days[0]).dt.days.to_numpy(float)
    kept = lead >= 0
    if not kept.any():
        raise ValueError(f"{path}: every appointment is dated before its booking; are the dates exchanged?")
    return lead[kept], (answer == "Yes").to_numpy(float)[kept], int((~kept).sum())


def _refuse_first(wrong: pd.Series[bool], values: pd.Series[Any], message: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong.to_numpy()))
        raise ValueError(message.format(first + 2, values.iloc[first]))


def fit_no_show(path: str | Path, parameters: Parameters | None = None) -> NoShowFit:
    """Maximum likelihood of every appointment's outcome in the three parameters of the curve.

    The model's parameters are log-odds of one patient, so the likelihood integrates over patients, with
    ``no_show_patient_spread`` and ``no_show_disadvantage`` held at the values of ``parameters`` (the defaults).
    Appointments count as independent. Standard errors come from the Hessian of the log-likelihood; they are
    NaN when an estimate lies on its bound in the parameter table. Raises ValueError on unreadable data.
    """
    parameters = parameters or Parameters()
    lead, missed, excluded = read_appointments(path)
    if missed.all() or not missed.any():
        raise ValueError(f"{path}: every appointment has the same outcome; there is no curve to fit")
    lead_values, position = np.unique(lead, return_inverse=True)
    if len(lead_values) < 3:
        raise ValueError(f"{path}: met {len(lead_values)} different lead times, expected at least 3")
    booked = np.bincount(position).astype(float)
    no_shows = np.bincount(position, missed)

    def negative_log_likelihood(curve: Any) -> float:
        share = marginal_no_show_share(lead_values, curve, parameters)
        return -float(no_shows @ np.log(share) + (booked - no_shows) @ np.log1p(-share))

    estimate = _minimum(negative_log_likelihood)
    errors = _standard_errors(negative_log_likelihood, estimate)
    table = pd.DataFrame(
        {
            "parameter": FITTED,
            "estimate": estimate,
            "standard_error": errors,
            "unit": [ENTRIES[name].unit for name in FITTED],
            "low": [ENTRIES[name].low for name in FITTED],
            "high": [ENTRIES[name].high for name in FITTED],
        }
    )
    fitted = marginal_no_show_share(lead_values, estimate, parameters)
    bins = _bins(lead_values, booked, no_shows, fitted)
    intercept, delay_effect, delay_days = (float(value) for value in estimate)
    standard_errors = (float(errors[0]), float(errors[1]), float(errors[2]))
    log_likelihood = -negative_log_likelihood(estimate)
    return NoShowFit(intercept, delay_effect, delay_days, standard_errors, log_likelihood, len(lead), excluded,
                     table, bins)  # fmt: skip


def _minimum(function: Any) -> np.ndarray:
    """The best of several descents within the table's bounds (the delay time may have several optima)."""
    bounds = [(ENTRIES[name].low, ENTRIES[name].high) for name in FITTED]
    best = None
    for delay_days in (0.2, 1.0, 4.0):
        start = [ENTRIES[FITTED[0]].default, ENTRIES[FITTED[1]].default, delay_days]
        found = minimize(function, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
        found = minimize(function, found.x, method="Nelder-Mead", bounds=bounds,
                         options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5000})  # fmt: skip
        if best is None or found.fun < best.fun:
            best = found
    assert best is not None
    if not best.success:
        raise ValueError(f"the maximum of the likelihood was not found: {best.message}")
    return np.asarray(best.x)


def _standard_errors(function: Any, estimate: np.ndarray) -> np.ndarray:
    """Square roots of the diagonal of the inverse Hessian, by central differences [3]."""
    for name, value in zip(FITTED, estimate, strict=True):
        entry = ENTRIES[name]
        if min(value - entry.low, entry.high - value) < 1e-4 * (entry.high - entry.low):
            return np.full(len(estimate), np.nan)
    steps = 1e-3 * np.maximum(np.abs(estimate), 0.1)
    moves = np.diag(steps)
    hessian = np.empty((len(estimate), len(estimate)))
    for i, one in enumerate(moves):
        for j, other in enumerate(moves):
            corners = [a * b * function(estimate + a * one + b * other) for a in (1, -1) for b in (1, -1)]
            hessian[i, j] = sum(corners) / (4 * steps[i] * steps[j])
    variance = np.diag(np.linalg.inv(hessian))
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def _bins(lead: np.ndarray, booked: np.ndarray, no_shows: np.ndarray, fitted: np.ndarray) -> pd.DataFrame:
    """Observed and fitted share by lead time, in percent; the verdict is on the fitted one."""
    rows = []
    for label, first, last, published in LEAD_TIME_BINS:
        inside = (lead >= first) & (lead <= last)
        count = booked[inside].sum()
        observed = 100 * no_shows[inside].sum() / count if count else np.nan
        share = 100 * float(fitted[inside] @ booked[inside] / count) if count else np.nan
        verdict = "no data" if not count else "holds" if abs(share - published) <= BAND_POINTS else "MISSED"
        rows.append({"lead_time": label, "appointments": int(count), "observed": observed,
                     "standard_error": np.sqrt(observed * (100 - observed) / count) if count else np.nan,
                     "fitted": share, "published": published, "low": published - BAND_POINTS,
                     "high": published + BAND_POINTS, "verdict": verdict})  # fmt: skip
    return pd.DataFrame(rows)
