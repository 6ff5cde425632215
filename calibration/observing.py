"""Simulated observations: what a clinic's systems would report of it, with the faults such systems have."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from abm.draws import seed_words
from abm.layout import GENERATIONS, TRAITS, Layout
from abm.outcomes import RECORDED
from abm.parameters import Parameters
from abm.rules.burnout import burnout_index, personal_intercept
from calibration.measures import MEASURES, STREAMS, Kind, Measure, expected_value, measures_of
from calibration.observations import COLUMNS, person_ids


def _check_rates(plan: Any) -> None:
    """Raises ValueError for a share or a daily chance outside 0-1, or a negative time."""
    for field in dataclasses.fields(plan):
        value = getattr(plan, field.name)
        high = 1.0 if field.name.endswith(("_share", "_per_day")) else np.inf
        if isinstance(value, int | float) and not 0 <= value <= high:
            raise ValueError(f"{field.name}: met {value}, expected 0 to {high}")


@dataclasses.dataclass(frozen=True)
class Faults:
    """How one stream's data go missing, late, double, or wrong at first. All rates are assumed."""

    missing_share: float = 0.01  # of single values
    gap_per_day: float = 0.001  # chance a day that a person's stream falls silent
    gap_days: float = 4.0  # mean length of such a gap
    delay_hours: float = 1.0  # median time from measurement to receipt
    late_share: float = 0.02  # of days whose data come later than that
    late_days: float = 3.0  # mean extra delay of these
    duplicate_share: float = 0.01  # of values delivered twice
    correction_share: float = 0.0  # of values first delivered too low, and corrected

    def __post_init__(self) -> None:
        _check_rates(self)
        if self.gap_days < 1:
            raise ValueError(f"gap_days: met {self.gap_days}, expected 1 or more")


DELAY_SPREAD = 0.5  # log-standard deviation of the usual delay (assumed)
# Local time at which a stream's day is measured: nightly batch, end of clinic, on waking, start and end of clinic.
MEASURED_AT = {"ehr": dt.time(23, 30), "schedule": dt.time(18, 30), "wearable": dt.time(6, 30),
               "roster": dt.time(7, 0), "survey": dt.time(17, 0)}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ObservationPlan:
    """How a clinic is observed. All rates are assumed; ``first_day`` is the calendar date of day 0, a Monday."""

    first_day: dt.date = dt.date(2024, 1, 1)
    timezone: str = "UTC"  # the clinic's
    streams: tuple[str, ...] = tuple(STREAMS)
    ehr: Faults = Faults(delay_hours=3, correction_share=0.003)
    schedule: Faults = Faults(delay_hours=0.5, correction_share=0.002)
    wearable: Faults = Faults(missing_share=0.05, gap_per_day=0.01, gap_days=5, delay_hours=2, late_share=0.08)
    roster: Faults = Faults(missing_share=0, gap_per_day=0, delay_hours=0.2, late_share=0.01)
    survey: Faults = Faults(missing_share=0.02, gap_per_day=0, delay_hours=0.1, late_share=0.05)
    wearable_share: float = 0.8  # of physicians who wear a sensor
    failing_sensor_share: float = 0.1  # of sensors that fail for good on some day
    stuck_share: float = 0.5  # of failed sensors that repeat their last values; the others count and find nothing
    unnoticed_share: float = 0.5  # of failed sensors whose values are marked good; the others' are suspect
    survey_days: int = 28  # between pulse surveys
    survey_response_share: float = 0.7  # of physicians who answer a survey

    def __post_init__(self) -> None:
        _check_rates(self)
        if self.first_day.weekday() != 0:
            raise ValueError(f"first_day: met {self.first_day:%A %Y-%m-%d}, expected a Monday")
        if self.survey_days < 7:
            raise ValueError(f"survey_days: met {self.survey_days}, expected 7 or more")
        for name in self.streams:
            if name not in STREAMS:
                raise ValueError(f"streams: met {name!r}, expected some of {', '.join(STREAMS)}")


class Observed(NamedTuple):
    """Observations with what only a simulation knows. ``failed_sensors``: who, day from which on, kind, quality;
    ``baselines``: own level by measure [GENERATIONS, N], of a post's first holder and of the successors."""

    observations: pd.DataFrame
    failed_sensors: pd.DataFrame
    baselines: dict[str, np.ndarray]


