"""What an observation is, and the checks that a table of them must pass."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from abm.spelling import nearest
from calibration.exports import as_text
from calibration.measures import MEASURES, STREAMS, Kind

COLUMNS = ("who", "stream", "measure", "measured_at", "received_at", "value", "unit", "quality")
TIMES = ("measured_at", "received_at")
QUALITIES = ("good", "suspect", "failed")
SHOWN_PROBLEMS = 10
# a time of day and an offset: without them a text is no instant
_INSTANT = r"\d[T ]\d{2}.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"


class ObservationError(ValueError):
    """Observations that are refused; the message lists the first problems with their lines, and the total."""


@dataclasses.dataclass(frozen=True)
class Counts:
    """What became of the rows of one stream: read = kept + duplicates + corrected."""

    read: int
    kept: int
    duplicates: int  # the same observation delivered again: dropped
    corrected: int  # an earlier value of an observation, replaced by the one received last
    suspect: int  # of the rows kept
    failed: int  # of the rows kept


@dataclasses.dataclass(frozen=True)
class Summary:
    """What was read from one place, by stream."""

    where: str
    streams: dict[str, Counts]

    @property
    def total(self) -> Counts:
        """All streams together."""
        fields = [f.name for f in dataclasses.fields(Counts)]
        return Counts(**{name: sum(getattr(c, name) for c in self.streams.values()) for name in fields})

    def __str__(self) -> str:
        def line(name: str, c: Counts) -> str:
            return (f"{name}: {c.read:,} read, {c.kept:,} kept ({c.suspect:,} suspect, {c.failed:,} failed), "
                    f"{c.duplicates:,} duplicates dropped, {c.corrected:,} replaced by corrections")  # fmt: skip

        by_stream = [f"  {line(name, c)}" for name, c in self.streams.items()]
        return "\n".join([line(self.where, self.total), *by_stream])


class Problems:
    """Collects refusals as (rows, what to say of a row), to report the first ones in order of the lines."""

    def __init__(self, where: str, place: str, lines: np.ndarray) -> None:
        self.where, self.place, self.lines = where, place, lines
        self.found: list[tuple[np.ndarray, Callable[[int], str]]] = []

    def add(self, wrong: Any, describe: Callable[[int], str]) -> np.ndarray:
        """Note the rows where ``wrong``; returns True for the others."""
        wrong = np.asarray(wrong, bool)
        if wrong.any():
            self.found.append((np.flatnonzero(wrong), describe))
        return ~wrong

    def raise_if_any(self) -> None:
        """Raises ObservationError if there are any."""
        if not self.found:
            return
        total = sum(len(rows) for rows, _ in self.found)
        first = [(int(i), describe) for rows, describe in self.found for i in rows[:SHOWN_PROBLEMS]]
        first = sorted(first, key=lambda item: item[0])[:SHOWN_PROBLEMS]
        shown = [f"{self.where}: {self.place} {self.lines[i]}: {describe(i)}" for i, describe in first]
        head = f"{self.where}: {total:,} problem{'s' if total > 1 else ''}; nothing was read"
        more = [f"... and {total - len(shown):,} more"] if total > len(shown) else []
        raise ObservationError("\n".join([head, *shown, *more]))


def check_columns(columns: Sequence[str], where: str) -> None:
    """Raises ObservationError unless ``columns`` are COLUMNS in any order."""
    for name in columns:
        if name not in COLUMNS:
            raise ObservationError(f"{where}unknown column {name!r}{nearest(name, COLUMNS)}; "
                                   f"expected {', '.join(COLUMNS)}")  # fmt: skip
    for name in COLUMNS:
        times = list(columns).count(name)
        if times != 1:
            met = "no" if times == 0 else "more than one"
            raise ObservationError(f"{where}{met} column {name!r}; expected {', '.join(COLUMNS)}, each once")


def validate(table: pd.DataFrame, where: str = "observations", *, now: dt.datetime | None = None,
             place: str = "row", lines: np.ndarray | None = None) -> tuple[pd.DataFrame, Summary]:  # fmt: skip
    """The checked table, one row an observation, in order of receipt, and the account of what was read.

    An observation is identified by who, measure and measured_at. The same one with the same value and quality is
    a duplicate: dropped, and counted. With another value it is a correction: the one received last wins (the
    later row at equal times), and is counted. A failed sensor's value (quality "failed") may lie outside the
    measure's range.

    Args:
        now: refuse observations measured or received after this instant (timezone-aware).
        place, lines: how rows are named in messages; "line" and the numbers of a file's lines, say.

    Raises:
        ObservationError: unknown or missing columns, or rows that are refused; nothing is dropped silently.
    """
    check_columns([str(name) for name in table.columns], f"{where}: ")
    if table.empty:
        raise ObservationError(f"{where}: no observations; expected a table with {', '.join(COLUMNS)}")
    if now is not None and now.tzinfo is None:
        raise ValueError(f"now: met {now} without a timezone, expected for instance datetime.now(UTC)")
    problems = Problems(where, place, np.arange(len(table)) if lines is None else lines)
    result = check_rows(table, problems, now)
    problems.raise_if_any()
    return _resolve(result, where)


def check_rows(table: pd.DataFrame, problems: Problems, now: dt.datetime | None = None) -> pd.DataFrame:
    """The table with its rows as they are, typed, and what is wrong with them noted in ``problems`` by position."""
    table = table.loc[:, list(COLUMNS)].reset_index(drop=True)
    checked = {name: _text(table[name], name, problems) for name in COLUMNS if name not in (*TIMES, "value")}
    checked |= {name: _instants(table[name], name, problems) for name in TIMES}
    checked["value"] = _numbers(table["value"], problems)
    result = pd.DataFrame(checked)[list(COLUMNS)]
    _check_names(result, problems)
    _check_values(result, problems)
    _check_times(result, now, problems)
    return result


def _text(column: pd.Series[Any], name: str, problems: Problems) -> pd.Series[Any]:
    """Texts, empty where refused."""
    example = " such as 'physician-007'" if name == "who" else ""
    values = column.to_numpy(dtype=object)
    code, distinct = pd.factorize(values, use_na_sentinel=False)  # a table repeats few texts many times
    # a name that a spreadsheet would run as a formula would go on into every table that is exported
    fine = np.array([isinstance(v, str) and v != "" and v == v.strip() and as_text(v) == v for v in distinct], bool)
    problems.add(~fine[code], lambda i: f"{name}: met {values[i]!r}, expected a text{example} without blanks around it "
                                        "that does not begin as a formula does")  # fmt: skip
    texts = pd.Series([v if ok else "" for v, ok in zip(distinct, fine, strict=True)], dtype=str)
    return texts.iloc[code].reset_index(drop=True)


def _instants(column: pd.Series[Any], name: str, problems: Problems) -> pd.Series[Any]:
    """Instants in UTC, to the microsecond; NaT where refused."""
    example = "expected an instant with its offset from UTC such as 2024-01-01T23:30:00Z"
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        instants = column
    else:
        text = column.astype(str)
        instants = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
        naive = instants.notna() & ~text.str.contains(_INSTANT, regex=True)
        problems.add(naive, lambda i: f"{name}: met {str(column.iloc[i])!r} without a timezone, {example}")
    problems.add(instants.isna(), lambda i: f"{name}: met {column.iloc[i]!r}, {example}")
    return instants.dt.as_unit("us").dt.tz_convert("UTC")


def _numbers(column: pd.Series[Any], problems: Problems) -> pd.Series[Any]:
    """Finite numbers, NaN where refused."""
    value = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = ~np.isfinite(value.to_numpy())
    if column.dtype in (object, bool):
        wrong |= np.array([isinstance(v, bool) for v in column.tolist()])
    problems.add(wrong, lambda i: f"value: met {column.iloc[i]!r}, expected a finite number")
    return value.where(~wrong)


def _of_measure(table: pd.DataFrame, attribute: str) -> pd.Series[Any]:
    return table["measure"].map({name: getattr(m, attribute) for name, m in MEASURES.items()})


def _check_names(table: pd.DataFrame, problems: Problems) -> None:
    """Qualities, streams, measures and units."""
    stream_of, unit_of = _of_measure(table, "stream"), _of_measure(table, "unit")

    def met(name: str, i: int) -> str:
        return f"{name}: met {table[name].iloc[i]!r}"

    def one_of(name: str, known: Any) -> np.ndarray:
        wrong = (table[name] != "") & ~table[name].isin(list(known))
        return problems.add(wrong, lambda i: f"{met(name, i)}, expected one of {', '.join(known)}"
                                             f"{nearest(table[name].iloc[i], known)}")  # fmt: skip

    one_of("quality", QUALITIES)
    right_stream = one_of("stream", STREAMS) & (table["stream"] != "")
    known = table["measure"].isin(MEASURES)
    problems.add(~known & (table["measure"] != ""),
                 lambda i: f"{met('measure', i)}, which is no measure"
                           f"{nearest(table['measure'].iloc[i], MEASURES)}")  # fmt: skip
    problems.add(known & right_stream & (table["stream"] != stream_of),
                 lambda i: f"{met('measure', i)} in stream {table['stream'].iloc[i]!r}, "
                           f"expected stream {stream_of.iloc[i]!r}")  # fmt: skip
    problems.add(known & (table["unit"] != "") & (table["unit"] != unit_of),
                 lambda i: f"{met('unit', i)} of {table['measure'].iloc[i]}, "
                           f"expected {unit_of.iloc[i]!r}")  # fmt: skip


def _check_values(table: pd.DataFrame, problems: Problems) -> None:
    """Values that are possible for the measure, unless the sensor is known to have failed."""
    value, low, high = table["value"], _of_measure(table, "low"), _of_measure(table, "high")
    judged = table["measure"].isin(MEASURES) & value.notna() & (table["quality"] != "failed")
    inside = problems.add(judged & ~value.between(low, high),
                          lambda i: f"value: met {value.iloc[i]:g} of {table['measure'].iloc[i]}, "
                                    f"expected {low.iloc[i]:g} to {high.iloc[i]:g}")  # fmt: skip
    whole = _of_measure(table, "kind").isin([Kind.COUNT, Kind.ORDINAL])
    problems.add(judged & inside & whole & (value != value.round()),
                 lambda i: f"value: met {value.iloc[i]:g} of {table['measure'].iloc[i]}, "
                           "expected a whole number")  # fmt: skip


def _check_times(table: pd.DataFrame, now: dt.datetime | None, problems: Problems) -> None:
    measured, received = table["measured_at"], table["received_at"]
    problems.add(received < measured,
                 lambda i: f"received_at: met {iso(received.iloc[i])}, before it was measured at "
                           f"{iso(measured.iloc[i])}; one of the two clocks is wrong")  # fmt: skip
    if now is None:
        return
    latest = pd.Timestamp(now)
    for name in TIMES:
        problems.add(table[name] > latest,
                     lambda i, name=name: f"{name}: met {iso(table[name].iloc[i])}, in the future "
                                          f"(now is {iso(latest)})")  # type: ignore[misc]  # fmt: skip


def iso(instant: Any) -> str:
    """An instant as text in UTC."""
    return str(instant.tz_convert("UTC").isoformat().replace("+00:00", "Z"))


def _resolve(table: pd.DataFrame, where: str) -> tuple[pd.DataFrame, Summary]:
    """Drop duplicates, let the last correction win, and count both."""
    group = table.groupby(["who", "measure", "measured_at"], sort=False).ngroup().to_numpy()
    received = table["received_at"].dt.tz_localize(None).to_numpy()
    order = np.lexsort((np.arange(len(table)), received, group))
    same_group = group[order][1:] == group[order][:-1]
    content = [table[name].to_numpy()[order] for name in ("value", "quality")]
    same_content = np.logical_and.reduce([c[1:] == c[:-1] for c in content])
    duplicate = np.append(False, same_group & same_content)
    deliveries = order[~duplicate]  # one for each value that was ever reported
    is_last = np.append(group[deliveries][1:] != group[deliveries][:-1], True)
    kept = np.sort(deliveries[is_last])
    kept = kept[np.argsort(received[kept], kind="stable")]
    result = table.iloc[kept].reset_index(drop=True)
    stream = table["stream"].to_numpy()
    rows = {
        "read": stream, "kept": stream[kept], "duplicates": stream[order[duplicate]],
        "corrected": stream[deliveries[~is_last]],
        "suspect": stream[kept][(result["quality"] == "suspect").to_numpy()],
        "failed": stream[kept][(result["quality"] == "failed").to_numpy()],
    }  # fmt: skip
    present = [s for s in STREAMS if (stream == s).any()]
    counts = {s: Counts(**{name: int((streams == s).sum()) for name, streams in rows.items()}) for s in present}
    return result, Summary(where, counts)
