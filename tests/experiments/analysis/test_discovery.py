"""Scenario discovery: a planted box is found, chance is not taken for one, and a small clinic's command runs."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from experiments.analysis.discovery import find_box, inside, usual_inputs
from experiments.analysis.discovery_page import conditions
from experiments.cli import app

NAMES = ["recovery_rate", "trust", "visit_minutes", "leadership", "awake_rest_quality"]


def sample(count=400, seed=1):
    return pd.DataFrame(np.random.default_rng(seed).random((count, len(NAMES))), columns=NAMES)


def test_a_planted_box_is_found_and_holds_on_other_runs():
    """Failures: recovery below 0.4 and trust above 0.5 (a fifth of all runs), and a twentieth of all labels wrong."""
    table = sample()
    fails = ((table["recovery_rate"] < 0.4) & (table["trust"] > 0.5)).to_numpy()
    noisy = fails ^ (np.random.default_rng(2).random(len(table)) < 0.05)
    box, trajectory = find_box(table, noisy)
    assert set(box.limits) == {"recovery_rate", "trust"}
    (_, high), (low, _) = box.limits["recovery_rate"], box.limits["trust"]
    assert high == pytest.approx(0.4, abs=0.08) and low == pytest.approx(0.5, abs=0.08)
    assert box.fresh_density > 0.8 and box.fresh_coverage > 0.6 and box.holds
    assert trajectory["density"].iloc[-1] > trajectory["density"].iloc[0]
    assert conditions(box).startswith("recovery_rate is below 0.") and "trust is above 0." in conditions(box)


def test_coverage_and_density_are_counts():
    table = sample(400)
    fails = (table["leadership"] < 0.3).to_numpy()
    box, _ = find_box(table, fails)
    fresh = np.arange(400) % 2 == 1
    within = inside(box.limits, table)
    assert box.fresh_density == pytest.approx((fails & within)[fresh].sum() / within[fresh].sum())
    assert box.fresh_coverage == pytest.approx((fails & within)[fresh].sum() / fails[fresh].sum())


def test_no_box_is_made_of_too_few_failures_or_too_many():
    table = sample(200)
    for fails in (np.arange(200) < 8, np.arange(200) >= 8):
        assert find_box(table, fails)[0] is None


def test_a_box_of_pure_chance_does_not_hold_on_other_runs():
    """Failures at random, a third of the runs. A box that means nothing holds in at most 5 % of seeds, so five of ten
    or more do in fewer than 1e-4 of cases (binomial)."""
    boxes = []
    for seed in range(10):
        fails = np.random.default_rng([seed, 9]).random(200) < 1 / 3
        boxes.append(find_box(sample(200, seed), fails)[0])
    assert sum(box is not None and box.holds for box in boxes) < 5


def test_the_command_says_where_a_policy_fails(tmp_path):
    said = CliRunner().invoke(app, [
        "discover", "--out", str(tmp_path / "new"), "--policy", "scribe=1", "--least-gain", "12", "--samples", "80",
        "--physicians", "10", "--vary", "burnout_threshold_3,scribe_documentation_share,revenue_per_visit", "--quiet",
    ])  # fmt: skip
    assert said.exit_code == 0, said.output
    runs = pd.read_csv(tmp_path / "new" / "tables" / "discovery_runs.csv")
    assert runs["gain"].tolist() == pytest.approx((runs["without"] - runs["with"]).tolist(), abs=1e-6)
    assert len(runs) == 80
    assert ((runs["gain"] < 12) == runs["fails"]).all()
    # the more a scribe takes over, the more the policy gains
    assert runs["gain"].corr(runs["scribe_documentation_share"], method="spearman") > 0.3
    assert "fails" in said.output and (tmp_path / "new" / "report.html").exists()


@pytest.mark.parametrize("arguments, message", [
    (["--policy", "scribe=1"], "when does the policy fail"),
    (["--policy", "", "--limit", "50"], "expected interventions"),
    (["--policy", "scribes=1", "--limit", "50"], "did you mean 'scribe'"),
    (["--policy", "scribe=1", "--limit", "50", "--measure", "burnt"], "unknown 'burnt'"),
])  # fmt: skip
def test_bad_input_is_refused(tmp_path, arguments, message):
    said = CliRunner().invoke(app, ["discover", "--out", str(tmp_path / "new"), *arguments])
    assert said.exit_code == 2 and message in " ".join(said.stderr.split())
    assert not (tmp_path / "new").exists()


def test_the_usual_inputs_hold_what_a_policy_depends_on():
    assert {"scribe_documentation_share", "team_support", "recovery_rate"} <= set(usual_inputs(("scribe",)))
    assert "trust" not in usual_inputs(("scribe",)) and "trust" in usual_inputs(("ai_scribe",))
