"""A twin's folder: what it is of, states to go on from, and what it told on each day.

    twin.yaml             the plan, and how far the log is taken in
    clinic.yaml, .csv     who works there
    states/day-00012.npz  the state after a day; day--0001 before the first
    days/day-00012.npz    what the twin told of a day (`calibration.twin.step.Told`)
    *.csv                 freshness, account; forecast and drivers if they were asked for

Every file is written whole or not at all. States and days that a late value makes wrong are removed before the log's
new sequence number is noted, and made again after it: whenever the twin is killed, what lies in the folder is right for
the number noted, or is missing.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml

from abm.parameters import NAMES, Parameters, from_mapping
from calibration.clinic import load_clinic, save_clinic
from calibration.twin.checkpoints import read_arrays, read_state, to_keep, write_arrays, write_bytes, write_state
from calibration.twin.decided import as_plain, from_plain
from calibration.twin.plan import TwinError, TwinPlan
from calibration.twin.step import Told, TwinState

FORMAT = 1
_TEXTS = ("who", "stream", "measure", "became", "flag", "driver", "unit")
_DATES = ("date", "last")
PLAN, STATES, DAYS = "twin.yaml", "states", "days"


class Noted(NamedTuple):
    """How far the log is taken in: everything up to a sequence number of the log with that identity."""

    log: str  # the file's name, to be told apart from another log; empty for observations given by hand
    sequence: int


class Store:
    """A folder of a twin, of one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Whether there is a twin in the folder."""
        return (self.folder / PLAN).is_file()

    def create(self, plan: TwinPlan, start: TwinState, noted: Noted) -> None:
        """Lay out the folder; twin.yaml comes last, so that a folder that has one is complete."""
        for part in (STATES, DAYS):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        save_clinic(plan.clinic, self.folder)
        self.write(start, None)
        self.note(plan, noted)

    def note(self, plan: TwinPlan, noted: Noted) -> None:
        """Write the plan and how far the log is taken in."""
        differs = {n: float(v) for n in NAMES if (v := getattr(plan.base, n)) != getattr(Parameters(), n)}
        content = {
            "format": FORMAT, "members": plan.members, "seed": plan.seed, "first_day": plan.first_day.isoformat(),
            "timezone": plan.timezone, "warm_up_days": plan.warm_up_days, "estimated": list(plan.names),
            "parameters": differs, "log": noted.log, "sequence": noted.sequence,
            "interventions": [as_plain(change) for change in plan.interventions],
        }  # fmt: skip
        write_bytes(self.folder / PLAN, yaml.safe_dump(content, sort_keys=False).encode())

    def read(self) -> tuple[TwinPlan, Noted]:
        """The plan, and how far the log is taken in. Raises TwinError on a folder of something else."""
        path = self.folder / PLAN
        if not path.is_file():
            raise TwinError(f"{self.folder}: met no file {PLAN}, expected a folder written by `clinictwin twin`")
        try:
            c = yaml.safe_load(path.read_text(encoding="utf-8"))
            if not isinstance(c, dict) or c.get("format") != FORMAT:
                raise TwinError(
                    f"{path}: expected a mapping with format: {FORMAT}; begin the twin anew in another folder"
                )
            plan = TwinPlan(
                load_clinic(self.folder), dt.date.fromisoformat(c["first_day"]), tuple(c["estimated"]),
                from_mapping(c["parameters"], where=f"{path}: "), int(c["members"]), int(c["seed"]),
                str(c["timezone"]), int(c["warm_up_days"]),
                tuple(from_plain(said) for said in c.get("interventions") or ()),
            )  # fmt: skip
            return plan, Noted(str(c["log"]), int(c["sequence"]))
        except (KeyError, TypeError, yaml.YAMLError) as error:
            raise TwinError(f"{path}: not as a twin writes it ({error!r})") from None

    def write(self, state: TwinState, told: Told | None) -> None:
        """Keep a state, and what was told with it."""
        if told is not None:
            self.write_told(state.day, told)
        write_state(state, self.folder / STATES / _name(state.day))

    def write_told(self, day: int, told: Told) -> None:
        """Keep what was told of a day."""
        write_arrays(self.folder / DAYS / _name(day), {n: np.asarray(v) for n, v in told._asdict().items()})

    def forget_from(self, day: int) -> None:
        """Remove states and days from a day on."""
        for part in (STATES, DAYS):
            for number in sorted(self._days(part), reverse=True):
                if number >= day:
                    (self.folder / part / _name(number)).unlink()

    def thin(self, newest: int) -> None:
        """Remove the states that need not be kept any more."""
        days = self._days(STATES)
        for day in set(days) - to_keep(days, newest):
            (self.folder / STATES / _name(day)).unlink()

    def states(self, rows: list[slice]) -> dict[int, TwinState]:
        """All states kept, by day; of which everything before was told as well."""
        told = self._days(DAYS)
        return {
            day: read_state(self.folder / STATES / _name(day), rows)
            for day in sorted(self._days(STATES))
            if day < 0 or set(range(day + 1)) <= told
        }

    def told(self) -> dict[int, Told]:
        """What was told, by day, without gaps from day 0."""
        days = self._days(DAYS)
        found = {}
        for day in range(len(days)):
            if day not in days:
                break
            with read_arrays(self.folder / DAYS / _name(day)) as arrays:
                found[day] = Told(**{name: arrays[name] for name in Told._fields})
        return found

    def write_tables(self, tables: dict[str, pd.DataFrame]) -> None:
        """Write tables as CSV beside the plan, each whole or not at all."""
        for name, table in tables.items():
            write_bytes(self.folder / f"{name}.csv", table.to_csv(index=False).encode())

    def table(self, name: str) -> pd.DataFrame:
        """A table that was written; empty if none was."""
        path = self.folder / f"{name}.csv"
        if not path.is_file():
            return pd.DataFrame()
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str), parse_dates=False)
        for column in table.columns.intersection(list(_TEXTS)):
            table[column] = table[column].fillna("")
        for column in table.columns.intersection(list(_DATES)):
            table[column] = [dt.date.fromisoformat(d) if isinstance(d, str) else None for d in table[column]]
        return table

    def _days(self, part: str) -> set[int]:
        return {int(p.stem.removeprefix("day-")) for p in (self.folder / part).glob("day-*.npz")}


def _name(day: int) -> str:
    return f"day-{day:05d}.npz"
