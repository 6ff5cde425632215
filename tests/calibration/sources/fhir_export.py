"""FHIR resources of a small clinic, written into export folders and read into logs."""

import datetime as dt
import json

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms
from calibration.sources import Options, open_source

KEY = Pseudonyms(bytes(range(32)))
ZONE = "America/New_York"
RECEIVED = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
NPI, LOINC = "http://hl7.org/fhir/sid/us-npi", "http://loinc.org"
ANN = {
    "resourceType": "Practitioner",
    "id": "ann",
    "identifier": [{"system": NPI, "value": "1111111111"}, {"system": "urn:staff", "value": "7"}],
}
BEN = {"resourceType": "Practitioner", "id": "ben", "identifier": [{"system": "urn:staff", "value": "8"}]}
ROLE = {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/ann"}}
PEOPLE = [ANN, BEN, ROLE]


def by_id(name="ann"):
    return {"reference": f"Practitioner/{name}"}


def encounter(
    who=None,
    name="e1",
    start="2024-03-05T09:00:00-05:00",
    end="2024-03-05T09:20:00-05:00",
    updated="2024-03-06T00:00:00Z",
    **more,
):
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"code": "AMB"},
        "meta": {"lastUpdated": updated},
        "participant": [{"individual": who or by_id()}],
        "period": {"start": start, "end": end},
        **more,
    }


def appointment(status, name="a1", start="2024-03-05T14:00:00Z", updated="2024-03-05T20:00:00Z", who=None):
    return {
        "resourceType": "Appointment",
        "id": name,
        "status": status,
        "start": start,
        "meta": {"lastUpdated": updated},
        "participant": [
            {"actor": {"reference": "Patient/p"}, "status": "accepted"},
            {"actor": who or by_id(), "status": "accepted"},
        ],
    }


def audit(at, kind=None, action="R", name="x", who=None):
    entity = [{"what": {"reference": f"{kind}/{name}"}}] if kind else []
    return {
        "resourceType": "AuditEvent",
        "id": f"{at}{kind}{name}",
        "action": action,
        "recorded": at,
        "agent": [{"who": who or by_id(), "requestor": True}, {"who": by_id("ben"), "requestor": False}],
        "entity": entity,
    }


def observation(code, value, unit, name="o1", **more):
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": by_id(),
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectivePeriod": {"start": "2024-03-05T03:00:00Z", "end": "2024-03-05T11:00:00Z"},
        "valueQuantity": {"value": value, "code": unit},
        **more,
    }


def survey(answers, **more):
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "status": "completed",
        "source": by_id(),
        "authored": "2024-03-05",
        **more,
        "item": [{"linkId": "page", "item": [{"linkId": k, "answer": v} for k, v in answers.items()]}],
    }


class Taken:
    """What became of some files, each a list of resources or of lines."""

    def __init__(self, folder, *files, choices="", zone=ZONE):
        number = len(list(folder.iterdir()))
        export = folder / f"export{number}"
        export.mkdir()
        for i, resources in enumerate(files):
            lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in resources]
            (export / f"{i}.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
        self.source = open_source(
            f"fhir:{export}{choices}", Options(pseudonyms=KEY, timezone=zone, received_at=RECEIVED)
        )
        with EventLog(folder / f"log{number}") as log:
            self.receipt = log.ingest(self.source)
            self.table, self.digest = log.observations(), log.digest
            self.reasons = [letter.reason for letter in log.dead_letters()]

    def values(self, who="1111111111", zone=ZONE):
        """{(measure, day of the month): value} of a person."""
        own = self.table[self.table["who"] == KEY.person(who)]
        days = own["measured_at"].dt.tz_convert(zone)
        assert (days == days.dt.normalize()).all()
        return dict(zip(zip(own["measure"], days.dt.day, strict=True), own["value"], strict=True))
