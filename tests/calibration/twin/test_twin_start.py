"""The members a twin starts with are as the posterior draws of a fit are spread, and no two alike."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from abm.parameters import ENTRIES, Parameters, to_unbounded
from calibration.fit_result import Fit
from calibration.observations import person_ids
from calibration.summaries import EFFECTS
from calibration.twin import TwinError
from calibration.twin.blocks import BLOCK, TRAIT_ROWS
from calibration.twin.start import draw_start, shared_names

MEMBERS, DRAWS = 4096, 64


@pytest.fixture(scope="module")
def fit():
    """A fit of five physicians, of which a twin reads the draws."""
    rng = np.random.default_rng(8)
    draws = {
        "visit_minutes": 17 + 0.5 * rng.standard_normal(DRAWS),
        "fatigue_build_rate": rng.uniform(0.06, 0.1, DRAWS),
    }
    for who in person_ids(5):
        draws |= {f"{effect} {who}": 1.0 + 0.3 * rng.standard_normal(DRAWS) for effect in EFFECTS}
    blank: dict = {field.name: pd.DataFrame() for field in dataclasses.fields(Fit)}
    given = {"parameters": Parameters(), "draws": pd.DataFrame(draws), "info": {"physicians": 5}}
    return Fit(**blank | given)


def test_a_fit_starts_members_with_its_mean_spread_and_relations(fit, five_plan):
    assert shared_names(fit) == ("visit_minutes", "fatigue_build_rate")
    plan = dataclasses.replace(five_plan, names=shared_names(fit), members=MEMBERS)
    block, shared = draw_start(plan, fit)
    draws = np.array([[to_unbounded(v, ENTRIES[n]) for v in fit.draws[n]] for n in plan.names])
    error = 5.5 * draws.std(axis=1) / np.sqrt(MEMBERS)  # each mean is off by more in 4e-8
    assert np.all(np.abs(shared.mean(axis=1) - draws.mean(axis=1)) < error)
    np.testing.assert_allclose(shared.std(axis=1), draws.std(axis=1, ddof=1), rtol=0.06)
    pace = fit.draws[f"pace {person_ids(5)[3]}"]
    found = block[3, BLOCK.index("trait_pace")]
    assert found.mean() == pytest.approx(pace.mean(), abs=5.5 * 0.3 / np.sqrt(MEMBERS))
    joint = np.corrcoef(shared[0], found)[0, 1]
    assert joint == pytest.approx(np.corrcoef(draws[0], pace)[0, 1], abs=5.5 / np.sqrt(MEMBERS))
    assert len(np.unique(shared[0])) == MEMBERS and len(np.unique(found)) == MEMBERS


def test_without_a_fit_members_are_drawn_from_the_priors(five_plan):
    plan = dataclasses.replace(five_plan, names=shared_names(None), members=MEMBERS)
    block, shared = draw_start(plan, None)
    centres, deviations = plan.prior()
    free = [
        k for k, name in enumerate(plan.names) if not name.startswith("burnout_threshold")
    ]  # those are put in order
    z = ((shared - centres[:, None]) / deviations[:, None])[free]
    assert np.abs(z.mean(axis=1)).max() < 5.5 / np.sqrt(MEMBERS) and np.abs(z.std(axis=1) - 1).max() < 0.07
    assert np.abs(block[:, TRAIT_ROWS].mean(axis=-1)).max() < 5.5 / np.sqrt(MEMBERS)


def test_a_fit_of_other_people_is_refused(fit, five_plan):
    plan = dataclasses.replace(five_plan, names=("visit_minutes",))
    missing = fit.draws.drop(columns=["pace physician-003"])
    with pytest.raises(TwinError, match="pace physician-003"):
        draw_start(plan, dataclasses.replace(fit, draws=missing))
