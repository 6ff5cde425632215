"""A proposal for a mapping file, from an extract's column names and first records. A person completes and checks it."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from calibration.measures import MEASURES
from calibration.sources.mapped import CODE, NUMBER
from calibration.sources.mapping import is_observation_table
from calibration.sources.samples import Sample, read_sample
from calibration.sources.times import ISO
from calibration.sources.units import factor

FILL_IN = "FILL-IN"  # no column, measure or time zone is called that, so a mapping that still has it is refused
_ROLES = {
    "who": "who provider physician practitioner clinician doctor npi employee user subject participant staff person",
    "time": "measured recorded observed date day time timestamp datetime effective start night period",
    "received": "received exported export extracted loaded created updated issued sent",
    "measure": "measure metric code parameter indicator variable type name",
    "value": "value amount result quantity reading",
    "unit": "unit units uom",
    "quality": "quality flag valid",
}
# words of column names and codes that say a measure, the telling ones first; and LOINC codes
_MEASURES = (
    ("work_outside_work_minutes", r"wow|outside|after hours|pajama"), ("note_minutes", r"note|documentation"),
    ("inbox_minutes", r"inbox|in ?basket"), ("order_minutes", r"orders?\b"), ("message_count", r"messages?|msg"),
    ("no_show_count", r"no ?shows?"), ("booked_count", r"booked|appointments?"),
    ("kept_count", r"kept|completed|visits?\b(?!.*min)|encounters?"), ("visit_minutes", r"visit.*min|cycle"),
    ("third_next_available_days", r"third next|3rd next|tna"), ("ehr_minutes", r"\behr\b|\bemr\b"),
    ("sleep_minutes", r"sleep|asleep|93832 4"), ("resting_heart_rate", r"resting|\brhr\b|40443 4"),
    ("heart_rate_variability_rmssd", r"hrv|rmssd|variability"), ("steps", r"steps?\b|41950 7|55423 8"),
    ("scheduled_minutes", r"scheduled"), ("absent", r"absen"), ("employed", r"employed"),
    ("burnout_level", r"burn ?out"), ("task_load", r"task ?load|tlx"), ("motivation_score", r"motivation"),
)  # fmt: skip
_UNIT_WORDS = re.compile(r"\b(h|hr|hrs|hours?|min|mins|minutes?|s|sec|secs|seconds?|ms|days?|bpm)\b")
_FORMATS = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
            "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p")  # fmt: skip
_MISSING = ("NULL", "null", "NA", "N/A", "n/a", "None", "-", ".")


def propose_mapping(path: Path, timezone: str | None = None) -> str:
    """YAML text of a mapping for an extract, with comments where a person must look. Raises SourceError."""
    sample = read_sample(path)
    if is_observation_table(list(sample.columns)):
        return f"# {path.name} is an observation table: it needs no mapping.\n"
    lines = [f"# Proposed from the first records of {path.name}: check every line."]
    roles = _roles(sample)
    is_long = "measure" in roles and "value" in roles
    lines.append(f"layout: {'long' if is_long else 'wide'}")
    if sample.delimiter != ",":
        lines.append(f"delimiter: {_quoted(sample.delimiter)}")
    if sample.encoding != "utf-8":
        lines.append(f"encoding: {sample.encoding}  # assumed: the file is not UTF-8")
    times = [_time(role, roles.get(role), sample) for role in ("time", "received")]
    if any(t.is_local for t in times):
        lines.append(
            f"timezone: {timezone or FILL_IN}  # of times without an offset: the clinic's, such as Europe/Paris"
        )
    lines.append(f"who: {_quoted(roles.get('who', FILL_IN))}  # renamed by a keyed hash")
    lines += [line for t in times for line in t.lines]
    used = set(roles.values())
    lines += _long(roles, sample) if is_long else _wide(sample, used)
    lines += _cells(sample)
    return "\n".join(lines) + "\n"


def _words(name: str) -> str:
    """A name in lower case, its words apart."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z]+|\d+", apart.lower()))


def _roles(sample: Sample) -> dict[str, str]:
    """Column by role: the first column with the most telling word."""
    roles: dict[str, str] = {}
    for role in ("received", "who", "time", "unit", "quality", "value", "measure"):
        telling = _ROLES[role].split()
        found = [(rank, name) for name in sample.columns if name not in roles.values()
                 and (rank := _rank(_words(name).split(), telling)) is not None
                 and not (role == "who" and "patient" in _words(name))]  # fmt: skip
        if found and (role != "measure" or "value" in roles):
            roles[role] = min(found, key=lambda item: item[0])[1]
    return roles


def _rank(words: list[str], telling: list[str]) -> int | None:
    ranks = [telling.index(word) for word in words if word in telling]
    return min(ranks) if ranks else None


class _Time(NamedTuple):
    lines: list[str]
    is_local: bool


