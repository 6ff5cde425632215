"""Who fills a post: PractitionerRole's period.

Employed is said where it changes: 1 on a role's first day, 0 on the first day after it on which the person has no
other role in the export. A role without a period says nothing of when.
"""

from __future__ import annotations

from calibration.sources.fhir.facts import Fact, Skip
from calibration.sources.fhir.material import Material
from calibration.sources.fhir.resources import PractitionerRole


def of_role(role: PractitionerRole, material: Material) -> list[Fact]:
    """Changes of employment. Raises Skip, Wrong."""
    person, period = material.directory.role(role)
    if person is None:
        raise Skip("without a practitioner")
    if period is None:
        raise Skip("without a period")
    first, after = period
    facts = [Fact(person, "employed", 1.0, first, planned=True)]
    if after is not None and not material.directory.has_role(person, after):
        facts.append(Fact(person, "employed", 0.0, after, planned=True))
    return facts
