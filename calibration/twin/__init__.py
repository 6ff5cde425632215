"""The streaming twin: an online filter over states, people and parameters of the whole clinic, fed by the event log.

`Twin.create(folder, log, fit=...)` begins one, `Twin.open(folder)` goes on with it, `twin.advance(log)` takes in what
is new (`twin.day`, `twin.state`, `twin.told`). `forecast(twin, months)` looks ahead. `open_twin(folder)` reads all that
a folder tells, for a page, an adviser or a notebook, as a `TwinReport`:

``report.day``        number of the last day assimilated; ``report.plan.date(day)`` is its date
``report.risk``       a row a physician: who, date, risk (mean chance of burnout, 0-1, on the morning after the last
                      day), low, median, high (5, 50, 95 %), burned_out (chance of being so by own answers as well),
                      filled (the post has a holder), change (of risk since the day before), largest_surprise (measure
                      whose value was least expected on the last day, or ""), surprise (observed less predicted, in
                      standard deviations)
``report.alerts``     a row an alert, active ones first: kind ("sensor failing" or "model drifting"), who ("" for the
                      clinic), stream, measure ("" for a sensor's whole stream), since, alarmed, ended (dates; None
                      while it lasts), active, value (chance of failing, or cumulative sum in standard deviations),
                      message
``report.freshness``  a row a stream and physician: stream, who, last (date), days_behind
``report.account``    a row a measure and fate: measure ("" for reasons that concern no measure), became ("used",
                      "down-weighted", "not believed", or why it was set aside), observations
``report.forecast``   a row a physician and horizon: who, months, date, risk, low, median, high, burned_out, stays
                      (chance that the present holder is still there; risk is that of those who are), flag
``report.drivers``    a row a physician and driver, largest contribution first: who, driver, unit, value, typical,
                      deviation, effect (change of the risk one month ahead for one standard deviation), contribution
                      (effect times (value - typical) / deviation)
``report.days``       an `xarray.Dataset` over day (with date), who, measure, stream, quantity, parameter (with unit):
                      risk, risk_low, risk_median, risk_high, burned_out, filled, effective_members [day, who]; mean,
                      deviation [day, who, quantity] (on unbounded scales: log-odds of shares, logarithms of amounts
                      plus one, standard normal traits); innovation, weight [day, measure, who] (NaN: no value);
                      failing [day, stream, who]; clinic_innovation, drift_too_high, drift_too_low (and _since, _alarm)
                      [day, measure]; parameter_low, _median, _high [day, parameter]; log_density [day]

Risk is the chance that someone with the physician's exhaustion, cynicism, motivation and change fatigue is burned out;
its interval is the members', so it holds the uncertainty of states, people and parameters. Nothing is ever NaN there:
of whom nothing is known the interval is as wide as the prior's.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calibration.twin.ahead import Forecasts, forecast
    from calibration.twin.plan import TwinError, TwinPlan
    from calibration.twin.report import TwinReport, open_twin
    from calibration.twin.twin import Twin

__all__ = ["Forecasts", "Twin", "TwinError", "TwinPlan", "TwinReport", "forecast", "open_twin"]
_HOMES = {
    "Forecasts": "ahead", "Twin": "twin", "TwinError": "plan", "TwinPlan": "plan", "TwinReport": "report",
    "forecast": "ahead", "open_twin": "report",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
