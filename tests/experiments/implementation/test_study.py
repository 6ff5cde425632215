"""A study of one's own: coded excerpts in, agreement, merge list, saturation and sheets out, without names."""

import dataclasses
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from experiments.cli import app
from experiments.implementation import load_frame
from experiments.implementation.agreement import agreement
from experiments.implementation.comparison import read_source
from experiments.implementation.excerpts import Excerpt, check, read_csv
from experiments.implementation.frames import ImplementationError
from experiments.implementation.guide import groups, interview_guide
from experiments.implementation.masking import mask_label, mask_text
from experiments.implementation.merging import propose, read_decisions
from experiments.implementation.records import read_records, write_table
from experiments.implementation.refi_qda import read_codebook, read_project, write_codebook
from experiments.implementation.saturation import saturation
from experiments.implementation.study import read_excerpts, write_study

CFIR = load_frame()
HEADER = "excerpt,interview,group,coder,code,challenge,theme,text\n"
ROWS = """e1,Jane Roe,engineer,Kim,culture,Change fatigue,organizational,"Tired, as Jane Roe and Doctor Brown said."
e1,Jane Roe,engineer,Lee,culture,Change fatigue,organizational,
e2,Jane Roe,engineer,Kim,opportunity,No time to learn,personnel,Write to j.roe@example.org or call 555 010 99 88.
e2,Jane Roe,engineer,Lee,motivation,No time for learning,personnel,
e3,John Doe,engineer,Kim,none,Sensor failure,technological,The badge of our colleague Mary Smith broke.
e3,John Doe,engineer,Lee,none,Sensor failure,technological,
"""
PROJECT = """<?xml version="1.0" encoding="utf-8"?>
<Project xmlns="urn:QDA-XML:project:1.0" name="p" origin="test">
 <Users><User guid="u1" name="Kim"/></Users>
 <CodeBook><Codes>
  <Code guid="d" name="Inner setting" isCodable="false"><Code guid="c1" name="Culture" isCodable="true">
   <Code guid="o" name="organizational" isCodable="false">
    <Code guid="c2" name="Change fatigue" isCodable="true"/></Code>
  </Code></Code>
  <Code guid="x" name="Blue sky" isCodable="true"/>
 </Codes></CodeBook>
 <Sources><TextSource guid="s1" name="Interview A" plainTextPath="internal://s1.txt">
  <PlainTextSelection guid="p1" startPosition="0" endPosition="9" creatingUser="u1">
   <Coding guid="g1" creatingUser="u1"><CodeRef targetGUID="{code}"/></Coding>
  </PlainTextSelection></TextSource></Sources>
</Project>"""


@pytest.fixture
def coded(tmp_path):
    path = tmp_path / "coded.csv"
    path.write_text(HEADER + ROWS, encoding="utf-8")
    return path


def rated(rows):
    """Excerpts from coders' rows of codes; '.' is not read."""
    return [Excerpt(f"e{j}", "i", f"c{i}", code) for i, row in enumerate(rows)
            for j, code in enumerate(row.split()) if code != "."]  # fmt: skip


def test_alpha_is_krippendorffs_published_one():
    # Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: four observers, nominal: 0.743
    found = agreement(rated(["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .",
                             "1 2 3 3 2 4 4 1 2 5 1 ."]))  # fmt: skip
    row = found.overall.iloc[0]
    assert row["value"] == pytest.approx(0.743, abs=5e-4)
    assert row["low"] < row["value"] < row["high"] and row["reading"] == "tentative"


def test_kappas_are_the_textbooks():
    # Cohen: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed 0.7, by chance 0.5
    yes, no = "need", "motivation"
    a = " ".join([yes] * 25 + [no] * 25)
    b = " ".join([yes] * 20 + [no] * 5 + [yes] * 10 + [no] * 15)
    found = agreement(rated([a, b]))
    assert found.pairs["Cohen's kappa"].item() == pytest.approx(0.4)
    # Fleiss, by hand: shares of all labels 55/100 and 45/100, so by chance 0.505
    fleiss = found.overall.set_index("coefficient").loc["Fleiss' kappa", "value"]
    assert fleiss == pytest.approx((0.7 - 0.505) / 0.495)


def test_agreement_says_when_it_cannot_be_told():
    assert agreement(rated(["need need"])) is None
    assert np.isnan(agreement(rated(["need need", "need need"])).overall["value"]).all()
    with pytest.raises(ImplementationError, match=r"coder 2 of 2 \('c1'\): met one excerpt"):
        agreement(rated(["need motivation", "need ."]))
    with pytest.raises(ImplementationError, match="met 0 excerpts that two coders read"):
        agreement(rated(["need need . .", ". . need need"]))


