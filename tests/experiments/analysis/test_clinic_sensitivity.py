"""Sensitivity of a small clinic, run for real: its command, its folder, and effects whose direction is known."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from abm.layout import make_layout
from abm.parameters import ENTRIES, Parameters
from experiments.analysis.inputs import inputs
from experiments.analysis.measured_runs import MeasuredRuns
from experiments.analysis.pages import AnalysisError, read_analysis
from experiments.cli import app

VARIED = "burnout_threshold_3,recovery_rate,revenue_per_visit"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("analyses") / "sensitivity"
    said = CliRunner().invoke(app, [
        "sensitivity", "--out", str(folder), "--vary", VARIED, "--physicians", "10", "--trajectories", "3",
        "--foremost", "2", "--points", "4", "--measure", "burnout_risk", "--quiet",
    ])  # fmt: skip
    assert said.exit_code == 0, said.output
    return folder


def test_the_command_writes_numbers_page_and_figure(folder):
    table = pd.read_csv(folder / "tables" / "sensitivity.csv").set_index("name")
    # a higher threshold and faster recovery lower the risk; money does nothing to it
    assert table.loc["burnout_threshold_3", "slope"] < -10
    assert table.loc["recovery_rate", "slope"] < -10
    assert table.loc["revenue_per_visit", ["slope", "morris_size"]].tolist() == [0.0, 0.0]
    assert table["total"].notna().tolist() == [True, True, False]
    assert (folder / "figures" / "sensitivity.png").stat().st_size > 10_000
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "burnout_<wbr>threshold_<wbr>3" in page and "http" not in page.replace("http-equiv", "")
    runs = json.loads((folder / "analysis.json").read_text())["provenance"]["runs"]
    assert runs == "slopes 7, morris 12, sobol 16, chance 16"


def test_the_slope_is_that_of_the_exact_clinic(folder):
    """Difference of the exact mode over the same step: both modes' slopes agree to a tenth where events are many."""
    table = pd.read_csv(folder / "tables" / "sensitivity.csv").set_index("name")
    runs = MeasuredRuns(make_layout(10), measures=("burnout_risk",))
    chosen = inputs(["burnout_threshold_3"])
    points = np.repeat([[0.45], [0.55]], 8, axis=0)
    risk = runs.run(chosen.at(points), np.zeros((16, 0)), [*range(8)] * 2)["burnout_risk"].to_numpy().reshape(2, 8)
    assert table.loc["burnout_threshold_3", "slope"] == pytest.approx(np.mean(risk[1] - risk[0]) / 0.1, rel=0.1)


def test_a_folder_in_use_is_left_alone(folder):
    before = (folder / "analysis.json").read_bytes()
    said = CliRunner().invoke(app, ["sensitivity", "--out", str(folder), "--quiet"])
    assert said.exit_code == 2 and "not empty" in said.stderr
    assert (folder / "analysis.json").read_bytes() == before


@pytest.mark.parametrize("arguments, message", [
    (["--vary", "recovery_rates"], "did you mean 'recovery_rate'"), (["--measure", "burnt"], "unknown 'burnt'"),
    (["--policy", "scribe=2"], "expected between 0 and 1"), (["--policy", "scribe=x"], "expected kind=dose"),
    (["--points", "100"], "power of two"), (["--physicians", "12"], "multiple of pod_size"),
])  # fmt: skip
def test_bad_input_is_refused_before_anything_is_run(tmp_path, arguments, message):
    said = CliRunner().invoke(app, ["sensitivity", "--out", str(tmp_path / "new"), "--quiet", *arguments])
    assert said.exit_code == 2 and message in " ".join(said.stderr.split())
    assert not (tmp_path / "new").exists()


def test_a_damaged_analysis_is_refused(tmp_path):
    (tmp_path / "analysis.json").write_text("{}")
    with pytest.raises(AnalysisError, match="run the analysis again"):
        read_analysis(tmp_path)
    with pytest.raises(AnalysisError, match="expected analysis"):
        read_analysis(tmp_path / "nowhere")


def test_inputs_cover_the_middle_of_the_priors():
    """The ends are the 5 % and 95 % quantiles of draws from the prior: the standard error of a quantile's level at
    40,000 draws is 0.0011, so that a miss of 0.005 happens by chance in fewer than 1e-5 of seeds."""
    chosen = inputs(["visit_minutes", "no_show_intercept"])
    rng = np.random.default_rng(4)
    for name in chosen.names:
        e = ENTRIES[name]
        middle = np.log((e.default - e.low) / (e.high - e.default))
        drawn = e.low + (e.high - e.low) / (1 + np.exp(-(middle + e.prior_spread * rng.standard_normal(40_000))))
        low, high = chosen.ends(name)
        assert np.mean(drawn < low) == pytest.approx(0.05, abs=0.005)
        assert np.mean(drawn > high) == pytest.approx(0.05, abs=0.005)
        assert chosen.values(name, np.array([0.5])) == pytest.approx(getattr(Parameters(), name))