def observe(run: Any, layout: Layout, parameters: Parameters, seed: Any, plan: ObservationPlan | None = None,
            *, generation: Any = 0) -> pd.DataFrame:  # fmt: skip
    """The observation table of a simulated clinic, in order of receipt; see `observe_with_truth`."""
    return observe_with_truth(run, layout, parameters, seed, plan, generation=generation).observations


def observe_with_truth(run: Any, layout: Layout, parameters: Parameters, seed: Any,
                       plan: ObservationPlan | None = None, *, generation: Any = 0) -> Observed:  # fmt: skip
    """What the streams report of a clinic's daily run in the exact mode, and the faults behind it.

    EHR minutes and the schedule are reported on session days, messages, access and the roster on weekdays, the
    sensor every day, surveys on the last session day of every ``plan.survey_days``. A post keeps its identifier
    when its holder changes; baselines and personal intercept are the holder's. A vacant post reports only that.

    Args:
        run: a `Run`, its physicians' records, or a Dataset; one period a day and no leading axis.
        seed: an integer or a JAX key; equal seeds give equal tables. Streams draw independently of one another.
        generation: hires into each post before the run's first day, [N] or one number.
    """
    plan = plan or ObservationPlan()
    records, first_day = _records(run, layout)
    words = [int(word) for word in seed_words(seed)]
    before = np.cumsum(records["hired"], axis=0) - records["hired"]
    holder = np.minimum(generation + before, GENERATIONS - 1).astype(int)
    rng = np.random.default_rng([*words, len(STREAMS)])
    baselines = {m.name: _baselines(m, rng, layout.physicians) for m in MEASURES.values() if m.personal}
    sensors = _sensors(rng, plan, *holder.shape)
    parts = []
    for number, stream in enumerate(STREAMS):
        if stream not in plan.streams:
            continue
        rng = np.random.default_rng([*words, number])
        reports = _reports(stream, records, first_day, plan, rng, sensors)
        feed = _feed(rng, getattr(plan, stream), *holder.shape)
        for measure in measures_of(stream):
            value = _noisy(measure, _truth(measure, records, holder, baselines, layout, parameters), rng)
            there = reports & _applies(measure, records, first_day)
            suspect = np.zeros_like(there)
            if stream == "wearable":
                value, there, suspect = _fail(measure, value, there, sensors)
            parts.append(_deliveries(measure, value, there, suspect, feed))
    table = _table(parts, layout, first_day, plan)
    return Observed(table, _failed_sensors(sensors, len(holder), first_day, layout), baselines)


def _records(run: Any, layout: Layout) -> tuple[dict[str, np.ndarray], int]:
    """(records [days, N] in float64, the first day's number)."""
    period_days = getattr(run, "attrs", {}).get("period_days", 1)
    if period_days != 1:
        raise ValueError(f"run: met periods of {period_days} days, expected period_days=1")
    source: Mapping[str, Any] = getattr(run, "physicians", run)
    for name in RECORDED:
        if name not in source:
            raise ValueError(f"run: met no outcome {name!r}, expected all records of the physicians")
    records = {name: np.asarray(source[name], dtype=float) for name in RECORDED}
    shape = records["employed"].shape
    if len(shape) != 2 or shape[1] != layout.physicians:
        raise ValueError(f"run: met records of shape {shape}, expected (days, {layout.physicians})")
    if not np.isin(records["employed"], (0.0, 1.0)).all():
        raise ValueError("run: met posts that are filled in part, expected a run in the exact mode")
    return records, int(run["day"][0]) if hasattr(run, "coords") else 0


def _baselines(measure: Measure, rng: np.random.Generator, physicians: int) -> np.ndarray:
    own = measure.personal
    assert own is not None
    z = rng.standard_normal((GENERATIONS, physicians))
    if measure.kind is Kind.LOGNORMAL:
        return own.baseline * np.exp(own.spread * z)
    return own.baseline + own.spread * z


class _Sensors(NamedTuple):
    """By physician [N]: worn at all, day of failure (the run's length: never), finds nothing, marked suspect."""

    worn: np.ndarray
    day: np.ndarray
    dead: np.ndarray
    suspect: np.ndarray


def _sensors(rng: np.random.Generator, plan: ObservationPlan, days: int, physicians: int) -> _Sensors:
    u = rng.random((5, physicians))
    on_some_day = 1 + np.floor(u[2] * (days - 1)).astype(int)  # never the first: a stuck sensor had a last value
    day = np.where(u[1] < plan.failing_sensor_share, on_some_day, days)
    return _Sensors(u[0] < plan.wearable_share, day, u[3] >= plan.stuck_share, u[4] >= plan.unnoticed_share)


