"""The store on disk: batches count when the ledger names them, and only a complete store is opened."""

import warnings

import numpy as np
import pytest
import xarray as xr

from abm.layout import make_layout
from abm.outcomes import DERIVED, RECORDED
from abm.parameters import Parameters
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.labels import labels
from experiments.plan import Plan, balanced_size
from experiments.provenance import UNKNOWN, git_revision, layout_digest, provenance
from experiments.results import ResultsError, SweepStore, open_results

CHANGES = [{"kind": "scribe", "doses": [0.5, 1], "pods": [1]}]
EXPERIMENT = Experiment.model_validate(
    {"name": "store", "physicians": 10, "days": 56, "replicates": 3,
     "scenarios": [{"name": "scribe", "interventions": CHANGES},
                   {"name": "both", "interventions": [*CHANGES[:1], {"kind": "wellbeing"}]}]}
)  # fmt: skip
PLAN = Plan(EXPERIMENT, Clinics(make_layout(10), (Parameters(),)))
PLAN.__dict__["block_shape"] = (1, 1, 2)  # replicates a batch, fewer than the plan would take
EVERY = [(scenario, block) for block in range(2) for scenario in range(len(PLAN.scenarios))]
ATTRIBUTES = {"title": "store", "period_days": 28, "config": EXPERIMENT.to_yaml(), "parameters": "{}", "layout": "0",
              "draws": "",
              "provenance": provenance()}  # fmt: skip
VALUES = np.random.default_rng(1).random((len(RECORDED), len(PLAN.scenarios), 3, 2, 10), dtype=np.float32)


@pytest.fixture
def store(tmp_path):
    return begin(SweepStore(tmp_path))


def begin(store, **changed):
    store.begin(labels(PLAN), ATTRIBUTES | changed, PLAN)
    return store


def write(store, some):
    for scenario, block in some:
        store.write(scenario, block, VALUES[:, scenario, 2 * block : 2 * block + 2], PLAN)


def test_a_finished_store_opens_with_labels_units_and_derived_outcomes(store, tmp_path):
    write(store, EVERY)
    store.finish()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(xr.open_zarr(tmp_path / "results.zarr").data_vars) == set(RECORDED)
        data = open_results(tmp_path)
    assert dict(data.sizes) == {"scenario": 5, "replicate": 3, "day": 2, "physician": 10}
    assert set(data.data_vars) == set(RECORDED) | set(DERIVED)
    for i, name in enumerate(RECORDED):
        assert data[name].dtype == np.float32
        assert data[name].attrs == {"units": RECORDED[name].unit, "long_name": RECORDED[name].long_name}
        np.testing.assert_array_equal(data[name], VALUES[i])
    assert data["scenario"].values.tolist()[:3] == ["baseline", "scribe 0.5", "scribe 1"]
    assert data["family"].values.tolist() == ["baseline", "scribe", "scribe", "both", "both"]
    assert data["kind"].values.tolist() == ["", "scribe", "scribe", "scribe + wellbeing", "scribe + wellbeing"]
    np.testing.assert_array_equal(data["dose"], [0, 0.5, 1, np.nan, np.nan])
    np.testing.assert_allclose(data["yearly_cost"], [0, 112_500, 225_000, 127_500, 240_000])
    assert data["day"].values.tolist() == [0, 28]
    assert data["pod"].values.tolist() == [0] * 5 + [1] * 5
    assert set(data["fte"].values) == {0.8, 1.0}
    assert data.attrs["title"] == "store"
    assert data.attrs["provenance"]["jax"] == ATTRIBUTES["provenance"]["jax"]


def test_an_unfinished_store_is_not_opened(store, tmp_path):
    write(store, EVERY[:3])
    with pytest.raises(ResultsError, match=r"met an unfinished sweep \(3 batches so far\)"):
        open_results(tmp_path)
    with pytest.raises(ResultsError, match=r"met no results\.zarr"):
        open_results(tmp_path / "elsewhere")


def test_what_a_kill_leaves_is_gone_on_with(store, tmp_path):
    write(store, EVERY[:4])
    # killed between a batch's arrays and its line, and within the line of the batch before
    scenario, block = EVERY[4]
    store._arrays[0][scenario, 2 * block : 2 * block + 2] = -1.0
    text = store.ledger.read_text()
    store.ledger.write_text(text[:-2])
    again = begin(SweepStore(tmp_path))
    assert again.begun() == set(EVERY[:3])
    write(again, [batch for batch in EVERY if batch not in again.begun()])
    assert again.begun() == set(EVERY)
    again.finish()
    data = open_results(tmp_path)
    for i, name in enumerate(RECORDED):
        np.testing.assert_array_equal(data[name], VALUES[i])


def test_a_store_whose_making_was_cut_short_is_made_anew(store, tmp_path):
    store.ledger.unlink()
    assert begin(SweepStore(tmp_path)).begun() == set()


def test_stores_of_other_sweeps_and_other_software_are_refused(store, tmp_path):
    other = EXPERIMENT.model_copy(update={"seed": 1, "replicates": 4}).to_yaml()
    with pytest.raises(ResultsError, match=r"another sweep \('store', which differs in replicates, seed\)"):
        begin(SweepStore(tmp_path), config=other)
    with pytest.raises(ResultsError, match="which differs in layout"):
        begin(SweepStore(tmp_path), layout=layout_digest(make_layout(10, seed=1)))
    newer = ATTRIBUTES["provenance"] | {"git_revision": "another"}
    with pytest.raises(ResultsError, match=r"begun with other software \(git_revision .* -> another\)"):
        begin(SweepStore(tmp_path), provenance=newer)
    write(store, EVERY)
    store.finish()
    with pytest.raises(ResultsError, match="differs in visit_minutes"):
        SweepStore(tmp_path).is_finished(ATTRIBUTES | {"parameters": '{"visit_minutes": 12.0}'})
    assert SweepStore(tmp_path).is_finished(ATTRIBUTES | {"provenance": newer})


@pytest.mark.parametrize(("count", "largest"), [(1, 16), (16, 16), (17, 16), (100, 16), (5, 1)])
def test_parts_are_of_about_one_size(count, largest):
    size = balanced_size(count, largest)
    assert size <= largest
    assert -(-count // size) == -(-count // largest)
    assert size * -(-count // size) - count < -(-count // size)


def test_provenance_says_what_made_the_numbers():
    said = provenance()
    assert all(said[name] not in ("", UNKNOWN) for name in ("jax", "numpy", "mesa", "python", "platform"))
    assert said["created_utc"].endswith("+00:00")


def test_a_package_inside_a_foreign_repository_takes_no_revision_from_it(tmp_path):
    import subprocess

    package = tmp_path / "venv" / "experiments"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert git_revision(package) == UNKNOWN
    subprocess.run(["git", "-C", tmp_path, "add", "venv"], check=True)
    subprocess.run(["git", "-C", tmp_path, *identity, "commit", "-q", "-m", "y"], check=True)
    assert len(git_revision(package)) == 40
    (package / "__init__.py").write_text("changed")
    assert git_revision(package).endswith("-dirty")
