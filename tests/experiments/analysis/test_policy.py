"""The policy search: on a problem whose answer is known, its pieces, and by gradient through a small clinic."""

import os

import numpy as np
import pytest
from typer.testing import CliRunner

from abm.layout import make_layout
from abm.parameters import Parameters
from experiments.analysis.choose import Sizes, choose, pareto
from experiments.analysis.dose_gradients import measures_and_slopes
from experiments.analysis.inputs import inputs
from experiments.analysis.measured_runs import MeasuredRuns
from experiments.analysis.pages import write_analysis
from experiments.analysis.policies import in_words, known_kinds, read_doses
from experiments.analysis.policy import MEASURES_READ, Problem, Sloped, risk
from experiments.analysis.policy_page import policy_section
from experiments.analysis.search import by_gradient, grid_doses, of_doses, random_doses
from experiments.cli import app

KINDS = ("scribe", "inbox_pooling", "wellbeing", "protected_time")
FULL = os.environ.get("CLINICTWIN_FULL") == "1"


def problem_of(budget=20_000.0, limit=12.0, kinds=KINDS, **settings):
    return Problem(MeasuredRuns(make_layout(5), kinds, MEASURES_READ), Parameters(), budget, limit, **settings)


class Formula(Problem):
    """A problem whose burnout and access are formulas of the doses; costs are those of five physicians."""

    def burnout(self, d):
        return 50 - d @ np.array([20.0, 12.0, 4.0, 15.0]) + 8 * d[..., 0] * d[..., 1] + 6 * d[..., 3] ** 2

    def wait(self, d):
        return 10 + 8 * d[..., 3]

    def slopes(self, doses, seeds):
        slope = -np.array([20.0, 12.0, 4.0, 15.0])
        slope += 8 * np.array([doses[1], doses[0], 0, 0]) + 12 * np.array([0, 0, 0, doses[3]])
        return Sloped(self.burnout(doses), slope, self.wait(doses), np.array([0.0, 0.0, 0.0, 8.0]))

    def simulate(self, doses, seeds, progress=None):
        found = {name: np.zeros(len(doses)) for name in MEASURES_READ}
        found |= {"burnout_risk": self.burnout(doses), "third_next_available": self.wait(doses)}
        noise = np.random.default_rng(seeds).normal(0, 0.3, len(seeds))  # the same for every policy
        return {name: values[:, None] + noise for name, values in found.items()}


def formula(budget, limit):
    return Formula(MeasuredRuns(make_layout(5), KINDS, MEASURES_READ), Parameters(), budget, limit)


def test_the_search_by_gradient_finds_the_known_best_policy():
    """Five physicians: 225,000 USD for a scribe each, 50,000 for pooling, 7,500 for wellbeing, none for time. With
    57,500 the best is all pooling, all wellbeing and the time that the wait allows (a quarter)."""
    problem = formula(57_500.0, 12.0)
    found = by_gradient(problem, np.arange(2), 300, starts=3)
    best = found.best(problem)
    assert best == pytest.approx([0.0, 1.0, 1.0, 0.25], abs=0.02)
    assert found.runs <= 300
    for doses in (grid_doses(problem, 150), random_doses(problem, 150, np.random.default_rng(0))):
        other = of_doses(problem, doses, np.arange(2))
        assert other.runs <= 300
        assert problem.burnout(best) <= problem.burnout(other.best(problem)) + 1e-3


def test_a_choice_is_checked_on_fresh_seeds_and_written(tmp_path):
    problem = formula(57_500.0, 12.0)
    found = choose(problem, Sizes(runs=120, replicates=2, check=6, front=2))
    rows = found.checked.set_index("method")
    assert rows.loc["gradient", list(KINDS)].to_numpy(float) == pytest.approx([0.0, 1.0, 1.0, 0.25], abs=0.02)
    assert rows["keeps"].all() and rows.loc["gradient", "behind_gradient"] == 0.0
    # pairs share their noise: the interval of a difference is the difference
    behind = problem.burnout(rows.loc["nothing", list(KINDS)].to_numpy(float)) - problem.burnout(
        rows.loc["gradient", list(KINDS)].to_numpy(float)
    )
    assert rows.loc["nothing", ["behind_low", "behind_high"]].to_numpy(float) == pytest.approx([behind, behind])
    assert max(found.runs[m] for m in ("gradient", "grid", "random")) <= 120
    cheaper = found.front[found.front["yearly_cost"] <= 20_000]  # wellbeing pays most for its money
    assert (cheaper["wellbeing"] > 0.9).any()
    section, drawn, numbers = policy_section(found, problem)
    page = write_analysis(tmp_path, section, numbers, drawn, {"seed": 0}).read_text(encoding="utf-8")
    assert "inbox_pooling 1.00" in page and "data:image/svg+xml" in page
    assert (tmp_path / "tables" / "policy_front.csv").exists() and (tmp_path / "figures" / "policy_front.png").exists()