def _time(role: str, column: str | None, sample: Sample) -> _Time:
    if column is None:
        if role == "received":
            return _Time(["# received: without a column, the file's modification time counts"], False)
        return _Time([f"time: {FILL_IN}"], False)
    met = [value for value in sample.columns[column] if value]
    matches = [ISO.fullmatch(value) for value in met]
    if all(matches):
        dates, aware = all(len(v) == 10 for v in met), all(m is not None and m.group(1) for m in matches)
        return _Time([_time_line(role, column, None, dates and bool(met))], not aware)
    if all(re.fullmatch(r"\d{9,13}", value) for value in met):
        form = "epoch_s" if all(len(value) <= 10 for value in met) else "epoch_ms"
        return _Time([_time_line(role, column, form, False)], False)
    fitting = [f for f in _FORMATS if pd.to_datetime(pd.Series(met), format=f, errors="coerce").notna().all()]
    if not fitting:
        return _Time([_time_line(role, column, FILL_IN, False) + "  # the format, as of strptime"], True)
    line = _time_line(role, column, fitting[0], "%H" not in fitting[0] and "%I" not in fitting[0])
    return _Time([line + (f"  # or {' or '.join(fitting[1:])}" if len(fitting) > 1 else "")], True)


def _time_line(role: str, column: str, form: str | None, is_date: bool) -> str:
    keys = [f"column: {_quoted(column)}", *([f"format: {_quoted(form)}"] if form else [])]
    keys += ['at: "23:30"'] if is_date else []
    return f"{role}: {{{', '.join(keys)}}}" if len(keys) > 1 else f"{role}: {_quoted(column)}"


def _long(roles: dict[str, str], sample: Sample) -> list[str]:
    codes = [code for code in dict.fromkeys(sample.columns[roles["measure"]]) if code]
    lines = [f"measure:\n  column: {_quoted(roles['measure'])}\n  names:"]
    for code in codes:
        if CODE.fullmatch(code):
            lines.append(f"    {_quoted(code)}: {_measure(code) or FILL_IN}")
    lines.append(f"value: {_quoted(roles['value'])}")
    if "unit" in roles:
        lines.append(f"unit: {{column: {_quoted(roles['unit'])}}}")
    if "quality" in roles:
        flags = [flag for flag in dict.fromkeys(sample.columns[roles["quality"]]) if CODE.fullmatch(flag)]
        names = ", ".join(f"{_quoted(flag)}: good" for flag in flags)
        lines.append(f"quality: {{column: {_quoted(roles['quality'])}, names: {{{names}}}}}  # good, suspect or failed")
    return lines


def _wide(sample: Sample, used: set[str]) -> list[str]:
    lines, rest, taken = ["measures:"], [], set()
    for column, values in sample.columns.items():
        name = _measure(column)
        dotted = [v.replace(",", ".") for v in values] if _has_decimal_commas(sample) else values
        numbers = [float(v) for v in dotted if NUMBER.fullmatch(v)]
        if column in used or name is None or name in taken or (values and not numbers):
            rest += [column] if column not in used else []
            continue
        taken.add(name)
        unit, doubt = _unit(column, name, numbers)
        cell = f"{{column: {_quoted(column)}, unit: {unit}}}" if unit else _quoted(column)
        lines.append(f"  {name}: {cell}{doubt}")
    if len(lines) == 1:
        lines.append(f"  {FILL_IN}: {FILL_IN}")
    return [*lines, *([f"# not used: {', '.join(rest)}"] if rest else [])]


def _measure(text: str) -> str | None:
    if text in MEASURES:
        return text
    words = _words(text)
    return next((name for name, pattern in _MEASURES if re.search(pattern, words)), None)


def _unit(column: str, measure: str, numbers: list[float]) -> tuple[str | None, str]:
    """(unit if it is not the measure's own, a comment)."""
    wanted = MEASURES[measure].unit
    word = _UNIT_WORDS.search(_words(column))
    if word and factor(word.group(1), wanted):
        return (None if factor(word.group(1), wanted) == (1.0, 1.0) else word.group(1)), ""
    if measure == "sleep_minutes" and numbers:
        typical = statistics.median(numbers)
        if typical < 24 or typical > 1440:
            return ("h" if typical < 24 else "s"), "  # the unit is a guess from the values"
    return None, f"  # in {wanted}" if wanted in ("min", "ms") else ""


def _cells(sample: Sample) -> list[str]:
    values = [value for column in sample.columns.values() for value in column]
    missing = ["", *(text for text in _MISSING if text in values)]
    lines = [f"missing: [{', '.join(map(_quoted, missing))}]"]
    if _has_decimal_commas(sample):
        lines.append('decimal: ","')
    return lines


def _has_decimal_commas(sample: Sample) -> bool:
    values = (value for column in sample.columns.values() for value in column)
    return sample.delimiter != "," and any(re.fullmatch(r"-?\d+,\d+", value) for value in values)


def _quoted(text: str) -> str:
    """A text as YAML; plain where that is safe."""
    return (
        text
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-]*", text) and text.lower() not in _YAML_WORDS
        else json.dumps(text)
    )


_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
