"""The gate of the log: which rows of a batch are observations, and why the others are not."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from calibration.measures import MEASURES, Kind
from calibration.observation_checks import QUALITIES, TIMES, Problems, check_rows
from calibration.pseudonyms import EXPECTED, is_pseudonym
from calibration.sources.base import OFFSET, PART, Batch, Refused

FIELD_CHARACTERS = 200  # of a stored text of a refused record; longer ones are cut
FIELDS = 40  # of them for a record
REASON_CHARACTERS = 500
# Values of these measures are totals of a day's events, so that parts of them can be added up.
ADDITIVE = frozenset(
    m.name for m in MEASURES.values()
    if m.low == 0 and (m.kind in (Kind.COUNT, Kind.LOGNORMAL) or m.unit == "min")
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Rows:
    """Observations as columns [n], ready to be stored. Times are microseconds since 1970 in UTC."""

    who: np.ndarray
    stream: np.ndarray
    measure: np.ndarray
    measured_at: np.ndarray
    part: np.ndarray
    received_at: np.ndarray
    quality: np.ndarray
    value: np.ndarray
    offset: np.ndarray

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def none(cls) -> Rows:
        """No rows."""
        texts, numbers = np.zeros(0, dtype=object), np.zeros(0, dtype=np.int64)
        return cls(texts, texts, texts, numbers, texts, numbers, numbers, np.zeros(0), numbers)

    def take(self, mask: np.ndarray) -> Rows:
        """Some of them."""
        return Rows(**{f.name: getattr(self, f.name)[mask] for f in dataclasses.fields(self)})

    def at(self, offset: np.ndarray) -> Rows:
        """The same with other offsets."""
        return dataclasses.replace(self, offset=offset)


def admit(batch: Batch, now: dt.datetime) -> tuple[Rows, list[Refused]]:
    """The rows that are observations received by ``now``, and all that is refused."""
    table = batch.observations.reset_index(drop=True)
    if table.empty:
        return Rows.none(), [*map(_bounded, batch.refused)]
    problems = Problems("", "row", np.arange(len(table)))
    part = table[PART] if PART in table.columns else pd.Series("", index=table.index, dtype=object)
    _check_people(table, problems)
    checked = check_rows(table, problems, now)
    _check_parts(part, checked["measure"], problems)
    reasons: dict[int, str] = {}
    for rows, describe in problems.found:
        for row in rows:
            reasons.setdefault(int(row), describe(int(row)))
    good = np.ones(len(table), bool)
    good[list(reasons)] = False
    refused = [*map(_bounded, batch.refused)]
    refused += _refusals(batch, table, dict(sorted(reasons.items())))
    return _rows(checked, table[OFFSET], part, good), refused


def _check_people(table: pd.DataFrame, problems: Problems) -> None:
    codes, names = pd.factorize(table["who"], use_na_sentinel=False)
    fine = np.array([isinstance(name, str) and is_pseudonym(name) for name in names], bool)
    # the name itself is not shown: it may be a real one
    why = f"who: met a text that is no pseudonym, expected {EXPECTED}; give a pseudonym key so that people are renamed"
    problems.add(~fine[codes], lambda i: why)


def _check_parts(part: pd.Series[Any], measure: pd.Series[Any], problems: Problems) -> None:
    wrong = (part != "") & measure.isin(MEASURES) & ~measure.isin(ADDITIVE)
    problems.add(wrong, lambda i: f"part: met a part of {measure.iloc[i]}, which is no total of a day's events; "
                                  "expected a whole value")  # fmt: skip


def _rows(checked: pd.DataFrame, offset: pd.Series[Any], part: pd.Series[Any], good: np.ndarray) -> Rows:
    columns = {name: checked[name].to_numpy()[good] for name in ("who", "stream", "measure")}
    times = {name: checked[name].dt.tz_localize(None).to_numpy()[good].astype("int64") for name in TIMES}
    quality = pd.Index(QUALITIES).get_indexer(pd.Index(checked["quality"]))
    return Rows(
        **columns,
        **times,
        part=part.to_numpy()[good],
        quality=quality[good],
        value=checked["value"].to_numpy()[good] + 0.0,  # no negative zero
        offset=offset.to_numpy()[good],
    )


def _refusals(batch: Batch, table: pd.DataFrame, reasons: Mapping[int, str]) -> Iterator[Refused]:
    """The rows that are refused, with the texts from which they can be tried again."""
    met = table.iloc[list(reasons)].to_dict("records")
    for (row, reason), record in zip(reasons.items(), met, strict=True):
        measure = MEASURES.get(str(record["measure"]))
        field, fields = batch.fields(row) if batch.fields is not None else ("", _observation_fields(record))
        yield _bounded(Refused(int(record[OFFSET]), reason, field, measure.stream if measure else "", fields))


def _observation_fields(met: Mapping[Any, Any]) -> Mapping[str, str] | None:
    """A refused observation's own texts, unless its person is no pseudonym."""
    if not (isinstance(met["who"], str) and is_pseudonym(met["who"])):
        return None
    return {str(name): str(value) for name, value in met.items() if name != OFFSET}


def _bounded(refused: Refused) -> Refused:
    """With texts of bounded length: a broken record may be of any size."""
    fields = refused.fields
    if fields is not None:
        fields = {name[:FIELD_CHARACTERS]: text[:FIELD_CHARACTERS] for name, text in list(fields.items())[:FIELDS]}
    reason = refused.reason[:REASON_CHARACTERS].encode("utf-8", "replace").decode()
    return dataclasses.replace(refused, reason=reason, fields=fields, field=refused.field[:FIELD_CHARACTERS])


def fields_text(refused: Refused) -> str:
    """The fields as they are stored: JSON, or nothing."""
    return "" if refused.fields is None else json.dumps(dict(refused.fields), sort_keys=True)
