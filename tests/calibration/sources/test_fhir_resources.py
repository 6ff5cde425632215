"""What each FHIR resource says of a practitioner's day."""

from tests.calibration.sources.fhir_export import (
    LOINC,
    PEOPLE,
    Taken,
    appointment,
    audit,
    by_id,
    encounter,
    observation,
    survey,
)


def test_what_counts_as_a_visit(tmp_path):
    of_type = {"type": [{"coding": [{"code": "SPRF"}]}], "individual": by_id("ben")}
    taken = Taken(
        tmp_path,
        PEOPLE,
        [
            encounter(name="turned", start="2024-03-05T09:20:00-05:00", end="2024-03-05T09:00:00-05:00"),
            encounter(name="night", start="2024-03-05T23:50:00-05:00", end="2024-03-06T05:10:00Z"),
            encounter(name="utc", start="2024-03-06T03:00:00Z", end="2024-03-06T03:10:00Z"),
            encounter(name="local", start="2024-03-05T08:00:00", end="2024-03-05T08:10:00"),
            encounter(name="dates", start="2024-03-05", end="2024-03-05"),
            encounter(name="helped", participant=[{"individual": by_id()}, of_type]),
            encounter(name="virtual", **{"class": {"code": "VR"}}),
            encounter(name="begun", status="in-progress"),
            encounter(name="local class", **{"class": {"system": "urn:local", "code": "AMB"}}),
            encounter(name="error", status="entered-in-error"),
        ],
    )
    assert taken.values() == {("kept_count", 5): 6, ("visit_minutes", 5): 20 + 20 + 10 + 10 + 20}
    assert sum(taken.source.description["skipped"].values()) == 3 + 1  # the role has no period
    # the clocks went forward on 10 March: a visit over that hour is as long as it is
    short = Taken(
        tmp_path,
        PEOPLE,
        [encounter(start="2024-03-10T01:50:00-05:00", end="2024-03-10T03:10:00-04:00", updated="2024-03-11T00:00:00Z")],
    )
    assert short.values()["visit_minutes", 10] == 20


def test_a_later_version_supersedes(tmp_path):
    first = encounter()
    longer = encounter(end="2024-03-05T09:45:00-05:00", updated="2024-03-06T09:00:00Z")
    withdrawn = encounter(status="entered-in-error", updated="2024-03-07T09:00:00+02:00")
    for order in ([first, longer, withdrawn], [withdrawn, first, longer, first]):
        assert Taken(tmp_path, PEOPLE, order).values() == {("kept_count", 5): 0, ("visit_minutes", 5): 0}
        short = [r for r in order if r is not withdrawn]
        assert Taken(tmp_path, short, PEOPLE).values() == {("kept_count", 5): 1, ("visit_minutes", 5): 45}


STATUSES = ("fulfilled", "arrived", "noshow", "booked", "cancelled", "waitlist")


def test_appointments_and_encounters_never_count_a_visit_twice(tmp_path):
    booked = [appointment(status, status) for status in STATUSES]
    taken = Taken(tmp_path, PEOPLE, booked, [encounter()])
    assert taken.values() == {
        ("booked_count", 5): 4,
        ("no_show_count", 5): 1,
        ("kept_count", 5): 1,
        ("visit_minutes", 5): 20,
    }
    chosen = Taken(tmp_path, PEOPLE, booked, [encounter()], choices="?kept_from=appointments")
    assert chosen.values() == {**taken.values(), ("kept_count", 5): 2}


def test_plans_count_when_their_day_has_come_and_the_last_one_wins(tmp_path):
    versions = [
        appointment("booked", updated="2024-02-01T00:00:00Z"),
        appointment("cancelled", updated="2024-02-01T00:00:01Z"),
    ]
    for order in (versions, versions[::-1]):
        assert Taken(tmp_path, PEOPLE, order).values()["booked_count", 5] == 0
    later = Taken(tmp_path, PEOPLE, [appointment("booked", start="2024-06-03T14:00:00Z")])
    assert later.table.empty and not later.reasons
    assert later.source.description["skipped"]["Appointment: planned for after the export"] == 1


def test_slots_are_scheduled_minutes(tmp_path):
    def slot(status, name, schedule="s"):
        return {
            "resourceType": "Slot",
            "id": name,
            "status": status,
            "schedule": {"reference": f"Schedule/{schedule}"},
            "start": "2024-03-05T14:00:00Z",
            "end": "2024-03-05T14:20:00Z",
            "meta": {"lastUpdated": "2024-01-05T00:00:00Z"},
        }

    schedules = [
        {"resourceType": "Schedule", "id": "s", "actor": [{"reference": "Location/x"}, by_id()]},
        {"resourceType": "Schedule", "id": "room", "actor": [{"reference": "Location/x"}]},
    ]
    taken = Taken(
        tmp_path,
        [
            slot("free", "1"),
            slot("busy", "2"),
            slot("busy-unavailable", "3"),
            slot("free", "4", "room"),
            slot("free", "5", "gone"),
        ],
        schedules,
        PEOPLE,
    )
    assert taken.values() == {("scheduled_minutes", 5): 40}
    assert [r for r in taken.reasons if "Schedule that the material does not hold" in r] == taken.reasons != []