def test_saturation_counts_and_expects():
    found = saturation({"1": ["a", "b"], "2": ["a"], "3": ["c"], "4": ["a"], "5": ["a"], "6": ["b"]})
    assert found.curve["found"].tolist() == [2, 2, 3, 3, 3, 3]
    # one interview at random: a in 4 of 6, b in 2 of 6, c in 1 of 6
    assert found.curve["expected"].iloc[0] == pytest.approx(7 / 6)
    assert found.curve["expected"].iloc[-1] == pytest.approx(3)
    assert found.unseen == 0 and "from interview 6 on" in found.sentence
    assert "too few" in saturation({"1": ["a"]}).sentence


def test_similar_labels_are_proposed_and_a_person_decides(tmp_path):
    proposals = propose(["No time to learn", "Sensor failure", "No time for learning"])
    assert proposals[["label", "into"]].values.tolist() == [["No time for learning", "No time to learn"]]
    path = tmp_path / "merge.csv"
    write_table(proposals, path)
    with pytest.raises(ImplementationError, match="a person decides every pair"):
        read_decisions(path)
    write_table(proposals.assign(decision="merge"), path)
    assert read_decisions(path) == {"no time for learning": "No time to learn"}
    write_table(pd.DataFrame({"label": ["a", "b"], "into": ["b", "A"], "decision": "merge"}), path)
    with pytest.raises(ImplementationError, match="in a circle"):
        read_decisions(path)


def test_a_study_is_written_without_names_unless_asked(coded, tmp_path):
    excerpts, notes = read_excerpts([coded], CFIR)
    assert not notes
    write_study(excerpts, CFIR, tmp_path / "out")
    files = [p for p in (tmp_path / "out").rglob("*") if p.suffix in (".csv", ".md", ".html")]
    written = re.sub(r"base64,[^\"]*", "", "\n".join(p.read_text(encoding="utf-8") for p in files))
    for name in ("Jane", "Roe", "Doe", "Brown", "Mary", "Smith", "Kim", "Lee", "example.org", "555"):
        assert not re.search(rf"\b{name}\b", written), name
    assert "Tired, as [name]" in written
    table = pd.read_csv(tmp_path / "out" / "challenges.csv")
    assert table["interviews"].tolist() == ["interview 1"] * 3 + ["interview 2"]
    assert (tmp_path / "out" / "merge.csv").exists()
    assert set(read_source(tmp_path / "out" / "challenges.csv").theme_by_label) == set(table["label"])
    again = [dataclasses.replace(one, challenge=f"{one.challenge}, says Dr. Brown") for one in excerpts]
    decided = {"no time for learning, says dr. [name]": "Time"}  # as the merge list has it
    write_study(again, CFIR, tmp_path / "merged", decided)
    assert "Time" in set(pd.read_csv(tmp_path / "merged" / "challenges.csv")["label"])
    write_study(excerpts, CFIR, tmp_path / "named", {"no time for learning": "No time to learn"}, with_names=True)
    sheet = (tmp_path / "named" / "member-check" / "interview-1.md").read_text(encoding="utf-8")
    assert "Jane Roe" in sheet
    assert len(pd.read_csv(tmp_path / "named" / "challenges.csv")) == 3


