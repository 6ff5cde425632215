"""The experiments that ship: each asks a question, says where its effect sizes come from, and runs reduced."""

import json

import jsonschema
import pytest
import yaml

from abm.outcomes import RECORDED
from experiments.config import Experiment, _shipped_paths, load_config, shipped_configs
from experiments.report import write_report
from experiments.results import open_results
from experiments.runner import run_sweep
from experiments.schema import FILE, json_schema, schema_text

WANTED = ("documentation", "inbox-pooling", "medical-assistant", "staged-go-live", "staffing-shortage", "panel-size",
          "twin-advice", "pandemic-shock")  # fmt: skip
SHIPPED = _shipped_paths()


def test_eight_questions_ship_beside_the_demo():
    assert set(WANTED) | {"demo"} == set(shipped_configs())
    seeds = [load_config(name).seed for name in SHIPPED]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_asks_a_question_names_its_sources_and_keeps_to_the_schema(name):
    experiment = load_config(name)
    assert experiment.name == name and experiment.description.endswith("?")
    assert "assumed" in experiment.source or "(E" in experiment.source
    text = SHIPPED[name].read_text(encoding="utf-8")
    assert text.startswith(f"# yaml-language-server: $schema={FILE}\n")
    jsonschema.validate(yaml.safe_load(text), json_schema())


def test_the_schema_beside_them_is_the_present_one():
    assert (SHIPPED["demo"].parent / FILE).read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"nam": "x"}, {"parameters": {"visit_minute": 12}}, {"parameters": {"visit_minutes": 500}},
        {"days": "8 months"},
        {"scenarios": [{"name": "x", "interventions": [{"kind": "scrybe"}]}]}, {"engine": "netlogo"},
        {"outcomes": ["kepd"]}, {"design": {"method": "sobol", "axes": [{"parameter": "visit_minute"}]}},
    ],
)  # fmt: skip
def test_an_editor_marks_what_the_program_refuses(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x"} | wrong, json_schema())
    with pytest.raises(ValueError):
        Experiment.model_validate({"name": "x"} | wrong)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_runs_at_a_reduced_size(name, tmp_path):
    """Two pods, two replicates, a seventh of the time: conditions and go-lives still happen."""
    full = load_config(name)
    small = Experiment.model_validate(json.loads(json.dumps(_reduced(full.model_dump(exclude_none=True)))))
    run_sweep(small, tmp_path, progress=False)
    data = open_results(tmp_path).load()
    assert data.sizes["scenario"] > 4
    for outcome in RECORDED:
        assert not data[outcome].isnull().any(), outcome
    labels = data["scenario"].values.tolist()
    assert labels[0] == "baseline"
    last = data["evening_minutes"].isel(day=-1)
    for label in labels[1:]:  # every scenario does something
        assert (last.sel(scenario=label) != last.sel(scenario="baseline")).any(), label
    if name == "pandemic-shock":  # scenarios without an intervention, conditions in the baseline
        assert write_report(tmp_path).is_file()


def _reduced(content):
    """Days over seven, 10 physicians, 2 replicates."""
    if isinstance(content, list | tuple):
        return [_reduced(item) for item in content]
    if not isinstance(content, dict):
        return content
    reduced = {k: v / 7 if k.endswith("days") and k in DAYS else _reduced(v) for k, v in content.items()}
    if "replicates" in reduced:
        reduced |= {"physicians": 10, "replicates": 2, "warm_up_days": 28}
    if "start_day" in reduced:
        reduced["start_day"] /= 7
    return reduced


DAYS = {"days", "period_days", "stagger_days", "decision_days"}


def test_the_command_line_writes_the_schema_and_shows_a_job(tmp_path):
    from typer.testing import CliRunner

    from experiments.cli import app

    run = lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])  # noqa: E731
    assert run("schema", "--save", tmp_path / FILE).exit_code == 0
    assert (tmp_path / FILE).read_text(encoding="utf-8") == schema_text() == run("schema").output
    job = ("--cluster", "slurm", "--job", "interface=lo", "--job", "cores=2", "--job", "queue=short")
    shown = run("sweep", "demo", "--out", tmp_path / "out", *job, "--show-job")
    assert shown.exit_code == 0 and "#SBATCH -p short" in shown.output and "--nworkers 2" in shown.output
    refused = run("sweep", "demo", "--out", tmp_path / "out", "--cluster", "slurm", "--job", "cores=2")
    assert refused.exit_code == 2 and "interface=NAME" in " ".join(refused.output.split())
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"results.lock"}
