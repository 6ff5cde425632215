"""Records of an extract, read with a mapping: columns of raw values become observations and refusals."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from collections.abc import Mapping as Dict
from typing import Any

import numpy as np
import pandas as pd

from abm.spelling import nearest
from calibration.measures import MEASURES
from calibration.pseudonyms import EXPECTED, Pseudonyms, at_the_door
from calibration.sources import units
from calibration.sources.base import BATCH_ROWS, OFFSET, PART, Batch, Refused, observation_table
from calibration.sources.mapping import Cell, Mapping, Named
from calibration.sources.met import Met
from calibration.sources.times import read_times, shown

# Of a refused record only these texts are stored: numbers and times, and codes of one word.
_NUMBER_OR_TIME = re.compile(r"(?=.*\d)[\d\s.,:+\-/%TZtzeE]{1,40}|[A-Za-z/]{0,4}|[-?]", re.ASCII)
CODE = re.compile(r"[\w./%{}\-]{0,40}")
NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
RECEIVED = "(received)"  # among the stored texts: when the material was received, if no column says so
Columns = Dict[str, Any]  # a column's raw values [n], by its name


@dataclasses.dataclass(frozen=True)
class Reading:
    """A mapping with what it needs besides: when the material was received, and the key for people's names."""

    mapping: Mapping
    received_at: dt.datetime
    pseudonyms: Pseudonyms | None = None
    zone: str | None = None  # instead of the mapping's
    renamed: bool = False  # people and events are pseudonyms already: a second try
    met: Met = dataclasses.field(default_factory=Met, compare=False)  # filled while it is used

    def batches(self, columns: Columns, offsets: np.ndarray) -> Iterator[Batch]:
        """Observations of records [n], in batches of bounded size."""
        step = max(1, BATCH_ROWS // max(1, len(self.mapping.measures or "1")))
        for start in range(0, len(offsets), step):
            part = slice(start, start + step)
            some = {name: values[part] for name, values in columns.items()}
            self.met.columns(some, self.mapping.missing)
            yield _Records(self, some, offsets[part]).batch()


class _Records:
    """Some records, their common columns read."""

    def __init__(self, reading: Reading, columns: Columns, offsets: np.ndarray) -> None:
        self.reading, self.mapping, self.columns, self.offsets = reading, reading.mapping, columns, offsets
        self.reasons: dict[int, str] = {}
        self.who = self._people()
        self.measured = self._times("time", self.mapping.time)
        if self.mapping.received is None:
            instant = pd.Timestamp(reading.received_at).tz_convert("UTC").as_unit("us")
            self.received = pd.DatetimeIndex(np.full(len(offsets), instant.to_datetime64())).tz_localize("UTC")
        else:
            self.received = self._times("received", self.mapping.received)
        self.quality = self._names(self.mapping.quality, "good")
        self.part = self._parts()

    def batch(self) -> Batch:
        """Their observations and refusals."""
        fine = np.ones(len(self.offsets), bool)
        fine[list(self.reasons)] = False
        refused = [Refused(int(self.offsets[i]), why, "", "", self._fields(i, None)) for i, why in self.reasons.items()]
        tables, origins = [], []
        for field, cell, measure in self._cells():
            table, rows, more = self._observations(field, cell, measure, fine)
            tables.append(table)
            origins.append((field, rows))
            refused += more
        ends = np.cumsum([len(rows) for _, rows in origins])

        def fields(row: int) -> tuple[str, Dict[str, str] | None]:
            k = int(np.searchsorted(ends, row, side="right"))
            field, rows = origins[k]
            texts = self._fields(int(rows[row - (ends[k] - len(rows))]), field)
            return (field if self.mapping.layout == "wide" else ""), texts

        table = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
        return Batch(table, sorted(refused, key=lambda r: r.offset), fields=fields)

    def _cells(self) -> Iterator[tuple[str, Cell | None, np.ndarray]]:
        """(column of the values, how the mapping describes it, measure [n])."""
        n = len(self.offsets)
        if self.mapping.layout == "long":
            assert self.mapping.value is not None
            measure = self._names(self.mapping.measure, "")
            self._note_codes(measure)
            yield self.mapping.value.column, None, measure
            return
        for name, cell in (self.mapping.measures or {}).items():
            yield cell.column, cell, np.full(n, name, dtype=object)

    def _observations(self, column: str, cell: Cell | None, measure: np.ndarray,
                      fine: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, list[Refused]]:  # fmt: skip
        """(observations, the records they are of, refusals) of one column of values."""
        raw = self.columns[column]
        value, missing = read_numbers(raw, self.mapping)
        wanted = np.array([MEASURES[m].unit if m in MEASURES else "" for m in measure], dtype=object)
        given = np.full(len(raw), cell.unit, dtype=object) if cell is not None else self._units()
        value, bad_unit = _convert(value, given, wanted)
        here = fine & ~missing
        self.reading.met.units(_distinct(measure[here], given[here]))
        no_measure = here & (wanted == "")
        bad_unit &= here & ~no_measure
        no_number = here & ~np.isfinite(value) & ~bad_unit & ~no_measure
        refused = []
        for i in np.flatnonzero(no_measure | no_number | bad_unit).tolist():
            if no_measure[i]:
                hint = nearest(measure[i], list(MEASURES))
                why = f"measure: met {measure[i]!r}, which is no measure{hint}; name it in the mapping's measure: names"
            elif bad_unit[i]:
                expected = ", ".join(units.known_units(wanted[i]))
                why = f"unit: met {_code(str(given[i]))!r} of {measure[i]}, expected {expected}"
            else:
                why = f"value: met {shown(raw[i])}, expected a finite number"
            of = MEASURES[measure[i]].stream if measure[i] in MEASURES else ""
            field = column if cell is not None else ""
            refused.append(Refused(int(self.offsets[i]), why, field, of, self._fields(i, column)))
        rows = np.flatnonzero(here & ~no_measure & ~no_number & ~bad_unit)
        stream = [MEASURES[m].stream for m in measure[rows]]
        table = observation_table({
            "who": self.who[rows],
            "stream": stream if self.mapping.stream is None else self._names(self.mapping.stream, "")[rows],
            "measure": measure[rows], "measured_at": self.measured[rows], "received_at": self.received[rows],
            "value": value[rows], "unit": wanted[rows],
            "quality": self.quality[rows], OFFSET: self.offsets[rows],
            **({} if self.part is None else {PART: self.part[rows]}),
        })  # fmt: skip
        return table, rows, refused

    def _people(self) -> np.ndarray:
        person = self.mapping.who
        code, names = pd.factorize(_texts(self.columns[person.column]))
        keep = person.already_pseudonymous or self.reading.renamed
        renamed = at_the_door(names, self.reading.pseudonyms, keep=keep)
        who = np.array([renamed[name] for name in names], dtype=object)[code]
        blank = np.array([name.strip() == "" for name in names], bool)[code]
        for i in np.flatnonzero(who == None).tolist():  # noqa: E711
            expected = EXPECTED if keep else "an identifier"
            hint = "" if blank[i] or self.reading.pseudonyms else "; give a pseudonym key so that people are renamed"
            self.reasons[i] = f"who: met {'nothing' if blank[i] else 'no pseudonym'}, expected {expected}{hint}"
        return who

    def _times(self, role: str, time: Any) -> pd.DatetimeIndex:
        zone = self.reading.zone or self.mapping.timezone
        instants, reasons = read_times(self.columns[time.column], time.reading(zone))
        for i in np.flatnonzero(reasons != None).tolist():  # noqa: E711
            self.reasons.setdefault(i, f"{role}: {reasons[i]}")
        return instants

    def _names(self, named: Named | None, default: str) -> np.ndarray:
        if named is None:
            return np.full(len(self.offsets), default, dtype=object)
        code, met = pd.factorize(_texts(self.columns[named.column]))
        return np.array([named.names.get(text.strip()) or _code(text.strip()) for text in met], dtype=object)[code]

    def _note_codes(self, measure: np.ndarray) -> None:
        assert self.mapping.measure is not None
        met = _texts(self.columns[self.mapping.measure.column])
        self.reading.met.codes((m, code.strip()) for m, code in _distinct(measure, met) if m in MEASURES)

    def _units(self) -> np.ndarray:
        if isinstance(self.mapping.unit, Named):
            return self._names(self.mapping.unit, "")
        return np.full(len(self.offsets), self.mapping.unit, dtype=object)

    def _parts(self) -> np.ndarray | None:
        if self.mapping.part is None:
            return None
        code, met = pd.factorize(_texts(self.columns[self.mapping.part.column]))
        key = self.reading.pseudonyms
        if self.reading.renamed:
            return met[code]
        for i in np.flatnonzero([text.strip() == "" for text in met[code]]).tolist():
            self.reasons.setdefault(int(i), "part: met nothing, expected an event's identifier")
        if key is None and len(met):
            for i in range(len(code)):
                self.reasons.setdefault(i, "part: met no pseudonym key, expected one to rename events with")
        return np.array([key.event(text) if key else "" for text in met], dtype=object)[code]

    def _fields(self, record: int, cell: str | None) -> dict[str, str] | None:
        """A record's storable texts by column, from which it can be tried again; None without a pseudonym.

        ``cell``: the column of the value, if only that one was refused.
        """
        who = self.who[record]
        if who is None:
            return None
        mapping = self.mapping
        codes = {p.column for p in (mapping.measure, mapping.stream, mapping.quality, mapping.unit)
                 if isinstance(p, Named)}  # fmt: skip
        cells = {c.column for c in (mapping.measures or {}).values()}
        fields = {}
        for column in mapping.columns:
            if cell is not None and column in cells and column != cell:
                continue
            text = str(self.columns[column][record])
            allowed = CODE if column in codes else _NUMBER_OR_TIME
            fields[column] = text if allowed.fullmatch(text.strip()) else f"<a text of {len(text):,} characters>"
        fields[mapping.who.column] = who
        if mapping.received is None:
            fields[RECEIVED] = self.reading.received_at.isoformat()
        if mapping.part is not None and self.part is not None:
            fields[mapping.part.column] = self.part[record]
        return fields


def _texts(column: Any) -> np.ndarray:
    """Raw values as texts; what is missing is empty."""
    values = column if isinstance(column, np.ndarray) else np.asarray(column, dtype=object)
    if values.dtype == object and set(map(type, values)) <= {str}:
        return values
    return np.array([_as_text(v) for v in values.tolist()], dtype=object)


def _as_text(value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_numbers(column: Any, mapping: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """(finite numbers [n], NaN for what is none; True [n] where the mapping says that there is no value)."""
    values = np.asarray(column)
    if values.dtype.kind in "iuf":
        return values.astype(float), np.zeros(len(values), bool) if values.dtype.kind != "f" else np.isnan(values)
    nothing = np.array([v is None for v in values], bool)
    if nothing.any():  # beside NaN, which is a value and a wrong one
        values = np.where(nothing, "", values)
    code, met = pd.factorize(values, use_na_sentinel=False)
    missing = np.array([isinstance(m, str) and m.strip() in mapping.missing for m in met], bool)
    number = np.array([_number(m, mapping.decimal) for m in met], float)
    return number[code], missing[code] | nothing


def _number(value: Any, decimal: str) -> float:
    if isinstance(value, str):
        text = value.replace(",", ".") if decimal == "," and "." not in value else value
        number = float(text) if NUMBER.fullmatch(text) else np.nan
    else:
        is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        try:
            number = float(value) if is_number else np.nan
        except OverflowError:
            number = np.nan
    return number if np.isfinite(number) else np.nan


def _convert(value: np.ndarray, given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(values in the wanted units [n], True [n] where that is not possible); no unit given means the wanted one."""
    pairs: dict[tuple[Any, Any], int] = {}
    code = np.empty(len(value), int)
    for i, pair in enumerate(zip(given.tolist(), wanted.tolist(), strict=True)):
        code[i] = pairs.setdefault(pair, len(pairs))
    factors = [(1.0, 1.0) if not g or not w else units.factor(g, w) for g, w in pairs]
    bad = np.array([f is None for f in factors], bool)
    up, down = (np.array([f[k] if f else 1.0 for f in factors]) for k in (0, 1))
    return (value * up[code] / down[code], bad[code]) if len(value) else (value, np.zeros(0, bool))


def _distinct(first: np.ndarray, second: np.ndarray) -> set[tuple[str, str]]:
    """Distinct pairs of texts [n], without those of which one is None."""
    code, names = pd.factorize(first)
    other, others = pd.factorize(second)
    there = (code >= 0) & (other >= 0)  # negative: None
    pairs = np.unique(code[there] * max(1, len(others)) + other[there]).tolist()
    return {(str(names[p // len(others)]), str(others[p % len(others)])) for p in pairs}


def _code(text: str) -> str:
    """A code as met; a text that may be anything only by its length, since it would be stored."""
    return text if CODE.fullmatch(text) else f"<a text of {len(text):,} characters>"