def test_masks():
    assert mask_label("Trust in Dr. Ada Byron of the vendor") == "Trust in Dr. [name] of the vendor"
    assert mask_label("Key performance indicators (KPIs) tracking") == "Key performance indicators (KPIs) tracking"
    assert mask_text("I told Mary Smith so. Then we left.") == "I told [name] so. Then we left."


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("e1,i,g,c,cultre,x,personnel,t", "line 2: met code 'cultre'.*did you mean 'culture'"),
        ("e1,i,g,c,culture,x,persons,t", "theme: met 'persons'"),
        ("e1,,g,c,culture,x,personnel,t", "interview: met nothing"),
        ("e1,i,g,c,culture,x,personnel,t\ne1,i,g,c,culture,x,personnel,t", "again"),
        ("e1,i,g,c,culture,x,personnel,t\ne1,j,g,c,need,x,personnel,t", "in a second interview"),
    ],
)
def test_bad_excerpts_are_refused(tmp_path, row, message):
    path = tmp_path / "coded.csv"
    path.write_text(HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(ImplementationError, match=message):
        check(read_csv(path, CFIR))


def project(path, code="c2", xml=PROJECT, **members):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("project.qde", xml.replace("{code}", code))
        for name, text in ({"sources/s1.txt": "Not again, they said."} | members).items():
            archive.writestr(name, text)
    return path


def test_a_refi_qda_project_becomes_excerpts(tmp_path):
    (one,), left_out = read_project(project(tmp_path / "p.qdpx"), CFIR)
    assert left_out == 0
    assert one == Excerpt("Interview A:0-9", "Interview A", "Kim", "culture", challenge="Change fatigue",
                          theme="organizational", text="Not again")  # fmt: skip
    picture = (
        '<PictureSource guid="s2"><PictureSelection guid="q"><Coding guid="g2"/></PictureSelection></PictureSource>'
    )
    more = PROJECT.replace("</Sources>", picture + "</Sources>").replace('guid="c2"', 'guid="{C2}"')
    again = read_project(project(tmp_path / "more.qdpx", xml=more), CFIR)
    assert again.excerpts == [one] and again.left_out == 1
    assert ("Blue sky", "") in read_codebook(tmp_path / "p.qdpx", CFIR)
    with pytest.raises(ImplementationError, match="met code 'Blue sky'"):
        read_project(project(tmp_path / "x.qdpx", code="x"), CFIR)
    with pytest.raises(ImplementationError, match="codebook does not have"):
        read_project(project(tmp_path / "y.qdpx", code="gone"), CFIR)


def test_hostile_projects_are_refused_and_nothing_is_unpacked(tmp_path):
    entity = '<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><p>&b;</p>'
    with pytest.raises(ImplementationError, match="DTD or entities"):
        read_project(project(tmp_path / "a.qdpx", xml=entity), CFIR)
    outside = PROJECT.replace("internal://s1.txt", "internal://../../secret.txt")
    with pytest.raises(ImplementationError, match="expected a place inside the archive"):
        read_project(project(tmp_path / "b.qdpx", xml=outside), CFIR)
    beyond = PROJECT.replace('endPosition="9"', 'endPosition="900"')
    with pytest.raises(ImplementationError, match="from 0 to 900 in a text of 21"):
        read_project(project(tmp_path / "c.qdpx", xml=beyond), CFIR)
    (tmp_path / "d.qdpx").write_bytes(b"no zip")
    with pytest.raises(ImplementationError, match=r"cannot be read as a \.qdpx"):
        read_project(tmp_path / "d.qdpx", CFIR)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".qdpx"] * 4


def test_a_frame_goes_out_as_a_codebook_and_comes_back(tmp_path):
    path = tmp_path / "cfir2.qdc"
    write_codebook(CFIR, path)
    codes = {code for _, code in read_codebook(path, CFIR) if code}
    assert codes == {c.key for c in (*CFIR.constructs, *CFIR.parts, *CFIR.roles)} | {"none"}


def test_cells_that_a_spreadsheet_would_compute_are_quoted_and_read_back(tmp_path):
    path = tmp_path / "t.csv"
    write_table(pd.DataFrame({"label": ["=1+1", "'tis"]}), path)
    assert "'=1+1" in path.read_text(encoding="utf-8")
    assert [record["label"] for record in read_records(path, ["label"])] == ["=1+1", "'tis"]


def test_guides_ask_each_group_its_own_and_name_no_unknown_construct():
    known = {construct.key for construct in CFIR.constructs}
    from experiments.implementation.frames import shipped

    asked = shipped("stakeholders")
    assert set(asked["everybody"]) | {k for g in asked["groups"].values() for k in g["first"]} == known
    assert all(f"# Interview guide: {name}" in interview_guide(key) for key, name in groups().items())
    assert "sensors, connections" in interview_guide("engineer")
    with pytest.raises(ImplementationError, match="did you mean 'engineer'"):
        interview_guide("enginer")


def test_the_commands_work_together(coded, tmp_path):
    run = CliRunner().invoke
    done = run(app, ["cfir", "catalogue", "--out", str(tmp_path / "paper")])
    assert done.exit_code == 0, done.output
    sources = [str(tmp_path / "paper" / name) for name in ("cfir-interviews.csv", "dt-literature.csv")]
    done = run(app, ["cfir", "compare", *sources, "--out", str(tmp_path / "compared")])
    assert done.exit_code == 0 and "34 (42 %) are in all sources" in done.output, done.output
    done = run(app, ["cfir", "code", str(coded), "--out", str(tmp_path / "study")])
    assert done.exit_code == 0 and "decide every row" in done.output, done.output
    done = run(app, ["cfir", "guide", "--group", "nobody"])
    assert done.exit_code == 2 and "there are engineer" in done.output
