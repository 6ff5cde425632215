"""Plain words of a report, all made from its numbers: formats, the summary's sentences, warnings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
import yaml

from abm.interventions import KINDS
from abm.parameters import Parameters
from experiments import effects
from experiments.outcome_groups import MEASURES, WINDOW_DAYS, YEAR_DAYS, window_periods

MOST_SENTENCES = 6  # families with a sentence of their own; the table has the others
FEW_REPLICATES = 10  # below this Student's t interval leans on the normal form of the differences (assumed)
SETTLED = 3.0  # time constants after which 95 % of a change has happened
SHORT_WINDOW = 0.75  # of the window wanted: below it the report says so (assumed)
FEW_LEAVERS = 20.0  # a mean count below which chance is more than a fifth of it (Poisson)
NINETY = f"{100 * effects.LEVEL:.0f}\N{NO-BREAK SPACE}%"
MINUS = "\N{MINUS SIGN}"


def number(value: float, digits: int = 1) -> str:
    """A number as it is printed: thousands separated, a true minus sign, no minus zero."""
    if not np.isfinite(value):
        return effects.NOT_MEASURED
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(c in "123456789" for c in text)
    return MINUS + text if negative else text


def signed(value: float, digits: int = 1) -> str:
    """Like :func:`number`, with a plus sign before what is above zero."""
    text = number(value, digits)
    return "+" + text if value > 0 and any(c in "123456789" for c in text) else text


def interval(low: float, high: float, digits: int = 1) -> str:
    """'a to b', or 'no interval'."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return effects.NO_INTERVAL
    return f"{number(low, digits)} to {number(high, digits)}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """'a, b and c', with 'and 5 more' where there are too many."""
    shown = list(names[:most]) + ([f"{len(names) - most} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def bracket(low: float, high: float, digits: int = 1) -> str:
    """'90 % interval a to b', or 'no interval'."""
    words = interval(low, high, digits)
    return words if words == effects.NO_INTERVAL else f"{NINETY} interval {words}"


class Span(NamedTuple):
    """The time that a report covers, in days from the end of the warm-up."""

    days: int
    window_days: int

    @property
    def window_words(self) -> str:
        return "in the only period" if self.window_days == self.days else f"in the last {weeks(self.window_days)}"


def span(data: xr.Dataset) -> Span:
    """The days that ``data`` covers and those of its last window."""
    period = int(data.attrs["period_days"])
    return Span(data.sizes["day"] * period, window_periods(data) * period)


def weeks(days: float) -> str:
    """'13 weeks', or '10 days' where that is no whole number of weeks."""
    count, unit = (days / 7, "week") if days % 7 == 0 else (days, "day")
    return f"{count:.0f} {unit}{'' if count == 1 else 's'}"


def summary(outcomes: pd.DataFrame, near_best: Sequence[str], best: str | None, physicians: int,
            when: Span) -> list[str]:  # fmt: skip
    """The report's sentences, from the rows of :func:`experiments.effects.outcome_table`."""
    prevalence = outcomes[outcomes["measure"] == "burned_out"]
    base = prevalence[prevalence["scenario"] == effects.BASELINE].iloc[0]
    others = prevalence[prevalence["scenario"] != effects.BASELINE].sort_values("difference")
    if not np.isfinite(base["level"]):
        return ["Burnout prevalence was not measured, so nothing can be said of it."]
    sentences = [
        f"Without any change, {number(base['level'])}\N{NO-BREAK SPACE}% of the clinic's {physicians} physicians are "
        f"burned out {when.window_words} of the {weeks(when.days)} ({bracket(base['level_low'], base['level_high'])}; "
        f"{count(base['replicates'], 'replicate')})."
    ]
    if others.empty:
        return [*sentences, "Nothing was compared with it: the results hold the baseline alone."]
    lower, higher = (others[others["verdict"] == v] for v in (effects.LOWER, effects.HIGHER))
    sentences += _clear(lower, "lower") + _clear(higher.iloc[::-1], "higher")
    sentences += _unclear(others)
    if best is not None and best in set(lower["scenario"]):
        sentences += _trade_offs(outcomes, lower, best, near_best)
    return sentences


def _clear(rows: pd.DataFrame, direction: str) -> list[str]:
    """Rows in order of size: a sentence for the first of each family, the other scenarios in one more."""
    own = rows.drop_duplicates("family")[:MOST_SENTENCES]
    sentences = [_sentence(row, direction) for row in own.to_dict("records")]
    rest = [name for name in rows["scenario"] if name not in set(own["scenario"])]
    return sentences + ([f"It is also {direction} with {listed(rest)}."] if rest else [])


