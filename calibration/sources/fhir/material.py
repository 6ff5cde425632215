"""What the rules for resources know of the material around them, and the account of what was met in it."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from typing import Any

from calibration.sources.fhir.choices import Choices
from calibration.sources.fhir.directory import Directory
from calibration.sources.fhir.facts import Clock

MOST_NAMES = 20  # units or code systems kept of one measure
MOST_TYPES = 200  # of resources told apart; R4 has fewer
_SYSTEM = re.compile(r"(?:https?://|urn:)[\w.:/#~\-]{1,100}", re.ASCII)
_UNIT = re.compile(r"[\w./%{}\[\]()\-]{1,40}", re.ASCII)
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,39}")
OTHER = "(other)"


@dataclasses.dataclass
class Met:
    """Counts and names of what was met; stored, so without values, identifiers and free text."""

    resources: Counter[str] = dataclasses.field(default_factory=Counter)
    not_read: set[str] = dataclasses.field(default_factory=set)
    skipped: Counter[str] = dataclasses.field(default_factory=Counter)
    codes: dict[str, set[str]] = dataclasses.field(default_factory=lambda: defaultdict(set))
    units: dict[str, set[str]] = dataclasses.field(default_factory=lambda: defaultdict(set))

    def resource(self, kind: str, *, is_read: bool = True) -> None:
        """Count a resource."""
        known = kind in self.resources or len(self.resources) < MOST_TYPES
        name = kind if known and _TYPE.fullmatch(kind) else OTHER
        self.resources[name] += 1
        if not is_read:
            self.not_read.add(name)

    def code(self, measure: str, system: str | None) -> None:
        """Note the code system by which a measure was recognised."""
        _keep(self.codes[measure], system, _SYSTEM)

    def unit(self, measure: str, unit: str | None) -> None:
        """Note a unit as it came."""
        _keep(self.units[measure], unit, _UNIT)

    def describe(self) -> dict[str, Any]:
        """As JSON, sorted."""
        return {
            "resources": dict(sorted(self.resources.items())),
            "not_read": sorted(self.not_read),
            "skipped": dict(sorted(self.skipped.items())),
            "codes": {measure: sorted(names) for measure, names in sorted(self.codes.items())},
            "units": {measure: sorted(names) for measure, names in sorted(self.units.items())},
        }


@dataclasses.dataclass(frozen=True)
class Material:
    """An export as its resources see it."""

    clock: Clock
    directory: Directory
    choices: Choices
    met: Met = dataclasses.field(default_factory=Met)


def _keep(names: set[str], name: str | None, plain: re.Pattern[str]) -> None:
    if name is not None and name not in names and len(names) < MOST_NAMES:
        names.add(name if plain.fullmatch(name) else OTHER)
