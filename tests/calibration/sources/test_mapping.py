"""Mapping files: what is wrong is named, what is proposed works, and what was refused comes in once it is mended."""

import pytest

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms
from calibration.sources import Mapping, MappingError, Options, load_mapping, open_source
from calibration.sources.propose import propose_mapping
from calibration.sources.retry import as_observations, with_mapping
from calibration.sources.units import factor

KEY = Pseudonyms(bytes(range(32)))
GOOD = """
layout: wide
timezone: Europe/Paris
who: npi
time: {column: day, at: "23:30"}
measures: {sleep_minutes: {column: sleep, unit: h}}
"""


def write(folder, text, name="mapping.yaml"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(("old", "new", "reason"), [
    ("layout: wide", "layout: broad", "layout: .*'long' or 'wide'"),
    ("Europe/Paris", "Paris", "timezone: met 'Paris'"),
    ("who: npi", "whom: npi", "whom: .*did you mean 'who'"),
    ("sleep_minutes", "sleep_minuts", "did you mean 'sleep_minutes'"),
    ("unit: h", "unit: mmHg", "unit: met 'mmHg', expected one of min, h, s"),
    ("layout: wide", "layout: long", "measure: missing; a long layout needs it"),
    ("who: npi", "who: npi\nvalue: x", "value: met in a wide layout"),
    ("who: npi", "who: npi\ndelimiter: '::'", "delimiter: met '::'"),
    ("who: npi", "who: npi\nencoding: utf-16", "encoding: met 'utf-16'"),
    ("layout: wide", "- layout", "not readable as YAML|met a list"),
    ("who: npi", "who: !!python/object/apply:os.system ['true']", "not readable as YAML"),
    ("who: npi", "who: npi #" + "x" * 300_000, "more than 262,144 bytes"),
])  # fmt: skip
def test_what_is_wrong_with_a_mapping_is_named(tmp_path, old, new, reason):
    assert load_mapping(write(tmp_path, GOOD)).columns == ["npi", "day", "sleep"]
    with pytest.raises(MappingError, match=reason):
        load_mapping(write(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize(("given", "wanted", "value", "result"), [
    ("h", "min", 7.5, 450), ("Hours", "min", 7.5, 450), ("s", "min", 27000, 450), ("ms", "min", 60_000, 1),
    ("s", "ms", 0.042, 42), ("{beats}/min", "1/min", 61, 61), ("d", "day", 3, 3), ("steps", "1", 100, 100),
])  # fmt: skip
def test_known_units_are_converted(given, wanted, value, result):
    up, down = factor(given, wanted)
    assert value * up / down == pytest.approx(result, rel=1e-15)
    assert factor("mmHg", wanted) is None


EXTRACTS = {
    "wide.csv": "Provider NPI;Visit Date;Sleep (hours);Resting HR;Steps;Provider Name\n"
                "11;13/03/2024;7,5;61;5000;Ann Roe\n12;14/03/2024;6,25;n/a;4000;Bob Roe\n",
    "long.csv": "employee_id,recorded_at,metric,value,uom,loaded_at\n"
                "11,2024-03-13T06:30:00,SLEEP,7.5,h,2024-03-14T00:00:00Z\n"
                "12,2024-03-13T06:30:00,RHR,60,bpm,2024-03-14T00:00:00Z\n",
    "points.ndjson": '{"user": {"id": "a"}, "effective": {"start": "2024-03-13T06:30:00Z"}, "body": {"steps": 4000}}\n',
    "latin.csv": "Médecin clinician,date,total sleep min\n7,2024-03-01,430\n",
}  # fmt: skip


@pytest.mark.parametrize("name", EXTRACTS)
def test_a_proposed_mapping_reads_the_extract(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(EXTRACTS[name].encode("cp1252" if name == "latin.csv" else "utf-8"))
    text = propose_mapping(path, "Europe/Paris")
    assert "Roe" not in text
    mapping = load_mapping(write(tmp_path, text))
    with EventLog(tmp_path / "log") as log:
        log.ingest(open_source(str(path), Options(mapping, KEY)))
        assert not list(log.dead_letters()), text
        known = log.observations()
    expected = {"wide.csv": {375.0, 450.0, 61.0, 4000.0, 5000.0}, "long.csv": {450.0, 60.0},
                "points.ndjson": {4000.0}, "latin.csv": {430.0}}  # fmt: skip
    assert set(known["value"]) == expected[name]


def test_what_a_proposal_leaves_open_is_refused_until_it_is_filled_in(tmp_path):
    path = write(tmp_path, "employee,day,metric,value\n1,2024-03-01,XYZ,5\n", "extract.csv")
    text = propose_mapping(path)
    assert "XYZ: FILL-IN" in text
    with pytest.raises(MappingError, match="timezone: met 'FILL-IN'"):
        load_mapping(write(tmp_path, text))


def test_refused_records_come_in_with_a_mended_mapping(tmp_path):
    lines = ["npi,day,code,amount,uom,note", "11,2024-03-01,SLEEP,7.5,Std,private", "12,2024-03-01,STEPS,100,,",
             "13,2024-03-02,NAP,20,min,", "14,2024-03-02,SLEEP,none,min,"]  # fmt: skip
    path = write(tmp_path, "\n".join([*lines, ""]), "extract.csv")
    keys = {"layout": "long", "timezone": "Europe/Paris", "who": "npi", "time": {"column": "day", "at": "23:30"},
            "value": "amount"}  # fmt: skip
    poor = Mapping.model_validate(
        keys | {"measure": {"column": "code", "names": {"STEPS": "steps"}}, "unit": {"column": "uom"}}
    )
    better = Mapping.model_validate(
        keys | {"measure": {"column": "code", "names": {"STEPS": "steps", "SLEEP": "sleep_minutes"}},
                "unit": {"column": "uom", "names": {"Std": "h"}}, "missing": ["", "none"]}
    )  # fmt: skip
    with EventLog(tmp_path / "retried") as log, EventLog(tmp_path / "anew") as anew:
        receipt = log.ingest(open_source(str(path), Options(poor, KEY)))
        assert (receipt.total.new, receipt.total.refused) == (1, 3)
        assert b"private" not in log.path.read_bytes()
        counts = log.retry(list(log.dead_letters()), with_mapping(better))
        assert counts["wearable"].new == 1
        anew.ingest(open_source(str(path), Options(better, KEY)))
        assert log.digest == anew.digest
        (nap,) = log.dead_letters()
        assert nap.offset == 4 and "NAP" in nap.reason
        history = log.history(KEY.person("11"), "sleep_minutes")
        assert history[["source", "offset", "value"]].values.tolist() == [["extract.csv", 2, 450.0]]
        # a mapping that names another column finds nothing in what was kept
        renamed = better.model_copy(update={"value": better.value.model_copy(update={"column": "quantity"})})
        assert not sum(c.new for c in log.retry([nap], with_mapping(renamed)).values())
        assert "'quantity' was not kept" in next(log.dead_letters()).reason
        assert not sum(c.new for c in log.retry([nap], as_observations).values())
        log.dismiss(log.dead_letters())
        assert not list(log.dead_letters()) and len(list(log.dead_letters(settled=True))) == 3
