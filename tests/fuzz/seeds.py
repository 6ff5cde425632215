"""What the fuzzer begins with: a small honest file of each kind."""

import json

from tests.calibration.sources.fhir_export import PEOPLE, appointment, audit, encounter, observation

OBSERVATION = {
    "who": "physician-001", "stream": "wearable", "measure": "steps", "measured_at": "2024-03-01T06:00:00Z",
    "received_at": "2024-03-01T07:00:00Z", "value": 100, "unit": "1", "quality": "good",
}  # fmt: skip
POINT = {
    "header": {"uuid": "a", "user_id": "ann", "creation_date_time": "2024-03-12T12:00:00Z"},
    "body": {"step_count": {"value": 300, "unit": "steps"}, "effective_time_frame": {"time_interval": {
        "start_date_time": "2024-03-10T09:00:00", "duration": {"value": 1, "unit": "h"}}}},
}  # fmt: skip
SLEEP = {
    "header": POINT["header"],
    "body": {
        "total_sleep_time": {"value": 400, "unit": "min"},
        "effective_time_frame": {
            "time_interval": {
                "start_date_time": "2024-03-09T23:00:00-05:00",
                "end_date_time": "2024-03-10T07:00:00-04:00",
            }
        },
    },
}
EVENT = "\r\n".join([
    "BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:a", "DTSTART:20240304T080000Z", "DTEND:20240304T170000Z",
    "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20240305T080000Z", "SUMMARY:shift", "CATEGORIES:shift",
    "ATTENDEE:mailto:ann@example.org", "END:VEVENT", "END:VCALENDAR", "",
])  # fmt: skip


def _lines(*records: object) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


WIDE = b'npi,day,sleep,steps,comment\n1,2024-03-01,7.5,5000,a\n2,2024-03-02,"8",4000,"b\nc"\n'
LONG = b"npi,day,code,amount,uom,id\n1,2024-03-01,93832-4,7.5,Std.,e1\n"
TABLE = (",".join(OBSERVATION) + "\n" + ",".join(map(str, OBSERVATION.values())) + "\n").encode()
SEEDS: dict[str, list[bytes]] = {
    "csv": [TABLE, WIDE, LONG],
    "ndjson": [_lines(OBSERVATION), _lines({"npi": 1, "day": "2024-03-01", "sleep": 7.5, "steps": 5}),
               _lines({"npi": "1", "day": "2024-03-01", "code": "93832-4", "amount": 7, "uom": "h", "id": "e"})],
    "fhir": [_lines(*PEOPLE, encounter(), appointment("noshow")),
             _lines(*PEOPLE, observation("93832-4", 7, "h"), audit("2024-03-05T14:00:00Z", "Encounter"))],
    "open-mhealth": [_lines(POINT, SLEEP), json.dumps([POINT, SLEEP]).encode()],
    "roster": [b"who,start,end,kind\nann,2024-03-04T08:00,2024-03-04T12:00,shift\nann,2024-03-12,2024-03-13,absence\n"],
    "icalendar": [EVENT.encode()],
    "fitbit": [json.dumps([{"startTime": "2024-03-09T23:00:00.000", "endTime": "2024-03-10T07:00:00.000",
                            "minutesAsleep": 400}]).encode()],
    "fitbit-steps": [json.dumps([{"dateTime": "03/10/24 09:00:00", "value": "12"}]).encode()],
    "fitbit-heart": [json.dumps([{"dateTime": "03/10/24 00:00:00", "value": {"value": 58.1}}]).encode()],
    "fitbit-variability": [b"timestamp,rmssd\n2024-03-10T00:00:00,31.5\n"],
    "mqtt": [json.dumps(OBSERVATION).encode(), json.dumps(POINT).encode()],
    "mapping": [b'layout: wide\nwho: npi\ntime: {column: day, at: "23:30"}\nmeasures: {steps: steps}\n'],
    "proposal": [b"," + WIDE, b"\xff" + _lines(OBSERVATION)],
    "drift": [json.dumps([{"columns": {"a": "numbers", "b": None}, "units": {"x": ["h"]}},
                          {"columns": {"a": "texts"}, "units": {"x": ["s"]}}]).encode()],
}  # fmt: skip
