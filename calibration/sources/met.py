"""What an extract turned out to hold: kinds of values by column, units and codes by measure, so that a change shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

NOTHING, SEVERAL = "nothing", "values of several kinds"
SAMPLED = 200  # values of a column looked at in one batch: kinds do not change from row to row
MOST_NAMES = 20  # units or codes kept of one measure
MOST_COLUMNS, NAME_CHARACTERS = 500, 80  # kept of a description
_MOSTLY = 0.9  # share of the values that says what a column holds (assumed: a few broken cells are no change of type)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", re.ASCII)
_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[T ]\d{1,2}:\d{2}[\d:.,]*\s?([AaPp][Mm])?(Z|z|[+-]\d{2}:?\d{2})?",
                   re.ASCII)  # fmt: skip
_PLAIN = re.compile(r"[\w./%{}\-]{1,40}")  # a unit or a code; nothing else is kept


class Met:
    """Counts what is met while an extract is read."""

    def __init__(self) -> None:
        self._kinds: dict[str, Counter[str]] = {}
        self._units: dict[str, set[str]] = {}
        self._codes: dict[str, set[str]] = {}

    def columns(self, columns: Mapping[str, Any], missing: Iterable[str]) -> None:
        """Look at some values [n] of each column; ``missing`` are the texts that mean: not observed."""
        nothing = {"", *missing}
        for name, values in columns.items():
            step = max(1, len(values) // SAMPLED)
            counter = self._kinds.setdefault(name, Counter())
            counter.update(kind_of(value, nothing) for value in list(values[::step])[:SAMPLED])

    def units(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note (measure, unit) as they came."""
        _note(self._units, pairs)

    def codes(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note (measure, code) as they came."""
        _note(self._codes, pairs)

    def describe(self, description: Mapping[str, Any]) -> dict[str, Any]:
        """A source's description with what was met: a list of columns gets the kinds of their values."""
        columns = description.get("columns", ())
        kinds = columns if isinstance(columns, Mapping) else {name: self._kind(name) for name in columns}
        columns = {name[:NAME_CHARACTERS]: kind for name, kind in list(kinds.items())[:MOST_COLUMNS]}
        said = {"units": self._units, "codes": self._codes}
        listed = {key: {m: sorted(names) for m, names in sorted(of.items())} for key, of in said.items() if of}
        return {**description, **({"columns": columns} if columns else {}), **listed}

    def _kind(self, column: str) -> str | None:
        """What a column holds; None if no value was looked at."""
        counted = self._kinds.get(column)
        if not counted:
            return None
        something = {kind: n for kind, n in counted.items() if kind != NOTHING}
        if not something:
            return NOTHING
        kind, most = max(something.items(), key=lambda item: item[1])
        return kind if most >= _MOSTLY * sum(something.values()) else SEVERAL


def kind_of(value: Any, nothing: set[str]) -> str:
    """What a raw value is, in a word for people."""
    if isinstance(value, str):
        text = value.strip()
        if text in nothing:
            return NOTHING
        if _NUMBER.fullmatch(text):
            return "numbers"
        if _DATE.fullmatch(text):
            return "dates"
        if (time := _TIME.fullmatch(text)) is not None:
            return "times" if time.group(2) else "times without an offset from UTC"
        return "texts"
    if value is None or value is pd.NaT or value != value:
        return NOTHING
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return "numbers"
    return "times" if isinstance(value, pd.Timestamp | np.datetime64) else "texts"


def _note(kept: dict[str, set[str]], pairs: Iterable[tuple[str, str]]) -> None:
    for measure, name in pairs:
        names = kept.setdefault(measure, set())
        if len(names) < MOST_NAMES and _PLAIN.fullmatch(name):
            names.add(name)