def _sentence(row: dict[str, Any], direction: str) -> str:
    ends = sorted(abs(row[end]) for end in ("low", "high"))
    return (f"With {row['scenario']}, burnout prevalence is {number(abs(row['difference']))} points {direction} "
            f"({bracket(*ends)}).")  # fmt: skip


def _unclear(others: pd.DataFrame) -> list[str]:
    words = {
        effects.NOISE: "Within noise, since the interval includes no change: {}.",
        effects.SAME: "The same as without any change, in every replicate: {}.",
        effects.NO_INTERVAL: "One replicate gives no interval, so these differences may be chance: {}.",
        effects.NOT_MEASURED: "Not measured: {}.",
    }
    sentences = []
    for verdict, form in words.items():
        rows = others[others["verdict"] == verdict].to_dict("records")
        with_size = verdict in (effects.NOISE, effects.NO_INTERVAL)
        size = lambda row: f" ({signed(row['difference'])} points)" if with_size else ""  # noqa: B023, E731
        if rows:
            sentences.append(form.format(listed([row["scenario"] + size(row) for row in rows])))
    return sentences


def _trade_offs(outcomes: pd.DataFrame, lower: pd.DataFrame, best: str, near: Sequence[str]) -> list[str]:
    table = outcomes.set_index(["measure", "scenario"])
    rest = f"; {listed(near)} cannot be told apart from it (paired interval includes zero)" if near else ""
    sentences = [f"The lowest prevalence comes with {best}{rest}."]
    for name in ("visits_kept", "net"):
        if (name, best) in table.index:
            sentences.append(f"{_effect_words(name, table.loc[(name, best)], best)}.")
    if "net" in set(outcomes["measure"]):
        net = table.loc["net"].loc[list(lower["scenario"])].dropna(subset="difference")
        cheapest = net["difference"].idxmax() if len(net) else best
        if cheapest != best:
            sentences.append(f"Of the changes that lower prevalence, {cheapest} costs the clinic least: "
                             f"{_effect_words('net', net.loc[cheapest], None)}.")  # fmt: skip
    return sentences


def _effect_words(name: str, row: Any, scenario: str | None) -> str:
    measure = MEASURES[name]
    what = {"visits_kept": "visits kept change by", "net": "income minus turnover and the change's cost moves by"}[name]
    start = f"With {scenario}, {what}" if scenario else what
    noise = "" if row["verdict"] in (effects.LOWER, effects.HIGHER, effects.NO_INTERVAL) else f"; {row['verdict']}"
    unit = f"{measure.unit_of_difference} ({bracket(row['low'], row['high'], measure.digits)}{noise})"
    return f"{start} {signed(row['difference'], measure.digits)} {unit}"


def count(of: float, noun: str) -> str:
    """'1 replicate', '12 replicates'."""
    return f"{int(of):,} {noun}{'' if int(of) == 1 else 's'}"


def used_parameters(data: xr.Dataset) -> Parameters:
    """The parameters that the store says its runs used; the defaults where it says nothing readable."""
    try:
        values = json.loads(data.attrs["parameters"])
        return Parameters().replace(**{str(k): float(v) for k, v in values.items()})
    except (KeyError, TypeError, ValueError, AttributeError):
        return Parameters()


def last_start(data: xr.Dataset) -> float:
    """Day after the warm-up on which the last change of the store's config is in full use; 0 if it cannot be read."""
    try:
        config = yaml.safe_load(data.attrs["config"])
        changes = [change for scenario in config["scenarios"] for change in scenario["interventions"]]
        return max(
            (float(c.get("start_day", 0)) + float(c.get("ramp_days", 0)) + float(c.get("decision_days", 0))
             for c in changes), default=0.0,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError):
        return 0.0


def first_use(data: xr.Dataset) -> dict[str, float]:
    """Day after the warm-up on which a scenario's first change begins, by scenario; {} if the config cannot be read."""
    try:
        config = yaml.safe_load(data.attrs["config"])
        begin = {
            str(scenario["name"]): min(float(c.get("start_day", 0)) + float(c.get("decision_days", 0))
                                       for c in scenario["interventions"])
            for scenario in config["scenarios"] if scenario.get("interventions")
        }  # fmt: skip
        families = data["family"].values if "family" in data.coords else data["scenario"].values
        return {str(s): begin.get(str(f), 0.0) for s, f in zip(data["scenario"].values, families, strict=True)}
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError):
        return {}