def _fail(measure: Measure, value: np.ndarray, there: np.ndarray,
          sensors: _Sensors) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Values, presence and suspicion of a sensor's measure, failures included.

    A dead sensor counts no steps and no sleep, and finds no heart beat to report.
    """
    failed = np.arange(len(value))[:, None] >= sensors.day
    last = value[sensors.day - 1, np.arange(value.shape[1])]
    value = np.where(failed, np.where(sensors.dead, 0.0, last), value)
    silent = failed & sensors.dead & (measure.low > 0)
    return value, there & ~silent, failed & sensors.suspect


def _failed_sensors(sensors: _Sensors, days: int, first_day: int, layout: Layout) -> pd.DataFrame:
    bad = np.flatnonzero(sensors.worn & (sensors.day < days))
    return pd.DataFrame({
        "who": np.array(person_ids(layout.physicians))[bad],
        "day": first_day + sensors.day[bad],
        "kind": np.where(sensors.dead[bad], "dead", "stuck"),
        "quality": np.where(sensors.suspect[bad], "suspect", "good"),
    })  # fmt: skip


def _gaps(rng: np.random.Generator, faults: Faults, days: int, physicians: int) -> np.ndarray:
    """True [days, N] where a person's stream is silent: starts at random, ends with chance 1/gap_days a day."""
    u = rng.random((days, physicians))
    silent = np.zeros((days, physicians), bool)
    now = silent[0]
    for day in range(days):
        now = np.where(now, u[day] >= 1.0 / faults.gap_days, u[day] < faults.gap_per_day)
        silent[day] = now
    return silent


def _reports(stream: str, records: Mapping[str, np.ndarray], first_day: int, plan: ObservationPlan,
             rng: np.random.Generator, sensors: _Sensors) -> np.ndarray:  # fmt: skip
    """True [days, N] where the stream reports of someone at all."""
    there = ~_gaps(rng, getattr(plan, stream), *records["employed"].shape)
    if stream != "roster":
        there &= records["employed"] > 0.5
    if stream == "wearable":
        there &= sensors.worn
    if stream == "survey":
        there &= _answers(records["on_duty"] > 0.5, first_day, plan, rng)
    return there


def _answers(on_duty: np.ndarray, first_day: int, plan: ObservationPlan, rng: np.random.Generator) -> np.ndarray:
    """True on the day of an answer: the last session day of each whole survey period, if there is an answer."""
    days, physicians = on_duty.shape
    length = plan.survey_days
    answers = np.zeros(on_duty.shape, bool)
    for start in range(-first_day % length, days - length + 1, length):
        period = on_duty[start : start + length]
        last = start + length - 1 - np.argmax(period[::-1], axis=0)
        willing = rng.random(physicians) < plan.survey_response_share
        answers[last, np.arange(physicians)] = willing & period.any(axis=0)
    return answers


def _applies(measure: Measure, records: Mapping[str, np.ndarray], first_day: int) -> np.ndarray:
    """True [days, N] where a measure has a value."""
    on_duty, employed = records["on_duty"] > 0.5, records["employed"] > 0.5
    weekday = ((first_day + np.arange(len(on_duty))) % 7 < 5)[:, None] & np.ones_like(on_duty)
    if measure.stream == "roster":
        return weekday if measure.name == "employed" else weekday & employed
    if measure.name in ("message_count", "third_next_available_days"):
        return weekday
    return on_duty if measure.stream in ("ehr", "schedule") else np.ones_like(on_duty)


def _truth(measure: Measure, records: Mapping[str, np.ndarray], holder: np.ndarray,
           baselines: Mapping[str, np.ndarray], layout: Layout, parameters: Parameters) -> np.ndarray:  # fmt: skip
    """What a perfect instrument would show, [days, N]."""
    physicians = np.arange(layout.physicians)
    if measure.kind is Kind.ORDINAL:
        p, r = parameters, records
        index = burnout_index(r["exhaustion"], r["cynicism"], r["motivation"], r["change_fatigue"], p)
        trait = np.asarray(layout.traits)[: layout.physicians, :, TRAITS.index("intercept")]
        latent = index + personal_intercept(trait[physicians, holder])
        thresholds = (p.burnout_threshold_2, p.burnout_threshold_3, p.burnout_threshold_4, p.burnout_threshold_5)
        return 1.0 + sum((latent > threshold).astype(float) for threshold in thresholds)
    own = baselines[measure.name][holder, physicians] if measure.personal else None
    return np.asarray(expected_value(measure, records, np, own))


