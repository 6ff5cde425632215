"""Practitioners of a FHIR export: one person is one, however referred to, and employed while a role lasts."""

from tests.calibration.sources.fhir_export import ANN, NPI, PEOPLE, Taken, by_id, encounter

REFERENCES = {
    "id": by_id(),
    "another server's spelling": {"reference": "https://ehr.example/fhir/Practitioner/ann/_history/3"},
    "npi": {"reference": f"Practitioner?identifier={NPI}|1111111111"},
    "encoded": {"reference": "Practitioner?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-npi%7C1111111111"},
    "another identifier": {"reference": "Practitioner?identifier=urn:staff|7"},
    "logical": {"type": "Practitioner", "identifier": {"system": "urn:staff", "value": "7"}},
    "npi as an object identifier": {"identifier": {"system": "urn:oid:2.16.840.1.113883.4.6", "value": "1111111111"}},
    "bundle": {"reference": "urn:uuid:ann"},
    "role": {"reference": "PractitionerRole/role"},
    "contained": {"reference": "#me"},
    "contained role": {"reference": "#as"},
}
CONTAINED = [
    {"resourceType": "Organization", "id": "me", "identifier": 5},
    {"resourceType": "Practitioner", "id": "me", "identifier": [{"system": "urn:staff", "value": "7"}]},
    {"resourceType": "PractitionerRole", "id": "as", "practitioner": by_id()},
]


def test_a_person_is_one_whatever_the_reference(tmp_path):
    visits = [encounter(who, name, contained=CONTAINED) for name, who in REFERENCES.items()]
    for files in ([PEOPLE, visits], [visits, PEOPLE[::-1]], [[*visits, *PEOPLE]]):
        taken = Taken(tmp_path, *files)
        assert not taken.reasons and taken.table["who"].nunique() == 1
        assert taken.values()["kept_count", 5] == len(REFERENCES)


def test_a_person_without_npi_has_a_name_too_and_strangers_are_refused(tmp_path):
    circle = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#r"}}
    taken = Taken(
        tmp_path,
        [
            *PEOPLE,
            encounter(by_id("ben")),
            encounter(by_id("nobody"), "e2"),
            encounter({"reference": "Patient/p"}, "e3"),
            encounter({"reference": "#r"}, "e4", contained=[circle]),
        ],
    )
    assert taken.values("urn:staff|8")["kept_count", 5] == 1
    assert (
        len(taken.table) == 2
        and taken.source.description["skipped"]["Encounter: without a responsible practitioner"] == 1
    )
    assert len(taken.reasons) == 2 and all("does not resolve" in reason for reason in taken.reasons)
    staff = Taken(
        tmp_path, [*PEOPLE, encounter(), encounter(by_id("ben"), "e2")], choices="?identifier_system=urn:staff"
    )
    assert staff.values("7") == staff.values("8") != {}
    # one person has an old staff number that two others have now: nobody knows who is meant
    other = {**ANN, "id": "cat", "identifier": [{"system": NPI, "value": "2"}, {"system": "urn:staff", "value": "7"}]}
    (reason,) = Taken(tmp_path, [ANN, other, encounter(REFERENCES["logical"])]).reasons
    assert "several practitioners" in reason


def test_employment_changes_with_roles(tmp_path):
    def role(name, start, end=None, who="ann"):
        return {
            "resourceType": "PractitionerRole",
            "id": name,
            "practitioner": by_id(who),
            "meta": {"lastUpdated": "2023-01-01T00:00:00Z"},
            "period": {"start": start, **({"end": end} if end else {})},
        }

    taken = Taken(
        tmp_path,
        PEOPLE,
        [
            role("1", "2024-02-01", "2024-03-09"),
            role("2", "2024-03-10", "2024-04-14"),
            role("3", "2024-04-02", "2024-12-31", "ben"),
        ],
    )
    assert taken.values() == {("employed", 1): 1, ("employed", 10): 1, ("employed", 15): 0}
    assert taken.values("urn:staff|8") == {("employed", 2): 1}  # the end is yet to come
