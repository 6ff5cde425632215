"""Schema drift: what changed in the look of a source's material since the ingest before, in plain words."""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from calibration.sources.met import NOTHING, SEVERAL

SHOWN_CHANGES = 50  # of two descriptions; more than that is another source altogether
_NOUNS = {
    "columns": "column", "keys": "key", "units": "unit of", "codes": "code or code system of",
    "systems": "code system of", "code_systems": "code system of", "resources": "resource", "profiles": "profile",
    "schemas": "schema",
}  # fmt: skip
_BY_MEASURE = ("units", "codes", "systems", "code_systems")
_OF_THE_NIGHT = ("files", "left out", "skipped")  # what a night brought, not how it looks
_TEXT_CHARACTERS = 80
_SIMILAR = 0.6  # difflib's ratio from which a new name is taken for an old one's (assumed)


class Drift(NamedTuple):
    """A change between an ingest and the one before it in its series."""

    ingest: int
    source: str
    kind: str
    change: str


def drift(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between two `Source.description`s: columns renamed, retyped, gone or new, units, code systems.

    A part that one of them does not describe is not compared: a source may have learnt to describe more.
    """
    changes: list[str] = []
    for key in (k for k in before if k in after and k not in _OF_THE_NIGHT):
        changes += _compare(_NOUNS.get(key, key.replace("_", " ")), before[key], after[key], key)
    if len(changes) > SHOWN_CHANGES:
        changes = [*changes[:SHOWN_CHANGES], f"... and {len(changes) - SHOWN_CHANGES:,} more changes"]
    return changes


def series_of(source: str) -> str:
    """What a source's name has in common with those of other nights: numbers and dates in it do not count."""
    return re.sub(r"\d+(?:[-_.:T]?\d+)*", "#", source)


def drifts(ingests: pd.DataFrame) -> list[Drift]:
    """All changes within each series of a log's ingests (`EventLog.ingests`), in order of the ingests."""
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    found = []
    for row in ingests.sort_values("ingest").itertuples():
        described = json.loads(str(row.description))
        if not described:
            continue
        series = (series_of(str(row.source)), str(row.kind))
        if series in last:
            changes = drift(last[series], described)
            found += [Drift(int(str(row.ingest)), str(row.source), str(row.kind), change) for change in changes]
        last[series] = described
    return found


def drifts_since(ingests: pd.DataFrame, last: int) -> list[Drift]:
    """The changes that came with the ingests after number ``last``: for the summary of those ingests."""
    return [d for d in drifts(ingests) if d.ingest > last]


def _compare(noun: str, before: Any, after: Any, key: str) -> list[str]:
    if before == after or before is None or after is None:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        # that a night brings no value of some measure is no change of its look
        names = _names(noun, list(before), list(after)) if key not in _BY_MEASURE else []
        return names + [
            change for name in before if name in after
            for change in _content(f"{noun} {_shown(name)}", before[name], after[name], key)
        ]  # fmt: skip
    if _is_list(before) and _is_list(after):
        return _names(noun, [_text(v) for v in before], [_text(v) for v in after])
    if key == "mapping":
        return ["read with another mapping"]
    return [f"{noun} was {_shown(before)}, is now {_shown(after)}"]


def _content(subject: str, before: Any, after: Any, key: str) -> list[str]:
    """A change of what a name stands for; None is not known, and numbers are counts of a night."""
    if before == after or before is None or after is None:
        return []
    if isinstance(before, int | float) and isinstance(after, int | float):
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return [change for name in before if name in after
                for change in _content(f"{subject}, {_text(name)}", before[name], after[name], key)]  # fmt: skip
    if key == "columns" and before in (NOTHING, SEVERAL):
        return []
    verb = ("held", "holds now") if key == "columns" else ("was", "is now")
    if _is_list(before) and _is_list(after) and set(map(_text, after)) <= set(map(_text, before)):
        return []  # fewer of them: a night without one
    return [f"{subject} {verb[0]} {_listed(before)}, {verb[1]} {_listed(after)}"]


def _names(noun: str, before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Names that went, came, or were changed: at the same place, or into a similar one."""
    gone = [name for name in dict.fromkeys(before) if name not in set(after)]
    new = [name for name in dict.fromkeys(after) if name not in set(before)]
    renamed = {}
    for name in gone[:SHOWN_CHANGES]:
        place = list(before).index(name)
        same_place = len(before) == len(after) and after[place] in new
        similar = difflib.get_close_matches(name, new[:SHOWN_CHANGES], 1, _SIMILAR)
        heir = after[place] if same_place else similar[0] if similar else None
        if heir in new:
            renamed[name] = heir
            new.remove(heir)
    noun = noun.removesuffix(" of")
    return [
        *(f"{noun} {_shown(old)} is gone and {_shown(heir)} is new: renamed?" for old, heir in renamed.items()),
        *(f"{noun} {_shown(name)} is gone" for name in gone if name not in renamed),
        *(f"{noun} {_shown(name)} is new" for name in new),
    ]


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | Mapping)


def _listed(value: Any) -> str:
    texts = [_text(v) for v in itertools.islice(value, 10)] if _is_list(value) else [_text(value)]
    return ", ".join(texts) or "nothing"


def _shown(value: Any) -> str:
    return repr(_text(value))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[: _TEXT_CHARACTERS - 1]}…"