def _noisy(measure: Measure, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Truth with noise, rounded and inside the measure's range."""
    z = rng.standard_normal(truth.shape)
    if measure.kind is Kind.LOGNORMAL:
        truth = truth * np.exp(measure.noise * z)
    elif measure.kind is Kind.NORMAL:
        truth = truth + measure.noise * z
    if measure.step:
        truth = measure.step * np.round(truth / measure.step)
    return np.clip(truth, measure.low, measure.high) + 0.0  # no negative zero


class _Feed(NamedTuple):
    """How one stream's data travel: all values of a person and day together, ``delay`` [days, N] in seconds."""

    rng: np.random.Generator
    faults: Faults
    delay: np.ndarray


def _feed(rng: np.random.Generator, faults: Faults, days: int, physicians: int) -> _Feed:
    shape = (days, physicians)
    hours = faults.delay_hours * np.exp(DELAY_SPREAD * rng.standard_normal(shape))
    late = rng.random(shape) < faults.late_share
    hours += 24 * np.where(late, faults.late_days * rng.standard_exponential(shape), 0.0)
    return _Feed(rng, faults, np.ceil(3600 * hours).astype("timedelta64[s]"))


def _deliveries(measure: Measure, value: np.ndarray, there: np.ndarray, suspect: np.ndarray,
                feed: _Feed) -> dict[str, Any]:  # fmt: skip
    """Rows of one measure as arrays [n]: day, physician, value, suspect, delay."""
    rng, faults, delay = feed.rng, feed.faults, feed.delay
    u = rng.random((4, *value.shape))
    again = np.ceil(86_400 * rng.standard_exponential(value.shape)).astype("timedelta64[s]")  # a day later (assumed)
    sent = there & (u[0] >= faults.missing_share)
    # a first, incomplete total; the right one follows
    partial = measure.step * np.floor(value * u[3] / measure.step) if measure.step else value
    corrected = sent & (u[1] < faults.correction_share) & (partial < value) & (partial >= measure.low)
    twice = corrected | (sent & (u[2] < faults.duplicate_share))
    first = np.where(corrected, partial, value)
    day, physician = (np.concatenate(axes) for axes in zip(np.nonzero(sent), np.nonzero(twice), strict=True))
    return {
        "measure": measure, "day": day, "physician": physician,
        "value": np.concatenate([first[sent], value[twice]]),
        "suspect": suspect[day, physician],
        "delay": np.concatenate([delay[sent], (delay + again)[twice]]),
    }  # fmt: skip


def _table(parts: list[dict[str, Any]], layout: Layout, first_day: int, plan: ObservationPlan) -> pd.DataFrame:
    """All rows in order of receipt."""
    measures: list[Measure] = [part["measure"] for part in parts]
    sizes = [len(part["day"]) for part in parts]

    def together(name: str) -> np.ndarray:
        return np.concatenate([part[name] for part in parts])

    def instants(times: np.ndarray) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(times.astype("datetime64[us]")).tz_localize("UTC")

    measured = np.concatenate([_measured_at(part["measure"], first_day + part["day"], plan) for part in parts])
    received = measured + together("delay")
    table = pd.DataFrame({
        "who": np.array(person_ids(layout.physicians))[together("physician")],
        "stream": np.repeat([m.stream for m in measures], sizes),
        "measure": np.repeat([m.name for m in measures], sizes),
        "measured_at": instants(measured),
        "received_at": instants(received),
        "value": together("value"),
        "unit": np.repeat([m.unit for m in measures], sizes),
        "quality": np.where(together("suspect"), "suspect", "good"),
    })[list(COLUMNS)]  # fmt: skip
    return table.iloc[np.argsort(received, kind="stable")].reset_index(drop=True)


def _measured_at(measure: Measure, day: np.ndarray, plan: ObservationPlan) -> np.ndarray:
    """Instants in UTC (datetime64[s]) of the local times of measurement on day numbers [n]."""
    days, position = np.unique(day + measure.days_after, return_inverse=True)
    clock = MEASURED_AT[measure.stream]
    local = np.datetime64(plan.first_day) + days + np.timedelta64(60 * clock.hour + clock.minute, "m")
    is_summer_time = np.zeros(len(days), bool)  # where the clocks go back at that hour
    instants = pd.DatetimeIndex(local.astype("datetime64[s]")).tz_localize(
        plan.timezone, ambiguous=is_summer_time, nonexistent="shift_forward"
    )
    return instants.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")[position]