def test_every_policy_that_is_tried_keeps_to_the_budget():
    problem = formula(57_500.0, 12.0)
    assert problem.runs.yearly_costs(np.eye(4)) == pytest.approx([225_000, 50_000, 7_500, 0])
    for doses in (grid_doses(problem, 100), random_doses(problem, 100, np.random.default_rng(1))):
        assert len(doses) == 100
        assert problem.runs.yearly_costs(doses).max() <= 57_500 * (1 + 1e-6)
        assert (doses >= 0).all() and (doses <= problem.runs.dose_max).all()


def test_the_front_holds_what_nothing_beats():
    values = np.array([[1.0, 5.0], [2.0, 4.0], [2.0, 6.0], [3.0, 4.0], [1.0, 5.0]])
    assert pareto(values).tolist() == [True, True, False, False, True]


def test_the_tail_is_the_mean_of_the_worst():
    values = np.array([[1.0, 9.0, 3.0, 7.0]])
    assert risk(values, 1.0) == pytest.approx(5.0)
    assert risk(values, 0.5) == pytest.approx(8.0)
    assert risk(values, 0.01) == pytest.approx(9.0)


def test_uncertain_parameters_are_those_of_the_seed():
    problem = problem_of(uncertain=inputs(["trust", "visit_minutes"]))
    first, again = problem.drawn(np.array([4, 7])), problem.drawn(np.array([7]))
    assert first.trust.shape == (2,) and first.trust[1] == again.trust[0] != first.trust[0]


def test_more_scribes_less_burnout_in_a_small_clinic():
    """On the same seeds, so the differences are those of the doses."""
    problem = problem_of(kinds=("scribe", "protected_time"))
    table = problem.table(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(4))
    assert table["burnout_risk"].iloc[1] < table["burnout_risk"].iloc[0] - 5
    assert table["third_next_available"].iloc[2] > table["third_next_available"].iloc[0] + 1
    assert table["yearly_cost"].tolist() == [0.0, 225_000.0, 0.0]
    assert table["keeps"].tolist()[1] is False


@pytest.mark.skipif(not FULL, reason="compiles derivatives of the simulator: minutes; CLINICTWIN_FULL=1 runs it")
def test_derivatives_by_dose_are_those_of_differences():
    """In a clinic where nobody leaves or is absent: such rare events are steep ramps of the relaxed mode, which a step
    crosses and a derivative meets or misses. No-shows are many: their ramps even out over 24 seeds."""
    p = Parameters().replace(leaving_per_year=0.0, staff_leaving_per_year=0.0, absence_per_day=0.0)
    runs, seeds, doses, step = MeasuredRuns(make_layout(5), KINDS[::3], MEASURES_READ), range(24), [0.4, 0.3], 0.05
    slopes = measures_and_slopes(runs, p, np.array(doses), seeds)[1]
    moved = np.concatenate([doses + step * np.eye(2), doses - step * np.eye(2)])
    found = runs.run(p, np.repeat(moved, 24, axis=0), [*seeds] * 4, "relaxed")
    for measure in ("burnout_risk", "third_next_available"):
        values = found[measure].to_numpy().reshape(2, 2, 24)
        by_steps = ((values[0] - values[1]) / (2 * step)).mean(axis=1)
        assert slopes[measure].mean(axis=0) == pytest.approx(by_steps, rel=0.1, abs=0.5)
        assert np.abs(by_steps).max() > 5  # there is something to agree on


def test_policies_are_read_and_said():
    kinds, doses = read_doses("scribe=0.5, wellbeing")
    assert kinds == ("scribe", "wellbeing") and doses.tolist() == [0.5, 1.0]
    assert in_words(kinds, doses) == "scribe 0.50, wellbeing 1.00"
    assert in_words(kinds, np.zeros(2)) == "nothing"
    with pytest.raises(ValueError, match="twice"):
        read_doses("scribe,scribe=1")
    with pytest.raises(ValueError, match="different kinds"):
        known_kinds(["scribe", "scribe"])


@pytest.mark.parametrize("arguments, message", [
    (["--kinds", "scribes"], "did you mean 'scribe'"), (["--objective", "joy"], "expected one of burnout_risk"),
    (["--tail", "0"], "expected a share"), (["--runs", "10"], "expected at least 32"),
    (["--uncertain", "trusts"], "did you mean 'trust'"),
])  # fmt: skip
def test_bad_input_is_refused(tmp_path, arguments, message):
    usual = ["policy", "--out", str(tmp_path / "new"), "--budget", "1e5", "--access-limit", "12", *arguments]
    said = CliRunner().invoke(app, usual)
    assert said.exit_code == 2 and message in " ".join(said.stderr.split())
    assert not (tmp_path / "new").exists()
