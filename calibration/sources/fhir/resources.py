"""The parts of FHIR R4 resources that are read; everything else (names, addresses, texts) is never even decoded.

Definitions: https://hl7.org/fhir/R4/. A part of the wrong type makes the whole resource unreadable.
"""

from __future__ import annotations

import msgspec

Strings = list[str]


class Part(msgspec.Struct, rename="camel"):
    """An element; keys that are not listed are passed over."""


class Meta(Part):
    last_updated: str | None = None


class Identifier(Part):
    system: str | None = None
    value: str | None = None


class Reference(Part):
    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None


class Period(Part):
    start: str | None = None
    end: str | None = None


class Extension(Part):
    url: str | None = None
    value_decimal: float | None = None


class Coding(Part):
    system: str | None = None
    code: str | None = None
    extension: list[Extension] = []


class Concept(Part):
    coding: list[Coding] = []


class Quantity(Part):
    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None


class Resource(msgspec.Struct, rename="camel", tag_field="resourceType", tag=True):
    """What all resources share. ``contained`` is decoded only where something points into it."""

    id: str | None = None
    meta: Meta | None = None
    contained: list[msgspec.Raw] = []


class Practitioner(Resource):
    identifier: list[Identifier] = []


class PractitionerRole(Resource):
    practitioner: Reference | None = None
    period: Period | None = None


class Schedule(Resource):
    actor: list[Reference] = []


class EncounterParticipant(Part):
    type: list[Concept] = []
    individual: Reference | None = None


class Encounter(Resource):
    status: str | None = None
    class_: Coding | None = msgspec.field(name="class", default=None)
    participant: list[EncounterParticipant] = []
    period: Period | None = None


class AppointmentParticipant(Part):
    actor: Reference | None = None
    status: str | None = None


class Appointment(Resource):
    status: str | None = None
    start: str | None = None
    participant: list[AppointmentParticipant] = []


class Slot(Resource):
    schedule: Reference | None = None
    status: str | None = None
    start: str | None = None
    end: str | None = None


class Agent(Part):
    who: Reference | None = None
    requestor: bool | None = None


class Entity(Part):
    what: Reference | None = None
    type: Coding | None = None


class AuditEvent(Resource):
    type: Coding | None = None
    action: str | None = None
    recorded: str | None = None
    agent: list[Agent] = []
    entity: list[Entity] = []


class Observation(Resource):
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    performer: list[Reference] = []
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    value_quantity: Quantity | None = None
    value_integer: int | None = None


class Answer(Part):
    value_integer: int | None = None
    value_decimal: float | None = None
    value_quantity: Quantity | None = None
    value_coding: Coding | None = None
    item: list[Item] = []


class Item(Part):
    link_id: str | None = None
    answer: list[Answer] = []
    item: list[Item] = []


class QuestionnaireResponse(Resource):
    status: str | None = None
    subject: Reference | None = None
    source: Reference | None = None
    author: Reference | None = None
    authored: str | None = None
    item: list[Item] = []


Who = Practitioner | PractitionerRole | Schedule
Known = (
    Practitioner
    | PractitionerRole
    | Schedule
    | Encounter
    | Appointment
    | Slot
    | AuditEvent
    | Observation
    | QuestionnaireResponse
)


class Named(msgspec.Struct, rename="camel"):
    """Any resource: only what it is."""

    resource_type: str
