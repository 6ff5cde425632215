"""A FHIR bulk export of practitioners' days to measure with: into the event log, and through `fhir.resources`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

PRACTITIONERS = 200
Fields = dict[str, Any]


def write_export(folder: Path, resources: int) -> int:
    """For each visit an appointment, an encounter, two audit events and a step count; returns how many in all."""
    folder.mkdir()
    npi = "http://hl7.org/fhir/sid/us-npi"
    people = [_resource("Practitioner", f"d{k}", "2020-01-01T00:00:00Z", identifier=[
        {"system": npi, "value": f"{k:010d}"}], name=[{"family": "Else", "given": ["Somebody"]}])
        for k in range(PRACTITIONERS)]  # fmt: skip
    _write(folder, people)
    visits = resources // 5
    for kind in (_appointment, _encounter, _audit_event, _later_audit_event, _step_count):
        _write(folder, [kind(k) for k in range(visits)])
    return 5 * visits + PRACTITIONERS


def into_log_from_fhir(export: Path, target: Path) -> int:
    """Ingest; returns the number of resources read."""
    from calibration.event_log import EventLog
    from calibration.pseudonyms import Pseudonyms
    from calibration.sources import Options, open_source

    with EventLog(target) as log:
        source = open_source(f"fhir:{export}", Options(pseudonyms=Pseudonyms(bytes(32)), timezone="America/New_York"))
        receipt = log.ingest(source)
        assert receipt.total.refused == 0 and not source.description["skipped"]
    return sum(source.description["resources"].values())


def validate(export: Path, target: Path) -> int:
    """Check the same resources against the models of FHIR R4B; returns their number. Nothing is stored."""
    from fhir.resources.R4B import get_fhir_model_class

    count = 0
    for path in sorted(export.iterdir()):
        model = get_fhir_model_class(path.name.partition(".")[0])
        with path.open("rb") as file:
            for line in file:
                model.model_validate_json(line)
                count += 1
    return count


def _write(folder: Path, resources: list[Fields]) -> None:
    kind = resources[0]["resourceType"]
    with (folder / f"{kind}.{len(list(folder.iterdir()))}.ndjson").open("w") as file:
        file.writelines(json.dumps(resource) + "\n" for resource in resources)


def _resource(kind: str, identity: str, updated: str, **more: Any) -> Fields:
    return {"resourceType": kind, "id": identity, "meta": {"lastUpdated": updated}, **more}


def _who(visit: int) -> Fields:
    return {"reference": f"Practitioner/d{visit % PRACTITIONERS}", "display": "Dr. Somebody Else"}


def _minute(visit: int, minute: int = 0) -> str:
    """Of a practitioner's visits twenty a day, every twenty minutes."""
    day, slot = divmod(visit // PRACTITIONERS, 20)
    instant = np.datetime64("2020-01-01T13:00") + np.timedelta64(1440 * day + 20 * slot + minute, "m")
    return f"{instant}:00Z"


def _concept(system: str, code: str) -> Fields:
    return {"coding": [{"system": system, "code": code, "display": "what it is, in words"}], "text": "and again"}


def _appointment(k: int) -> Fields:
    patient = {"actor": {"reference": f"Patient/p{k}"}, "status": "accepted"}
    return _resource("Appointment", f"a{k}", _minute(k, 30), status="fulfilled", start=_minute(k), end=_minute(k, 20),
                     participant=[patient, {"actor": _who(k), "status": "accepted"}])  # fmt: skip


def _encounter(k: int) -> Fields:
    act, role = (f"http://terminology.hl7.org/CodeSystem/v3-{name}" for name in ("ActCode", "ParticipationType"))
    return _resource("Encounter", f"e{k}", _minute(k, 30), status="finished", subject={"reference": f"Patient/p{k}"},
                     type=[_concept("http://snomed.info/sct", "185347001")],
                     participant=[{"type": [_concept(role, "PPRF")], "individual": _who(k)}],
                     period={"start": _minute(k), "end": _minute(k, 18)},
                     **{"class": {"system": act, "code": "AMB"}})  # fmt: skip


def _audit_event(k: int, minute: int = 3) -> Fields:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"}
    return _resource("AuditEvent", f"l{minute}-{k}", _minute(k, 30), type=kind, action="U", recorded=_minute(k, minute),
                     agent=[{"who": _who(k), "requestor": True}], source={"observer": {"display": "the EHR"}},
                     entity=[{"what": {"reference": f"DocumentReference/n{k}"}}])  # fmt: skip


def _later_audit_event(k: int) -> Fields:
    return _audit_event(k, 17)


def _step_count(k: int) -> Fields:
    return _resource("Observation", f"o{k}", _minute(k, 30), status="final", performer=[_who(k)],
                     code=_concept("http://loinc.org", "55423-8"),
                     effectivePeriod={"start": _minute(k), "end": _minute(k, 20)},
                     valueQuantity={"value": 250, "unit": "steps", "code": "{steps}",
                                    "system": "http://unitsofmeasure.org"})  # fmt: skip
