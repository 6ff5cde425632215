"""Visits and the time offered for them: Encounter, Appointment and Slot.

**Encounter.** Counts are of in-person ambulatory visits (class AMB of v3-ActCode) that are finished: one kept visit
for each primary performer or attender (or participant without a type), and the minutes of the encounter's period,
whose ends may stand in either order. Inpatient, emergency, home and virtual encounters are no visits to the clinic.
One that was cancelled or entered in error counts zero, which withdraws what an earlier version said; others are not
over yet and say nothing.

**Appointment.** Booked is every appointment that stands at its end (booked, arrived, checked-in, fulfilled, noshow);
a cancelled one counts zero. Kept visits come from encounters or from appointments, as was chosen, never from both.

**Slot.** Scheduled minutes are those of slots offered to patients, taken or free; time made unavailable is zero.
Slots that overlap (of several schedules) count each.
"""

from __future__ import annotations

from calibration.sources.fhir.facts import Fact, Skip, Wrong
from calibration.sources.fhir.material import Material
from calibration.sources.fhir.resources import Appointment, Encounter, EncounterParticipant, Slot

MINUTE = 60_000_000  # in microseconds
_CLASS_SYSTEMS = ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode", None)
_IN_PERSON = "AMB"
_RESPONSIBLE = frozenset({"PPRF", "ATND"})  # v3-ParticipationType: primary performer, attender
_WITHDRAWN = frozenset({"cancelled", "entered-in-error"})
_CAME = frozenset({"arrived", "checked-in", "fulfilled"})
_STANDS = _CAME | {"booked", "noshow"}
_OFFERED = frozenset({"free", "busy", "busy-tentative"})
_NOT_OFFERED = frozenset({"busy-unavailable", "entered-in-error"})


def of_encounter(encounter: Encounter, material: Material) -> list[Fact]:
    """Kept visits and their minutes. Raises Skip, Wrong."""
    kind = encounter.class_
    if kind is None or kind.system not in _CLASS_SYSTEMS:
        raise Skip("class of no known system")
    if kind.code != _IN_PERSON:
        raise Skip("not in person and ambulatory")
    is_over = encounter.status == "finished"
    if not is_over and encounter.status not in _WITHDRAWN:
        raise Skip("not finished")
    people = material.directory.people(
        (p.individual for p in encounter.participant if _is_responsible(p)), encounter.contained
    )
    if not people:
        raise Skip("without a responsible practitioner")
    period = encounter.period
    if period is None or (period.start is None and period.end is None):
        raise Wrong("period: met nothing, expected a start and an end")
    ends = [material.clock.moment(t, "period") for t in (period.start, period.end) if t is not None]
    start, end = min(ends), max(ends)
    material.met.code("kept_count", kind.system)
    part = f"Encounter/{encounter.id}"
    facts = []
    for person in people:
        if material.choices.kept_from == "encounters":
            facts.append(Fact(person, "kept_count", float(is_over), start.day, part))
        if not any(moment.is_date for moment in ends) and (len(ends) == 2 or not is_over):
            minutes = (end.instant - start.instant) / MINUTE if is_over else 0.0
            facts.append(Fact(person, "visit_minutes", minutes, start.day, part))
    return facts


def _is_responsible(participant: EncounterParticipant) -> bool:
    codes = {coding.code for concept in participant.type for coding in concept.coding}
    return not codes or not codes.isdisjoint(_RESPONSIBLE)


def of_appointment(appointment: Appointment, material: Material) -> list[Fact]:
    """Booked visits and what became of them. Raises Skip, Wrong."""
    status = appointment.status
    if status not in _STANDS and status not in _WITHDRAWN:
        raise Skip("not booked")
    actors = (p.actor for p in appointment.participant if p.status != "declined")
    people = material.directory.people(actors, appointment.contained)
    if not people:
        raise Skip("without a practitioner")
    day = material.clock.moment(appointment.start, "start").day
    counts = {"booked_count": status in _STANDS, "no_show_count": status == "noshow"}
    if material.choices.kept_from == "appointments":
        counts["kept_count"] = status in _CAME
    part = f"Appointment/{appointment.id}"
    return [
        Fact(person, measure, float(counted), day, part, planned=True)
        for person in people
        for measure, counted in counts.items()
    ]


def of_slot(slot: Slot, material: Material) -> list[Fact]:
    """Minutes offered to patients. Raises Skip, Wrong."""
    if slot.status not in _OFFERED and slot.status not in _NOT_OFFERED:
        raise Wrong("status: met none of the standard's, expected free, busy, busy-unavailable or busy-tentative")
    people = material.directory.actors(slot.schedule)
    if not people:
        raise Skip("of no practitioner's schedule")
    start, end = (material.clock.moment(t, name) for t, name in ((slot.start, "start"), (slot.end, "end")))
    minutes = (end.instant - start.instant) / MINUTE if slot.status in _OFFERED else 0.0
    part = f"Slot/{slot.id}"
    return [Fact(person, "scheduled_minutes", minutes, start.day, part, planned=True) for person in people]
