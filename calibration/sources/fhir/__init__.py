"""FHIR R4 bulk exports (NDJSON): what the resources of a clinic say of its practitioners' days.

An address is a folder or one file, with choices behind a question mark (`calibration.sources.fhir.choices`):
`fhir:export/`, `fhir:export/Encounter.000.ndjson`, `fhir:export?kept_from=appointments&task_load=tlx1,tlx2,tlx3,tlx4`.

| resource | becomes | rules in |
| --- | --- | --- |
| Encounter, Appointment, Slot (its Schedule) | kept, booked and no-show counts, visit and scheduled minutes | visits |
| AuditEvent | EHR, note, inbox and order minutes, messages | audit |
| Observation, QuestionnaireResponse | sleep, heart rate, variability, steps; burnout, load, motivation | personal |
| PractitionerRole | employed | employment |
| Practitioner (and roles, schedules) | one identity a person | directory |

**Days.** An event belongs to the day on which it starts in the clinic's time zone, also if it ends after midnight; a
night's sleep to the day on which it ends. Every value is stamped with the first instant of its day, because an event
may be received on the same day. **Receipt** is `meta.lastUpdated`, or when the file was received if that is missing.
**Third-next-available** is not derived: it takes all free slots of one moment, for which no file can vouch.

**Limit.** A resource is recognised by its id within a person and a day. A correction that moves a past event to
another day or person leaves the old one: the log cannot retract a part by another day's fact. Plans may be moved
freely until their day begins, since they are only counted from exports made after that.
"""

from __future__ import annotations

from calibration.sources.extracts import Options
from calibration.sources.fhir.choices import Choices, split_address
from calibration.sources.fhir.source import FhirSource

__all__ = ["Choices", "FhirSource", "open_source"]


def open_source(address: str, options: Options) -> FhirSource:
    """The source of a bulk export's folder or file. Raises SourceError on a choice that is not known."""
    path, choices = split_address(address)
    return FhirSource(path, options, choices)
