"""Frames of implementation science (CFIR 2.0, RE-AIM, NASSS, PARiHS) as data: domains, constructs, roles."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from abm.spelling import nearest
from experiments.yaml_source import read_yaml

DATA = Path(__file__).parent / "data"
FRAME_KEYS = ("cfir2", "re_aim", "nasss", "parihs")
NONE = "none"  # what a challenge or an excerpt is coded as if the frame has no place for it


class ImplementationError(ValueError):
    """Material of a study that is refused; the message says where, what was met, what was expected, what to do."""


@dataclasses.dataclass(frozen=True)
class Construct:
    """One construct: its meaning in our own words, a question for interviews, and its sub-constructs."""

    key: str
    name: str
    meaning: str
    ask: str = ""
    parts: tuple[Construct, ...] = ()


@dataclasses.dataclass(frozen=True)
class Domain:
    """One domain of a frame; ``roles`` are kept beside its constructs and are none of them."""

    key: str
    name: str
    about: str
    constructs: tuple[Construct, ...]
    roles: tuple[Construct, ...] = ()


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame. A code of it is the key of a construct, a sub-construct or a role, or 'none'."""

    key: str
    name: str
    title: str
    source: str
    domains: tuple[Domain, ...]

    @property
    def constructs(self) -> tuple[Construct, ...]:
        """All constructs, without sub-constructs and roles."""
        return tuple(construct for domain in self.domains for construct in domain.constructs)

    @property
    def parts(self) -> tuple[Construct, ...]:
        """All sub-constructs."""
        return tuple(part for construct in self.constructs for part in construct.parts)

    @property
    def roles(self) -> tuple[Construct, ...]:
        """All roles."""
        return tuple(role for domain in self.domains for role in domain.roles)

    def domain_of(self, code: str) -> Domain | None:
        """The domain that a code lies in; None for 'none'. Raises ImplementationError on an unknown code."""
        self.check(code)
        return next((domain for domain in self.domains if code in _codes(domain)), None)

    def construct_of(self, code: str) -> str:
        """The construct's key behind a code: a sub-construct belongs to its construct, others stand for themselves."""
        return next((c.key for c in self.constructs if code in {part.key for part in c.parts}), code)

    def check(self, code: str, where: str = "") -> str:
        """The key of a code given by key or name, in any case. Raises ImplementationError if the frame has none."""
        known = self._by_spelling
        found = known.get(_plain(code))
        if found is None:
            raise ImplementationError(
                f"{where}met code {code!r:.80}, expected a construct of {self.name} or {NONE!r}"
                f"{nearest(_plain(code), known)}; `clinictwin cfir constructs --frame {self.key}` lists them"
            )
        return found

    @functools.cached_property
    def _by_spelling(self) -> Mapping[str, str]:
        every = (*self.constructs, *self.parts, *self.roles)
        return {NONE: NONE} | {_plain(text): one.key for one in every for text in (one.key, one.name)}


def _plain(text: str) -> str:
    return "_".join(text.replace("-", " ").replace("_", " ").casefold().split())


def _codes(domain: Domain) -> Iterator[str]:
    for construct in (*domain.constructs, *domain.roles):
        yield construct.key
        yield from (part.key for part in construct.parts)


@functools.cache
def load_frame(key: str = "cfir2") -> Frame:
    """One of the frames that ship with the package. Raises ImplementationError on another key."""
    if key not in FRAME_KEYS:
        raise ImplementationError(
            f"frame: met {key!r:.80}{nearest(key, FRAME_KEYS)} (there are {', '.join(FRAME_KEYS)})"
        )
    content = shipped(key)
    domains = tuple(
        Domain(d["key"], d["name"], d["about"], _constructs(d["constructs"]), _constructs(d.get("roles", ())))
        for d in content["domains"]
    )
    return Frame(content["key"], content["name"], content["title"], content["source"], domains)


def _constructs(rows: Any) -> tuple[Construct, ...]:
    return tuple(
        Construct(row["key"], row["name"], row["meaning"], row.get("ask", ""), _constructs(row.get("parts", ())))
        for row in rows
    )


@functools.cache
def shipped(name: str) -> Any:
    """The content of a YAML file that ships in this package's data folder; not to be changed by who reads it."""
    return read_yaml(DATA / f"{name}.yaml").content
