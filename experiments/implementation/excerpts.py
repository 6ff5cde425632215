"""Coded interview excerpts: one row for each code that a coder gave a passage, from CSV files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from abm.spelling import nearest
from experiments.implementation.catalogue import THEMES
from experiments.implementation.frames import Frame, ImplementationError
from experiments.implementation.records import read_records

REQUIRED = ("excerpt", "interview", "coder", "code")
OPTIONAL = ("group", "challenge", "theme", "text")


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """A code given by one coder to one passage. ``challenge`` and ``theme`` are empty where no challenge was named."""

    excerpt: str
    interview: str
    coder: str
    code: str
    group: str = ""
    challenge: str = ""
    theme: str = ""
    text: str = ""
    where: str = dataclasses.field(default="", compare=False)


def read_csv(path: Path, frame: Frame, themes: Iterable[str] = THEMES) -> list[Excerpt]:
    """Excerpts of a CSV file with the columns excerpt, interview, coder, code, and group, challenge, theme, text if
    there are any. Raises ImplementationError on codes outside the frame, unknown themes and missing values."""
    known = list(themes)
    found = []
    for record in read_records(path, required=REQUIRED):
        for name in REQUIRED:
            if not record[name]:
                raise ImplementationError(f"{record.where}{name}: met nothing, expected a value")
        theme = record.get("theme", "")
        if theme and theme not in known:
            raise ImplementationError(
                f"{record.where}theme: met {theme!r:.80}{nearest(theme, known)} "
                f"(expected one of {', '.join(known)}; --theme names others)"
            )
        code = frame.check(record["code"], record.where)
        values = {name: record.get(name, "") for name in OPTIONAL}
        found.append(Excerpt(*(record[name] for name in REQUIRED[:3]), code, **values, where=record.where))
    return found


def check(excerpts: Sequence[Excerpt]) -> Sequence[Excerpt]:
    """The excerpts of all files together. Raises ImplementationError on none at all, on the same code given twice by
    one coder to one passage, and on a passage that lies in two interviews."""
    if not excerpts:
        raise ImplementationError("excerpts: met none, expected at least one")
    seen: dict[tuple[str, str, str, str], str] = {}
    interview: dict[str, str] = {}
    for one in excerpts:
        key = (one.excerpt, one.coder, one.code, one.challenge.casefold())
        if key in seen:
            raise ImplementationError(
                f"{one.where}excerpt: met {one.excerpt!r:.60} with {one.code!r} of one coder "
                f"again (first at {seen[key].rstrip(': ')}), expected each once"
            )
        seen[key] = one.where
        if interview.setdefault(one.excerpt, one.interview) != one.interview:
            raise ImplementationError(
                f"{one.where}excerpt: met id {one.excerpt!r:.60} in a second interview, expected an id for each passage"
            )
    return excerpts