def warnings(data: xr.Dataset, outcomes: pd.DataFrame, fitted: Parameters | None) -> list[str]:
    """What a reader must know before trusting the numbers; ``fitted``: the parameters of the fit that is shown."""
    found = [_of_replicates(data.sizes["replicate"]), *_of_time(data), _of_leavers(data, outcomes)]
    kinds = {part for kind in outcomes["kind"] for part in str(kind).split(" + ") if part}
    found.append(
        "Money rests on assumptions: the yearly costs of the changes and the income from a visit are assumed, the cost "
        "of one physician's leaving is known only within 270,000 to 960,000 USD."
    )
    if "float_physician" in kinds:
        found.append("Visits seen by a float physician are counted as kept, but bring no income in the model.")
    free = sorted(k for k in kinds if k in KINDS and KINDS[k].cost_per_physician_year == 0)
    if free:
        found.append(
            f"No cost of its own is assumed for {listed(free)}: such a change costs the income of lost visits."
        )
    found.append(_of_the_fit(data, fitted))
    compared = data.sizes["scenario"] - 1
    if compared > 1:
        found.append(f"Of every ten 90 % intervals about one misses its true value; {compared} scenarios and "
                     f"{outcomes['measure'].nunique()} measures were looked at. The best of many looks better than it "
                     "is.")  # fmt: skip
    absent = [
        m.label for name, m in MEASURES.items() if not outcomes[outcomes["measure"] == name]["level"].notna().any()
    ]
    if absent:
        found.append(f"Not measured in these results: {listed(absent, len(absent))}.")
    return [words for words in found if words]


def _of_the_fit(data: xr.Dataset, fitted: Parameters | None) -> str:
    if fitted is not None and np.allclose(list(fitted), list(used_parameters(data)), rtol=1e-6, atol=0.0):
        return ""
    known = (
        "This report knows of no fit of the runs' parameters to a clinic's own observations"
        if fitted is None
        else "The runs did not use the parameters of the fit that is shown"
    )
    return f"{known}: read the results as what such a clinic would do, not as what yours will do."


def _of_replicates(replicates: int) -> str:
    if replicates == 1:
        return "One replicate: no interval can be given, and every difference may be chance. Run at least ten."
    if replicates < FEW_REPLICATES:
        return (
            f"Only {replicates} replicates: intervals are wide and lean on the differences being normally distributed."
        )
    return ""


def _of_time(data: xr.Dataset) -> list[str]:
    p, when = used_parameters(data), span(data)
    slowest = max(p.exhaustion_days, p.cynicism_days, p.motivation_days, p.change_days)
    found = []
    start = last_start(data)
    left = when.days - when.window_days / 2 - start
    if left < SETTLED * slowest:
        found.append(
            f"The run is short: exhaustion, cynicism, motivation and change fatigue settle over up to "
            f"{slowest:.0f} days, and only {max(left, 0):.0f} days lie between the last change's full use and the "
            f"middle of the window that is read. Later effects may differ, even in sign."
        )
    if "warm_up_days" in data.attrs and float(data.attrs["warm_up_days"]) < SETTLED * slowest:
        found.append(f"The warm-up of {int(data.attrs['warm_up_days'])} days is short against {slowest:.0f} days: the "
                     "baseline still moves by itself.")  # fmt: skip
    if when.window_days < SHORT_WINDOW * WINDOW_DAYS:
        found.append(f"States are read over {weeks(when.window_days)} only, since the run has {weeks(when.days)}.")
    return found


def _of_leavers(data: xr.Dataset, outcomes: pd.DataFrame) -> str:
    rows = outcomes[(outcomes["measure"] == "leavers") & (outcomes["scenario"] == effects.BASELINE)]
    if rows.empty or not np.isfinite(rows["level"].iloc[0]):
        return ""
    p, when = used_parameters(data), span(data)
    leavers = rows["level"].iloc[0] * when.days / YEAR_DAYS
    if when.days >= YEAR_DAYS - 1 and leavers * data.sizes["replicate"] >= FEW_LEAVERS:
        return ""
    return (
        f"Turnover takes years and is rare: a mean of {number(leavers)} physicians left in {weeks(when.days)} of the "
        f"baseline, and a vacancy lasts {p.hire_days:.0f} days. Its cost here is mostly chance."
    )


def drawn_from(data: xr.Dataset) -> str:
    """What the intervals mean, in words."""
    how = (
        f"Every scenario was run {count(data.sizes['replicate'], 'time')} with the same random draws as the baseline: "
        "the same patients, the same chance. A difference is taken pair by pair. Its interval (Student's t over "
        f"replicates, {NINETY}) is that of the mean: "
    )
    if int(data.attrs.get("clinics", 1)) > 1:
        return (
            f"{how}each replicate simulates another of {int(data.attrs['clinics'])} clinics drawn from the fit; so "
            "the mean is over what the observations leave open, and the interval is the uncertainty left by the finite "
            "number of draws and simulations. It does not hold the uncertainty of the model itself, which is larger."
        )
    return (
        f"{how}the uncertainty left by the finite number of simulations of this one clinic; more replicates make it "
        "narrower. It does not hold the uncertainty of the parameters or of the model itself, which is larger."
    )
