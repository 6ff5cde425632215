"""Work in the EHR from its audit log: AuditEvent.

Somebody counts as working in the EHR for the whole clock interval (`Choices.active_seconds`) in which an event of
theirs falls. The share of an interval does not depend on the events around it, so that a log may be split anywhere
and repeated; on average over where sessions begin, it is the same as letting each event last until the next one, and
at most that long. Minutes are split by what the events touched: notes and orders that are written, messages that are
read or written; an interval with several of these counts for each of them, and reading a chart only for the total.

A message counts on each day on which its receiver opens it: an audit log does not say when it arrived.
"""

from __future__ import annotations

from collections.abc import Iterator

from calibration.sources.fhir.facts import MICROSECONDS, Fact, Skip
from calibration.sources.fhir.material import Material
from calibration.sources.fhir.resources import AuditEvent, Entity

_WRITING = frozenset({"C", "U"})  # audit-event-action: create, update
_READING = "R"
# resource types that stand for a task (assumed)
_NOTES = frozenset({"DocumentReference", "Composition", "ClinicalImpression"})
_ORDERS = frozenset({"ServiceRequest", "MedicationRequest", "DeviceRequest", "NutritionOrder", "RequestGroup"})
_MESSAGES = frozenset({"Communication", "CommunicationRequest"})
_TYPE_SYSTEM = "resource-types"  # the last part of the code system of resource types


def of_audit_event(event: AuditEvent, material: Material) -> list[Fact]:
    """The share of an event in its day's minutes. Raises Skip, Wrong."""
    requestors = [a for a in event.agent if a.requestor] or event.agent
    people = material.directory.people((agent.who for agent in requestors), event.contained)
    if not people:
        raise Skip("of no practitioner")
    instant = material.clock.moment(event.recorded, "recorded").instant
    interval = material.choices.active_seconds * MICROSECONDS
    start = instant - instant % interval
    day = material.clock.day_of(start)
    minutes, part = material.choices.active_seconds / 60.0, f"AuditEvent/{start}/{interval}"
    if event.type is not None:
        material.met.code("ehr_minutes", event.type.system)
    measures = dict.fromkeys(["ehr_minutes", *_tasks(event, material)])
    facts = [Fact(person, measure, minutes, day, part) for person in people for measure in measures]
    opened = {name for entity in event.entity for name in _opened(event, entity)}
    facts += [Fact(person, "message_count", 1.0, day, name) for person in people for name in sorted(opened)]
    return facts


def _tasks(event: AuditEvent, material: Material) -> Iterator[str]:
    for entity in event.entity:
        kind = _kind(entity)
        if entity.type is not None:
            material.met.code("ehr_minutes", entity.type.system)
        if kind in _MESSAGES:
            yield "inbox_minutes"
        elif event.action in _WRITING and kind in _NOTES:
            yield "note_minutes"
        elif event.action in _WRITING and kind in _ORDERS:
            yield "order_minutes"


def _opened(event: AuditEvent, entity: Entity) -> Iterator[str]:
    reference = entity.what.reference if entity.what is not None else None
    if event.action == _READING and reference and _kind(entity) in _MESSAGES:
        yield f"{_kind(entity)}/{reference.partition('/_history/')[0].rpartition('/')[2]}"


def _kind(entity: Entity) -> str:
    """The type of the resource that was touched; empty if the event does not say."""
    if entity.what is not None:
        if entity.what.type:
            return entity.what.type
        parts = (entity.what.reference or "").partition("/_history/")[0].split("/")
        if len(parts) > 1:
            return parts[-2]
    if entity.type is not None and (entity.type.system or "").endswith(_TYPE_SYSTEM):
        return entity.type.code or ""
    return ""
