"""What an advice says in sentences: what a change works through, what speaks against it, how it is taken back."""

from __future__ import annotations

import pandas as pd

from abm.interventions import KINDS
from experiments.decisions.evidence import TOO_SMALL
from experiments.decisions.options import Option
from experiments.decisions.policies import POLICIES
from experiments.effects import NOISE, SAME
from experiments.outcome_groups import MEASURES
from experiments.report_words import listed, number, signed

# What lies between a change and the burnout risk: the model's path from work to strain.
MECHANISMS = ("evening_work", "workday", "ehr_time_8", "task_load", "sleep", "exhaustion", "motivation")
MOST_MECHANISMS, MOST_DRIVERS, MOST_OBJECTIONS = 3, 3, 5


def change_words(row: pd.Series) -> str:
    """'Evening work -21 min a session day (-24 to -18)' of a row of the effects."""
    measure = MEASURES[row["measure"]]
    digits, label = measure.digits, str(row["label"])
    return (f"{label} {signed(row['difference'], digits)} {measure.unit_of_difference} "
            f"({signed(row['low'], digits)} to {signed(row['high'], digits)})")  # fmt: skip


def is_shown(row: pd.Series) -> bool:
    """Whether a difference is more than zero at the digits it is shown with."""
    return bool(abs(row["difference"]) >= 0.5 * 10.0 ** -MEASURES[row["measure"]].digits)


def drivers_words(effects: pd.DataFrame, reached: list[str], drivers: pd.DataFrame) -> str:
    """What an option works through, by the rows of its effects, and what raises the risks of those it reaches."""
    rows = effects[effects["measure"].isin(MECHANISMS) & (effects["reading"] == "better")]
    rows = rows[rows.apply(is_shown, axis=1)] if len(rows) else rows
    scale = (rows["high"] - rows["low"]).clip(lower=1e-12)
    rows = rows.assign(clear=rows["difference"].abs() / scale).sort_values("clear", ascending=False)
    through = [change_words(row) for _, row in rows.head(MOST_MECHANISMS).iterrows()]
    parts = (
        [f"works through: {'; '.join(through)}"]
        if through
        else ["works through nothing that is beyond noise and large enough to show"]
    )
    if len(drivers):
        raising = _raising(drivers[drivers["who"].isin(reached)].groupby("driver")["contribution"].sum() / len(reached))
        parts += [f"what raises these risks most: {raising}"] if raising else []
    return ". ".join(parts)


def against_words(option: Option, effects: pd.DataFrame, yearly_cost: float) -> str:
    """What speaks against an option, by the rows of its effects."""
    risk = effects[effects["measure"] == "burnout_risk"].iloc[0]
    said = []
    if risk["verdict"] in (NOISE, SAME):
        said.append("its effect on the burnout risk cannot be told from noise")
    elif risk["verdict"] == TOO_SMALL:
        said.append("its effect on the burnout risk is too small to matter")
    elif risk["reading"] == "worse":
        said.append("it raises the burnout risk")
    worse = effects[(effects["reading"] == "worse") & ~effects["measure"].isin(["burnout_risk", "intervention_cost"])]
    said += [change_words(row) for _, row in worse.iterrows() if is_shown(row)][:MOST_OBJECTIONS]
    if yearly_cost:
        said.append(f"costs {number(yearly_cost, 0)} USD a year in full use (assumed)")
    if KINDS[option.kind].needs_adoption:
        said.append("helps only as far as people take it up, and learning it costs them time")
    return "; ".join([*said, POLICIES[option.kind].caution])


def undo_words(option: Option) -> str:
    """How and until when an option is taken back."""
    policy = POLICIES[option.kind]
    until = "any time" if policy.undo_days is None else f"until {policy.undo_days} days after the start"
    return f"{until}: {policy.undo}; it ends {policy.notice_days} days after (days are assumed)"


def nothing_words(effects: pd.DataFrame) -> str:
    """What doing nothing means, by the rows of its effects."""
    risk = effects[effects["measure"] == "burnout_risk"].iloc[0]
    return (f"the burnout risk stays at {number(risk['level'])} % ({number(risk['level_low'])} to "
            f"{number(risk['level_high'])})")  # fmt: skip


def risk_drivers(drivers: pd.DataFrame) -> dict[str, str]:
    """By physician, what raises the risk most, from a twin's table of drivers; empty without one."""
    if drivers.empty:
        return {}
    by_person = {str(who): _raising(own.set_index("driver")["contribution"]) for who, own in drivers.groupby("who")}
    return {who: raising for who, raising in by_person.items() if raising}


def _raising(contributions: pd.Series) -> str:
    """The largest contributions above zero in words, of a series by driver."""
    largest = contributions[contributions > 0].sort_values(ascending=False).head(MOST_DRIVERS)
    return listed([f"{name} ({signed(100 * value)} points)" for name, value in largest.items()]) if len(largest) else ""
