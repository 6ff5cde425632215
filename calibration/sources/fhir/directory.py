"""Who is who in an export: the same person by id, by NPI, by another identifier or through a role is one identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs

import msgspec

from calibration.sources.fhir.choices import NPI_OID, NPI_SYSTEM
from calibration.sources.fhir.facts import Clock, Wrong
from calibration.sources.fhir.resources import (
    Identifier,
    Practitioner,
    PractitionerRole,
    Reference,
    Resource,
    Schedule,
    Who,
)

PEOPLE = ("Practitioner", "PractitionerRole")
_NOT_FOUND = (
    "who: met a reference to a {} that the material does not resolve, expected one by the identifier system "
    "of people, or the export's Practitioner and PractitionerRole files beside it"
)
_contained = msgspec.json.Decoder(Practitioner | PractitionerRole)
Period = tuple[int, int | None]  # the first day of a role, and the first day after it


class Directory:
    """Resolves references to practitioners. Add all that says who is who, `settle`, and ask; order does not matter.

    A person's identity is the identifier of the preferred system (the NPI, as it stands); who has none is found by
    another identifier if exactly one person with a preferred one has it too, and else is named by the smallest
    identifier, or by the id. An identifier of the preferred system needs nobody to vouch for it.
    """

    def __init__(self, clock: Clock, preferred: str = NPI_SYSTEM) -> None:
        self._clock, self._preferred = clock, preferred
        self._newest: dict[tuple[str, str], tuple[int, Resource]] = {}
        self._by_id: dict[str, str] = {}
        self._by_identifier: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._roles: dict[str, list[Period]] = defaultdict(list)

    def add(self, resource: Who) -> None:
        """Take note of a resource; of several versions the one updated last counts."""
        if not resource.id:
            return
        updated = resource.meta.last_updated if resource.meta is not None else None
        try:
            version = self._clock.moment(updated, "meta.lastUpdated").instant if updated else 0
        except Wrong:
            version = 0
        key = (type(resource).__name__, resource.id)
        known = self._newest.get(key)
        if known is None or (version, msgspec.json.encode(resource)) > (known[0], msgspec.json.encode(known[1])):
            self._newest[key] = (version, resource)

    def settle(self) -> None:
        """Give everybody added one identity."""
        people = [r for r in self._of(Practitioner) if r.id is not None]
        named = {r.id: self._own_name(r) for r in people}
        for preferred in (True, False):
            found = {}
            for r in people:
                own = named[r.id]
                if (own is not None) is preferred:
                    found[r.id] = own or self._name_through_others(r)
            for r in people:
                if r.id in found:
                    self._by_id[str(r.id)] = found[r.id]
                    for system, value in self._identifiers(r):
                        self._by_identifier[system, value].add(found[r.id])
                        self._by_identifier["", value].add(found[r.id])
        for role in self._of(PractitionerRole):
            try:
                person, period = self.role(role)
            except Wrong:
                continue  # refused when it is read as an observation
            if person is not None and period is not None:
                self._roles[person].append(period)

    def person(
        self, reference: Reference | None, contained: Sequence[msgspec.Raw] = (), *, through_roles: bool = True
    ) -> str | None:
        """Who is meant; None if that is no practitioner. Raises Wrong on a practitioner who cannot be resolved.

        A role's own practitioner is asked for without ``through_roles``, so that roles cannot point in a circle.
        """
        if reference is None or (reference.type is not None and reference.type not in PEOPLE):
            return None
        kind, found = self._by_text(reference.reference or "", contained, through_roles)
        if found is None and kind in (*PEOPLE, "") and reference.identifier is not None:
            kind = kind or reference.type or ""
            found = self._find(reference.identifier)
        if found is None and (kind or reference.type) in PEOPLE:
            raise Wrong(_NOT_FOUND.format(kind or reference.type))
        return found

    def people(self, references: Iterable[Reference | None], contained: Sequence[msgspec.Raw] = ()) -> list[str]:
        """The practitioners among the references, each once. Raises Wrong."""
        return list(dict.fromkeys(p for r in references if (p := self.person(r, contained)) is not None))

    def actors(self, schedule: Reference | None) -> list[str]:
        """The practitioners whose schedule it is. Raises Wrong if the export does not hold it."""
        name = _last(schedule.reference or "")[1] if schedule is not None else ""
        _, found = self._newest.get(("Schedule", name), (0, None))
        if not isinstance(found, Schedule):
            raise Wrong(
                "schedule: met a Schedule that the material does not hold, expected the export's Schedule files"
            )
        return self.people(found.actor, found.contained)

    def role(self, role: PractitionerRole) -> tuple[str | None, Period | None]:
        """A role's person and days; None where it does not say. Raises Wrong."""
        person = self.person(role.practitioner, role.contained, through_roles=False)
        if role.period is None or role.period.start is None:
            return person, None
        first = self._clock.moment(role.period.start, "period.start")
        if role.period.end is None:
            return person, (first.day, None)
        last = self._clock.moment(role.period.end, "period.end")
        if last.instant < first.instant:
            raise Wrong("period: met an end before its start, expected it after")
        return person, (first.day, self._clock.day_after(last.instant))

    def has_role(self, person: str, day: int) -> bool:
        """Whether a role of the person covers a day."""
        return any(first <= day and (after is None or day < after) for first, after in self._roles.get(person, ()))

    def _of[R: Resource](self, kind: type[R]) -> list[R]:
        return [r for _, r in self._newest.values() if isinstance(r, kind)]

    def _identifiers(self, practitioner: Practitioner) -> list[tuple[str, str]]:
        return sorted(
            (self._system(i.system), (i.value or "").strip())
            for i in practitioner.identifier
            if (i.value or "").strip()
        )

    def _own_name(self, practitioner: Practitioner) -> str | None:
        return next((v for s, v in self._identifiers(practitioner) if s == self._preferred), None)

    def _name_through_others(self, practitioner: Practitioner) -> str:
        own = self._identifiers(practitioner)
        others = set().union(*(self._by_identifier.get(key, set()) for key in own if key[0]))
        if len(others) == 1:
            return next(iter(others))
        return "|".join(own[0]) if own else f"Practitioner/{practitioner.id}"

    def _system(self, system: str | None) -> str:
        text = (system or "").strip()
        return NPI_SYSTEM if text == NPI_OID else text

    def _find(self, identifier: Identifier) -> str | None:
        system, value = self._system(identifier.system), (identifier.value or "").strip()
        if not value:
            return None
        if system == self._preferred:
            return value
        found = self._by_identifier.get((system, value), set())
        if len(found) > 1:
            raise Wrong("who: met an identifier that several practitioners have, expected one of a single person")
        return next(iter(found), None)

    def _by_text(self, text: str, contained: Sequence[msgspec.Raw], through_roles: bool) -> tuple[str, str | None]:
        """(type if that is known, who if found) of a reference's text."""
        if text.startswith("#"):
            return self._within(text[1:], contained, through_roles)
        if text.startswith("urn:"):
            return self._by_name("", text.rpartition(":")[2], through_roles)
        path, mark, query = text.partition("?")
        if not mark:
            return self._by_name(*_last(path), through_roles)
        kind = path.rpartition("/")[2]
        if kind != "Practitioner":
            return kind, None
        system, bar, value = parse_qs(query).get("identifier", [""])[0].rpartition("|")
        return kind, self._find(Identifier(system if bar else None, value))

    def _by_name(self, kind: str, name: str, through_roles: bool) -> tuple[str, str | None]:
        if kind in ("Practitioner", "") and name in self._by_id:
            return "Practitioner", self._by_id[name]
        _, role = self._newest.get(("PractitionerRole", name), (0, None))
        if through_roles and kind in ("PractitionerRole", "") and isinstance(role, PractitionerRole):
            return "PractitionerRole", self.person(role.practitioner, role.contained, through_roles=False)
        return kind, None

    def _within(self, name: str, contained: Sequence[msgspec.Raw], through_roles: bool) -> tuple[str, str | None]:
        for raw in contained:
            try:
                inner = _contained.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # a resource of another type
            if (inner.id or "").removeprefix("#") != name:
                continue
            if isinstance(inner, Practitioner):
                found = (self._find(Identifier(s, v)) for s, v in self._identifiers(inner))
                return "Practitioner", self._own_name(inner) or next((f for f in found if f is not None), None)
            if through_roles:
                return "PractitionerRole", self.person(inner.practitioner, contained, through_roles=False)
        return "", None


def _last(path: str) -> tuple[str, str]:
    """(type, id) of a relative or absolute reference, with or without a version."""
    parts = path.partition("/_history/")[0].rstrip("/").split("/")
    return (parts[-2], parts[-1]) if len(parts) > 1 else ("", "")
