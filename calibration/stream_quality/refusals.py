"""Refused records by reason: what they have in common, without the values they differ in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

MOST_REASONS = 200
_VALUES = re.compile(r"'[^']*'|\b\d[\d,.:TZ+\-]*")


class Reason(NamedTuple):
    """A reason, how often and in which sources it was met, and one example."""

    reason: str
    records: int
    sources: int
    example: str


def common_reason(reason: str) -> str:
    """The reason without the values that were met."""
    return _VALUES.sub("…", reason)


def by_reason(letters: Iterable[tuple[str, str, int]]) -> list[Reason]:
    """Reasons, the commonest first, of (source, reason, number); beyond MOST_REASONS the rest is one."""
    counted: Counter[str] = Counter()
    examples: dict[str, str] = {}
    sources: dict[str, set[str]] = {}
    for source, reason, number in letters:
        common = common_reason(reason)
        if common not in counted and len(counted) >= MOST_REASONS:
            common = "other reasons"
        counted[common] += number
        examples.setdefault(common, reason)
        sources.setdefault(common, set()).add(source)
    return [Reason(name, n, len(sources[name]), examples[name]) for name, n in counted.most_common()]
