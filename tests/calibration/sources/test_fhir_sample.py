"""A real FHIR bulk export goes in as it is: visits per practitioner and day come out, and nobody's name."""

import datetime as dt
import gzip
import json
import os
import random
import shutil
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms, load_key, new_key
from calibration.sources import Options, open_source
from experiments.cli import app

DATA = Path(os.environ.get("CLINICTWIN_DATA") or Path(__file__).parents[4] / "shared" / "data")
SAMPLE = DATA / "fhir-bulk-10-patients"
ZONE = "America/New_York"
KEY = Pseudonyms(bytes(range(32)))
RECEIVED = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
LONGEST_MINUTES = 1440  # of a visit; the sample has an ambulatory one that is longer

pytestmark = pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"no sample export in {SAMPLE}")


def take(log, *paths):
    options = Options(pseudonyms=KEY, timezone=ZONE, received_at=RECEIVED)
    return [log.ingest(open_source(f"fhir:{path}", options)) for path in paths]


def resources(kind):
    return [json.loads(line) for line in (SAMPLE / f"{kind}.000.ndjson").read_text().splitlines()]


def test_visits_per_practitioner_and_day(tmp_path):
    kept, minutes, refused = Counter(), Counter(), 0
    for encounter in resources("Encounter"):
        if encounter["class"]["code"] != "AMB":
            continue
        ends = sorted(dt.datetime.fromisoformat(encounter["period"][name]) for name in ("start", "end"))
        day = ends[0].astimezone(ZoneInfo(ZONE)).date()
        long = (ends[1] - ends[0]).total_seconds() / 60
        for participant in encounter["participant"]:
            npi = participant["individual"]["reference"].removeprefix(
                "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|"
            )
            kept[KEY.person(npi), day] += 1
            if long <= LONGEST_MINUTES:
                minutes[KEY.person(npi), day] += long
            else:
                refused += 1
    with EventLog(tmp_path / "log") as log:
        source = open_source(f"fhir:{SAMPLE}", Options(pseudonyms=KEY, timezone=ZONE, received_at=RECEIVED))
        receipt = log.ingest(source)
        table = log.observations()
    table["day"] = table["measured_at"].dt.tz_convert(ZONE).dt.date
    for measure, expected in (("kept_count", kept), ("visit_minutes", minutes)):
        found = table[table["measure"] == measure].set_index(["who", "day"])["value"]
        assert found.index.is_unique
        assert found.to_dict() == pytest.approx(dict(expected))
    assert sum(kept.values()) == 1133 and receipt.total.refused == refused == 1
    assert source.description["resources"]["Encounter"] == 1215
    assert source.description["not_read"] == ["Location", "Organization", "Patient"]
    assert source.description["skipped"] == {
        "Encounter: not in person and ambulatory": 82,
        "PractitionerRole: without a period": 43,
    }


def test_order_splitting_and_repetition_do_not_matter(tmp_path):
    with EventLog(tmp_path / "whole") as log:
        take(log, SAMPLE)
        whole = log.digest
    lines = (SAMPLE / "Encounter.000.ndjson").read_bytes().splitlines()
    rng = random.Random(1)
    rng.shuffle(lines)
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Encounter.000.ndjson").write_bytes(b"\n".join(lines[:500]))
    (folder / "Encounter.001.ndjson").write_bytes(b"\r\n".join([*lines[400:700], b""]))
    (folder / "Encounter.002.ndjson.gz").write_bytes(gzip.compress(b"\n".join(lines[600:])))
    shutil.copy(SAMPLE / "Practitioner.000.ndjson", folder)
    files = sorted(folder.iterdir())
    for arrival in ([folder], files[::-1], [files[2], SAMPLE, files[0], files[2]]):
        with EventLog(tmp_path / f"{len(list(tmp_path.iterdir()))}.log") as log:
            take(log, *arrival)
            assert log.digest == whole


# What of each type names a person or is free text; `id` also finds people and visits in the EHR.
TELLING = frozenset(
    {
        "id",
        "family",
        "given",
        "prefix",
        "line",
        "city",
        "postalCode",
        "birthDate",
        "div",
        "text",
        "display",
        "name",
        "valueString",
        "latitude",
        "longitude",
    }
)
OF_ANYBODY = frozenset({"identifier", "telecom"})


def telling_texts(value, key="", above=""):
    """Every text of a resource that could give somebody away."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from telling_texts(inner, name, key)
    elif isinstance(value, list):
        for inner in value:
            yield from telling_texts(inner, key, above)
    elif (key in TELLING or (key == "value" and above in OF_ANYBODY)) and len(str(value)) > 4:
        yield str(value)


def test_nobody_can_be_found_in_the_log_or_the_output(tmp_path):
    export, key, log = tmp_path / "export", tmp_path / "key", tmp_path / "clinic.log"
    shutil.copytree(SAMPLE, export)
    new_key(key)
    name = resources("Encounter")[0]["subject"]["display"]
    one = (SAMPLE / "Encounter.000.ndjson").read_text().splitlines()[0]
    damage = [
        ('"finished"', f'"{name}"'),
        ('"class":{', '"class":{"code":3,'),
        ('"period":{', f'"period":{{"{name}":NaN,'),
        ("Practitioner?identifier=", f"Practitioner/{name}?"),
        ("1989-10-04T02:25:16-04:00", name),
        ("Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|", "Practitioner/"),
        ('"resourceType":"Encounter"', f'"resourceType":"{name}"'),
    ]
    broken = [one[:-40], json.dumps([name]), '{"resourceType":"' + name, *(one.replace(*change) for change in damage)]
    assert len(set(broken)) == 10 and one not in broken
    with (export / "Encounter.000.ndjson").open("a") as file:
        file.write("\n".join(["", *broken]))
    with EventLog(log) as other:  # so that the write-ahead log stays
        result = CliRunner().invoke(
            app, ["ingest", f"fhir:{export}", "--log", str(log), "--key", str(key), "--timezone", ZONE]
        )
        listed = CliRunner().invoke(app, ["dead-letters", str(log)])
        assert result.exit_code == listed.exit_code == 0
        assert len(list(other.dead_letters())) >= 8
        written = [path.read_bytes() for path in sorted(tmp_path.glob("clinic.log*"))]
        assert len(written) > 1 and other.people()
    stored = b"".join([*written, log.read_bytes(), (result.output + listed.output).encode()])
    sample = [json.loads(line) for path in sorted(SAMPLE.iterdir()) for line in path.read_text().splitlines()]
    secrets = {text for resource in sample for text in telling_texts(resource)}
    assert len(secrets) > 2000 and name in secrets and resources("Practitioner")[0]["identifier"][0]["value"] in secrets
    assert [text for text in sorted(secrets) if text.encode() in stored] == []
    assert load_key(key).fingerprint.encode() in stored
