"""`clinictwin map`, `ingest` and `dead-letters`, one after another, as a person would use them."""

from calibration.event_log import EventLog

EXTRACT = "npi,day,sleep hours,steps,name\n1,2024-03-01,7.5,5000,Ann Roe\n2,2024-03-01,n/a,4000,Bob Roe\n"


def test_from_an_extract_to_a_log(run, tmp_path):
    (tmp_path / "sleep.csv").write_text(EXTRACT)
    run("map", "sleep.csv", "--timezone", "Europe/Paris", "--out", "mapping.yaml")
    mapping = (tmp_path / "mapping.yaml").read_text()
    (tmp_path / "poor.yaml").write_text(mapping.replace(', n/a"', "").replace(', "n/a"', ""))
    ingest = ("ingest", "sleep.csv", "--log", "clinic.log", "--mapping", "poor.yaml")
    assert "--key: missing" in run(*ingest, status=2)
    run("pseudonym-key", "key")
    first = run(*ingest, "--key", "key")
    assert "1 refused records wait" in first and "wearable" in first
    run(*ingest, "--key", "key", "--strict", status=1)
    listed = run("dead-letters", "clinic.log")
    assert "sleep.csv, record 3, column sleep hours: value: met a text of 3 characters" in listed
    run("dead-letters", "clinic.log", "--strict", status=1)
    assert "no refused records wait" in run("dead-letters", "clinic.log", "--retry", "--mapping", "mapping.yaml")
    with EventLog("clinic.log") as log:
        assert set(log.observations()["value"]) == {450.0, 5000.0, 4000.0}
    assert b"Roe" not in (tmp_path / "clinic.log").read_bytes()


def test_what_cannot_be_read_does_not_stop_the_rest(run, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "table.csv").write_text(
        "who,stream,measure,measured_at,received_at,value,unit,quality\n"
        "physician-001,wearable,steps,2024-03-01T06:00:00Z,2024-03-01T07:00:00Z,100,1,good\n"
        "Ann Roe,wearable,steps,2024-03-01T06:00:00Z,2024-03-01T07:00:00Z,100,1,good\n"
    )
    output = run("ingest", "folder.csv", "what.ever", "none.csv", "table.csv", "--log", "clinic.log")
    assert "met a folder" in output and "met the ending '.ever'" in output and "No such file" in output
    with EventLog("clinic.log") as log:
        assert log.people() == ["physician-001"]
    (tmp_path / "notes").write_text("no log\n" * 100)
    assert "not an event log" in run("ingest", "table.csv", "--log", "notes", status=2)


def test_a_changed_look_is_said_at_once(run, tmp_path):
    header = "who,stream,measure,measured_at,received_at,value,unit,quality\n"
    row = "physician-001,wearable,steps,2024-03-01T06:00:00Z,2024-03-01T07:00:00Z,100,{},good\n"
    (tmp_path / "a-1.csv").write_text(header + row.format("1"))
    (tmp_path / "a-2.csv").write_text(header + row.format("count"))
    assert "changed" not in run("ingest", "a-1.csv", "--log", "clinic.log")
    second = run("ingest", "a-2.csv", "--log", "clinic.log")
    assert "changed in a-2.csv since the ingest before: unit of 'steps' was 1, is now count" in second
    assert "changed" not in run("ingest", "a-2.csv", "--log", "clinic.log")
