"""Experiment files: what ships loads, what is written is read back, what is wrong is refused where it stands."""

import pytest

from experiments.config import Experiment, load_config, shipped_configs
from experiments.scenarios import planned_scenarios, replicate_words
from experiments.yaml_source import ConfigError

GOOD = """\
name: small
physicians: 10
days: 8 weeks
warm_up_days: 28 days
replicates: 3
parameters:
  visit_minutes: 18 min
scenarios:
  - name: scribes
    interventions:
      - kind: scribe
        doses: [0.25, 0.5]
      - kind: inbox_pooling
        doses: [0.5, 1]
        pods: [0]
  - name: later
    interventions:
      - {kind: wellbeing, start_day: 2 weeks, decision_days: 3}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "experiment.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_shipped_experiments_load_and_ask_a_question():
    shipped = shipped_configs()
    assert {"demo", "documentation", "inbox-pooling", "staged-go-live"} <= set(shipped)
    for name, description in shipped.items():
        experiment = load_config(name)
        assert experiment.name == name
        assert description.endswith("?")
        assert len(planned_scenarios(experiment)) > 4
        assert Experiment.model_validate({**experiment.model_dump(), "engine": "mesa"}).engine == "mesa"


def test_an_experiment_written_out_is_read_back_equal(write):
    experiment = load_config(write(GOOD))
    assert (experiment.days, experiment.warm_up_days, experiment.parameters) == (56, 28, {"visit_minutes": 18.0})
    assert load_config(write(experiment.to_yaml())) == experiment


def test_scenarios_are_the_product_of_their_doses_after_the_baseline(write):
    planned = planned_scenarios(load_config(write(GOOD)))
    assert [p.label for p in planned] == [
        "baseline",
        "scribes (scribe 0.25, inbox_pooling 0.5)",
        "scribes (scribe 0.25, inbox_pooling 1)",
        "scribes (scribe 0.5, inbox_pooling 0.5)",
        "scribes (scribe 0.5, inbox_pooling 1)",
        "later",
    ]
    assert [p.family for p in planned] == ["baseline", *["scribes"] * 4, "later"]
    assert planned[1].kind == "scribe + inbox_pooling"
    assert planned[0].dose == 0 and planned[1].dose != planned[1].dose and planned[5].dose == 1
    assert planned[1].interventions[1].pods == (0,)
    assert planned[5].interventions[0].start_day == 28 + 14  # from day 0 of the warm-up


def test_a_single_dose_that_varies_stands_in_the_label():
    changes = [{"kind": "ai_scribe", "doses": [0.5, 1]}]
    experiment = Experiment.model_validate({"name": "x", "scenarios": [{"name": "ai", "interventions": changes}]})
    assert [p.label for p in planned_scenarios(experiment)] == ["baseline", "ai 0.5", "ai 1"]


def test_replicates_differ_and_do_not_depend_on_their_number():
    words = replicate_words(7, 100)
    assert len({tuple(w) for w in words.tolist()}) == 100
    assert (replicate_words(7, 3) == words[:3]).all()
    assert (replicate_words(8, 3) != words[:3]).any(axis=1).all()


REFUSALS = {
    "misspelt key": ("physicians:", "physisians:", ["line 2: physisians: unknown key; did you mean 'physicians'?"]),
    "misspelt inner key": ("start_day:", "star_day:", ["line 18", "interventions[0].star_day", "'start_day'?"]),
    "unknown kind": (
        "kind: scribe",
        "kind: scrybe",
        ["line 11", "kind: unknown intervention 'scrybe'; did you mean 'scribe'?"],
    ),
    "dose out of bounds": ("[0.25, 0.5]", "[0.25, 1.5]", ["line 12", "doses[1]", "met dose 1.5", "between 0 and 1"]),
    "dose not finite": ("[0.25, 0.5]", "[.nan]", ["line 12", "met dose nan", "between 0 and 1"]),
    "dose twice": ("[0.25, 0.5]", "[0.5, 0.5]", ["line 12", "met dose 0.5 twice"]),
    "dose and doses": ("pods: [0]", "dose: 1", ["line 14", "met both 'dose' and 'doses'"]),
    "no dose": ("[0.25, 0.5]", "[]", ["line 12", "doses: met [], expected a list of at least 1"]),
    "truth value": ("replicates: 3", "replicates: yes", ["line 5: replicates: met True, expected a number"]),
    "wrong unit of time": ("8 weeks", "8 months", ["line 3: days: met '8 months'", "'26 weeks'"]),
    "wrong unit": ("18 min", "18 h", ["line 7", "visit_minutes", "met unit 'h', expected 'min'"]),
    "parameter out of bounds": ("18 min", "180", ["line 7", "met 180 min, expected between 6 and 40 min"]),
    "unknown parameter": ("visit_minutes", "visit_minuts", ["line 7", "did you mean 'visit_minutes'?"]),
    "physicians": ("physicians: 10", "physicians: 12", ["line 2: physicians: met 12", "multiple of 5"]),
    "warm-up": ("28 days", "30 days", ["line 4: warm_up_days: met '30 days'", "multiple of 7"]),
    "period": ("replicates: 3", "period_days: 30", ["line 5: period_days: met 30, expected a divisor of days (56)"]),
    "pod": ("pods: [0]", "pods: [0, 2]", ["line 15", "pods[1]: met 2, expected 0 to 1"]),
    "engine": ("replicates: 3", "engine: netlogo", ["line 5: engine: met 'netlogo', expected 'jax' or 'mesa'"]),
    "no list": ("pods: [0]", "pods: 0", ["line 15", "pods: met 0, expected a list"]),
    "no scenario": (
        "  - name: later",
        "  - later\n  - name: later",
        ["line 16: scenarios[1]: met 'later', expected keys"],
    ),
    "baseline twice": ("name: later", "name: baseline", ["line 16", "the baseline is always there"]),
    "path as a name": (
        "name: small",
        "name: ../../small",
        ["line 1: name: met '../../small', expected a name of letters"],
    ),
    "key twice": ("replicates: 3", "days: 3", ["line 5: met key 'days' again (first in line 3)"]),
    "alias": ("[0.25, 0.5]", "&d [0.5]\n      - {kind: scribe, doses: *d}", ["line 12", "met an alias"]),
    "no YAML": ("[0.25, 0.5]", "[0.25, 0.5", ["not readable as YAML"]),
    "too deep": ("18 min", "[" * 5000 + "]" * 5000, ["nested too deeply"]),
}


@pytest.mark.parametrize(("old", "new", "parts"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals_say_where_what_was_met_and_what_was_expected(write, old, new, parts):
    assert old in GOOD
    path = write(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as refusal:
        load_config(path)
    message = str(refusal.value)
    assert message.startswith(str(path))
    assert all(part in message for part in parts), message
    assert len(message) < 1000


def test_several_findings_are_told_together(write):
    with pytest.raises(ConfigError) as refusal:
        load_config(write(GOOD.replace("replicates", "replicats").replace("scribe\n", "scribble\n")))
    assert len(str(refusal.value).splitlines()) == 2


def test_tags_are_not_executed(write, tmp_path):
    made = tmp_path / "made"
    tag = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{made}']]"
    with pytest.raises(ConfigError, match="line 5: not readable as YAML: could not determine a constructor"):
        load_config(write(GOOD.replace("replicates: 3", f"replicates: {tag}")))
    assert not made.exists()


def test_too_many_scenarios_are_refused_before_they_are_made():
    changes = [{"kind": "scribe", "doses": [i / 1000 for i in range(1000)]}] * 6
    with pytest.raises(ConfigError, match="scenarios: met doses that make 1,000,000,000,000,000,001 scenarios"):
        Experiment.model_validate({"name": "x", "scenarios": [{"name": "s", "interventions": changes}]})


def test_doses_that_labels_do_not_tell_apart_are_refused():
    changes = [{"kind": "scribe", "doses": [0.5, 0.5 + 1e-9]}]
    experiment = Experiment.model_validate({"name": "x", "scenarios": [{"name": "s", "interventions": changes}]})
    with pytest.raises(ValueError, match=r"met scenario 's 0.5'"):
        planned_scenarios(experiment)


@pytest.mark.parametrize("name", ["demmo", "../configs/demo", "configs/demo", "/etc"])
def test_only_files_and_shipped_names_are_found(name):
    with pytest.raises(ConfigError, match="met neither a file nor a shipped experiment"):
        load_config(name)


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just text"])
def test_files_without_keys_are_refused(write, content):
    with pytest.raises(ConfigError, match=r"missing, expected a value|expected keys such as"):
        load_config(write(content))


def test_files_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 6"):
        load_config(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="met more than 1,000,000 bytes"):
        load_config(path)


def test_a_file_extends_another_key_by_key(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "root.yaml").write_text("seed: 4\ndescription: root\n", encoding="utf-8")
    (tmp_path / "base.yaml").write_text(GOOD + "extends: parts/root.yaml\n", encoding="utf-8")
    path = tmp_path / "child.yaml"
    path.write_text(
        "extends: base.yaml\nname: child\nparameters: {patience_days: 20}\n"
        "scenarios: [{name: only, interventions: [{kind: scribe, dose: 50 %}]}]\n", encoding="utf-8"
    )  # fmt: skip
    child = load_config(path)
    assert (child.name, child.physicians, child.seed, child.description) == ("child", 10, 4, "root")
    assert child.parameters == {"visit_minutes": 18.0, "patience_days": 20.0}  # mappings are merged
    assert [s.name for s in child.scenarios] == ["only"]  # lists are replaced
    assert child.scenarios[0].interventions[0].dose == 0.5
    assert load_config(path.with_name("base.yaml")).name == "small"


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("../outside.yaml", "expected a file in the folder of this one or below"),
        ("/etc/passwd", "expected a file in the folder of this one or below"),
        ("link.yaml", "expected a file in the folder of this one or below"),
        ("nowhere.yaml", "which is no file in"),
        ("child.yaml", "met a circle, child.yaml -> child.yaml"),
        ("loop.yaml", "met a circle, child.yaml -> loop.yaml -> child.yaml"),
        ("[a, b]", "expected the name of a file"),
        ("wrong.yaml", "wrong.yaml, line 2: replicates: met 'many'"),
    ],
)
def test_bases_elsewhere_in_circles_or_wrong_are_refused(tmp_path, said, says):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text("name: outside\n", encoding="utf-8")
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "loop.yaml").write_text("extends: child.yaml\n", encoding="utf-8")
    (folder / "wrong.yaml").write_text("name: wrong\nreplicates: many\n", encoding="utf-8")
    (folder / "child.yaml").write_text(f"extends: {said}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        load_config(folder / "child.yaml")
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "said", "dose"),
    [("scribe", "25 %", 0.25), ("extra_medical_assistant", "0.5 FTE", 0.5), ("wellbeing", "0.5 intensity", 0.5),
     ("extra_medical_assistant", "2 assistants per pod", 2), ("scribe", "5e-1", 0.5), ("scribe", None, 1)],
)  # fmt: skip
def test_doses_have_units(kind, said, dose):
    changes = [{"kind": kind, "dose": said}]
    experiment = Experiment.model_validate({"name": "x", "scenarios": [{"name": "s", "interventions": changes}]})
    assert experiment.scenarios[0].interventions[0].dose_values == (dose,)


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        (
            [{"factors": {"visit_minutes": 9}}],
            r"conditions: .*factors make 17.5 min to 157.5, expected between 6 and 40",
        ),
        ([{"factors": {"visit_minuts": 2}}], r"conditions\[0\].factors.visit_minuts: unknown parameter"),
        ([{"parameters": {"visit_minutes": 99}}], r"parameters.visit_minutes: visit_minutes: met 99 min"),
        ([{"start_day": 3, "factors": {"hire_days": 2}}], r"start_day: met 3, expected a multiple of period_days"),
        ([{"start_day": 364, "factors": {"hire_days": 2}}], r"start_day: met 364, expected less than days"),
        ([{"start_day": 28}], "changes nothing"),
    ],
)
def test_conditions_that_cannot_be_are_refused(conditions, says):
    with pytest.raises(ConfigError, match=says):
        Experiment.model_validate({"name": "x", "conditions": conditions})
    with pytest.raises(ConfigError, match=says):
        Experiment.model_validate({"name": "x", "scenarios": [{"name": "s", "conditions": conditions}]})