def test_work_in_the_ehr_does_not_depend_on_how_its_log_is_cut(tmp_path):
    events = [
        *(audit(f"2024-03-05T14:00:{s:02d}Z") for s in range(0, 60, 10)),  # one minute
        audit("2024-03-05T14:01:05Z", "DocumentReference", "U"),  # writes a note
        audit("2024-03-05T14:02:05Z", "DocumentReference"),  # reads one
        audit("2024-03-05T14:03:05Z", "MedicationRequest", "C"),
        audit("2024-03-05T14:04:05Z", "Communication", name="m1"),
        audit("2024-03-05T14:04:35Z", "Communication", name="m1"),  # the same message again
        audit("2024-03-05T14:05:05Z", "Communication", "C", name="m2"),  # writes one
        audit("2024-03-06T04:59:59.9Z"),  # a minute before midnight in New York
        audit("2024-03-05T14:06:05Z", who={"reference": "Patient/p"}),
    ]
    whole = Taken(tmp_path, PEOPLE, events)
    assert whole.values() == {
        ("ehr_minutes", 5): 7,
        ("note_minutes", 5): 1,
        ("order_minutes", 5): 1,
        ("inbox_minutes", 5): 2,
        ("message_count", 5): 1,
    }
    assert whole.source.description["skipped"]["AuditEvent: of no practitioner"] == 1
    assert Taken(tmp_path, events[7:], PEOPLE, events[::-1], events[2:9]).digest == whole.digest
    longer = Taken(tmp_path, PEOPLE, events, choices="?active_seconds=300")
    assert longer.values()["ehr_minutes", 5] == 15


def test_observations_of_practitioners_only(tmp_path):
    patients = observation("93832-4", 6, "h", subject={"reference": "Patient/p"}, performer=[by_id()])
    own = observation("40443-4", 60, "/min", "o2", performer=[by_id()])
    del own["subject"]
    taken = Taken(
        tmp_path,
        PEOPLE,
        [
            patients,
            own,
            observation("93832-4", 7.5, "h"),
            observation("93832-4", 20, "min", "nap"),
            observation("55423-8", 900, "{steps}", "s1"),
            observation("55423-8", 800, "{steps}", "s2"),
            observation("80404-7", 40, "ms", "sdnn"),
            observation("93832-4", 0.3, "wk", "weeks"),
            observation("93832-4", 7, "h", "begun", status="preliminary"),
        ],
    )
    # steps belong to the day on which they began in New York, the night's values to the day after
    assert taken.values() == {("sleep_minutes", 5): 470, ("resting_heart_rate", 5): 60, ("steps", 4): 1700}
    assert taken.source.description["skipped"]["Observation: of somebody else than one practitioner"] == 1
    assert taken.source.description["skipped"]["Observation: with a code of no measure"] == 1
    assert taken.source.description["codes"]["sleep_minutes"] == [LOINC]
    assert taken.source.description["units"]["sleep_minutes"] == ["h", "min", "wk"]
    assert ["met 'wk' of sleep_minutes" in reason for reason in taken.reasons] == [True]
    told = Taken(tmp_path, PEOPLE, [observation("80404-7", 40, "ms")], choices="?heart_rate_variability_rmssd=80404-7")
    assert told.values() == {("heart_rate_variability_rmssd", 5): 40}
    wrong = observation("40443-4", 60, "/min", status="entered-in-error")
    assert Taken(tmp_path, PEOPLE, [wrong]).table["quality"].tolist() == ["failed"]


def test_answers_of_a_survey(tmp_path):
    ordinal = [{"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 4}]
    answers = {
        "burnout_level": [{"valueCoding": {"code": "LA1", "extension": ordinal}}],
        "a": [{"valueInteger": 40}],
        "b": [{"valueDecimal": 25}],
        "motivation_score": [{"valueCoding": {"code": "7"}}],
        "remarks": [{"valueString": "my name is"}],
    }
    taken = Taken(tmp_path, PEOPLE, [survey(answers)], choices="?task_load=a,b")
    assert taken.values() == {("burnout_level", 5): 4, ("task_load", 5): 65, ("motivation_score", 5): 7}
    assert (
        "met 1 answers for task_load"
        in Taken(tmp_path, PEOPLE, [survey({"a": answers["a"]})], choices="?task_load=a,b").reasons[0]
    )
    of_patient = survey(answers, subject={"reference": "Patient/p"})
    assert Taken(tmp_path, PEOPLE, [of_patient, survey({"remarks": answers["remarks"]})]).table.empty
    assert "expected 1 to 5" in Taken(tmp_path, PEOPLE, [survey({"burnout_level": [{"valueInteger": 9}]})]).reasons[0]
