"""Simulated challenges: each does something, losses are counted right, and the reports hold together."""

import numpy as np
import pandas as pd
import pytest

from abm.parameters import Parameters
from abm.population import simulate
from experiments.implementation import impact, strategies
from experiments.implementation.clinic_runs import GO_LIVE, WARM_UP_DAYS
from experiments.implementation.impact_report import write_impact
from experiments.implementation.impact_runs import Scenario
from experiments.implementation.mechanisms import mapped
from experiments.implementation.quantities import FAULT
from experiments.implementation.readiness import ImplementationError, form, read_answers, write_readiness
from experiments.scenarios import replicate_words


def test_a_row_is_the_engines_own_run(small_clinics, small_layout):
    risk = small_clinics.risk([Scenario(programme=False)])[0, 1]
    words = replicate_words(0, 2)[1]
    run = simulate(Parameters(), GO_LIVE + 364, words, layout=small_layout, period_days=7)
    level, filled = (np.asarray(run.physicians[name])[GO_LIVE // 7 :] for name in ("burnout_risk", "employed"))
    quarters = lambda v: v.reshape(4, 13, -1).mean(axis=1)  # noqa: E731
    expected = 100 * (quarters(level) * quarters(filled)).sum(axis=-1) / quarters(filled).sum(axis=-1)
    np.testing.assert_allclose(risk, expected, rtol=1e-4)
    assert WARM_UP_DAYS % 7 == 0


def test_every_mapped_challenge_moves_an_outcome(small_clinics):
    keys = list(mapped())
    usual = small_clinics.risk([Scenario()])[0]
    for key, risk in zip(keys, small_clinics.risk([Scenario.of({key: 1.0}) for key in keys]), strict=True):
        faults = {move.name: move.typical for move in mapped()[key].moves if move.kind == FAULT}
        pictures = zip(small_clinics.pictures(faults), small_clinics.pictures({}), strict=True)
        seen = any(not np.array_equal(now.score, usual.score) for now, usual in pictures)
        assert seen or np.abs(risk - usual).max() > 1e-3, key


def test_only_standing_challenges_act_without_a_programme(small_clinics):
    without = dict(programme=False)
    usual, change, leaders = small_clinics.risk(
        [
            Scenario(**without),
            Scenario.of({"change_fatigue": 2.0}, **without),
            Scenario.of({"leadership_styles": 2.0}, **without),
        ]
    )
    assert np.array_equal(usual, change)
    assert (leaders > usual).all()


def test_stream_faults_blur_the_picture(small_clinics):
    clear = small_clinics.pictures({"survey_response_share": 1.0, "wearable_share": 1.0})
    blind = small_clinics.pictures({"survey_response_share": 0.0, "wearable_share": 0.0, "ehr.missing_share": 1.0})
    assert np.mean([picture.accuracy for picture in clear]) > 0.3
    assert all(picture.accuracy == 0.0 and not picture.score.any() for picture in blind)  # nothing seen


def test_shares_lost_are_ratios_of_means():
    share, low, high, error = impact.share_lost(np.array([4.0, 5.0, 6.0]), np.array([10.0, 10.0, 10.0]))
    assert share == pytest.approx(50.0)
    # promise without spread: the jackknife is the standard error of the mean, 10 / sqrt(3)
    assert error == pytest.approx(10 / np.sqrt(3)) and high - share == pytest.approx(share - low)
    assert np.isnan(impact.share_lost(np.array([4.0]), np.array([10.0]))[1])


def test_ranks_are_certain_where_nothing_can_move_them():
    table = pd.DataFrame({"typical_lost": [50.0, 1.0, 0.9], "severe_lost": [90.0, 2.0, 1.8],
                          "typical_error": [0.0, 0.0, 0.0], "source": ["assumed"] * 3})  # fmt: skip
    ranks = impact.rank_intervals(table)
    assert ranks[0].tolist() == [1, 1]
    assert ranks[1].tolist() == [2, 3] and ranks[2].tolist() == [2, 3]


def test_pairs_know_alone_and_together(small_clinics):
    keys = ["regulatory_compliance", "testing_and_evaluation"]
    found = impact.pairs(small_clinics, pd.DataFrame({"challenge": keys}), 2).iloc[0]
    promised = impact.promise(small_clinics).first_year.mean()
    alone = small_clinics.reduction([Scenario.of({key: 1.0}) for key in keys]).mean(axis=(1, 2))
    together = small_clinics.reduction([Scenario.of(dict.fromkeys(keys, 1.0))]).mean()
    assert found["lost"] == pytest.approx(100 * (1 - together / promised))
    sum_alone = 100 * (2 - alone.sum() / promised)
    assert found["interaction"] == pytest.approx(found["lost"] - sum_alone)


def test_strategies_buy_back(small_clinics):
    strengths = {"lack_of_training_and_support": 2.0, "schedule_constraints_for_learning": 2.0}
    table = strategies.bought_back(small_clinics, strengths).set_index("strategy")
    assert table.loc["training", "bought_back"] > 0
    assert table.loc["better_sensors_and_data", "challenges_relieved"] == 0
    assert table.loc["better_sensors_and_data", "bought_back"] == 0
    row = table.loc["training"]
    assert row["per_1000_usd"] == pytest.approx(1000 * row["bought_back"] / row["usd_per_physician"])


def test_the_impact_report(small_clinics, tmp_path):
    page, found = write_impact(small_clinics, tmp_path, most_paired=2)
    text = page.read_text(encoding="utf-8")
    assert len(found.ranking) == len(mapped()) and found.ranking["typical_lost"].is_monotonic_decreasing
    assert set(found.groups["kind"]) == {"theme", "community"}
    assert found.groups.loc[found.groups["kind"] == "community", "mapped"].sum() == len(mapped())
    assert "The promise: with the programme" in text and "not in the model" in text and 'src="http' not in text
    for name in ("tornado", "interactions", "groups", "strategies"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 5000


def test_readiness_from_answers(small_clinics, tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text("constructs:\n  policies_and_laws: -2\n  funding: 1\n  space: -2\n  culture: 2\n"
                    "challenges:\n  sensor_failure: -1\n  change_fatigue: -1\n", encoding="utf-8")  # fmt: skip
    answers = read_answers(path)
    assert answers.constructs["available_resources"] == -0.5  # mean of its rated parts
    assert answers.strengths["regulatory_compliance"] == 2.0 and answers.strengths["reactive_culture"] == 0.0
    assert answers.strengths["change_fatigue"] == 1.0  # its own rating goes before its construct's
    text = write_readiness(answers, small_clinics, tmp_path / "out").read_text(encoding="utf-8")
    order = pd.read_csv(tmp_path / "out" / "tables" / "order.csv")
    assert order["bought_back"].is_monotonic_decreasing and "regulatory_compliance" in set(order["challenge"])
    assert "Culture (+2)" in text and "Legal issues" in text  # a barrier that the model cannot weigh


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "met no answers"),
        ("construct:\n  culture: 1\n", r"line 1: unknown key 'construct'"),
        ("constructs:\n  cultur: 1\n", r"line 2: met code 'cultur'.*did you mean 'culture'"),
        ("constructs:\n  culture: 3\n", r"line 2: culture: met 3, expected a number from -2"),
        ("constructs:\n  culture: true\n", "met True"),
        ("constructs: 3\n", "expected names with ratings"),
        ("challenges:\n  sensor_failur: 1\n", "did you mean 'sensor_failure'"),
    ],
)
def test_bad_answers_are_refused(tmp_path, text, message):
    path = tmp_path / "answers.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ImplementationError, match=message):
        read_answers(path)


def test_the_form_is_answers_without_barriers(tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text(form(), encoding="utf-8")
    answers = read_answers(path)
    assert len(answers.constructs) == 39 and not any(answers.strengths.values())
