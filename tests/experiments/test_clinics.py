"""Clinics by replicate: each replicate simulates its own draw, on either engine, and stores do not mix."""

import dataclasses

import numpy as np
import pytest

from abm.layout import make_layout
from abm.parameters import Parameters
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.results import ResultsError, open_results, pool_draws
from experiments.runner import run_sweep

LAYOUT = make_layout(10, 5)
EXPERIMENT = Experiment.model_validate({
    "name": "draws", "physicians": 10, "warm_up_days": 7, "days": 14, "period_days": 7, "replicates": 3, "seed": 5,
    "scenarios": [{"name": "scribe", "interventions": [{"kind": "scribe"}]}],
})  # fmt: skip


def drawn():
    slow, quick = (Parameters().replace(documentation_minutes_per_visit=minutes) for minutes in (6.0, 3.0))
    others = np.array(LAYOUT.traits)
    others[:10, 0] = others[9::-1, 0]
    return Clinics(LAYOUT, (slow, quick), np.stack([LAYOUT.traits, others]))


def test_replicates_take_the_draws_in_turn(tmp_path):
    clinics = drawn()
    run_sweep(EXPERIMENT, tmp_path / "drawn", progress=False, clinics=clinics)
    data = open_results(tmp_path / "drawn")
    assert data.attrs["clinics"] == 2
    for k in range(2):  # replicates 0 and 2 simulate draw 0, replicate 1 simulates draw 1
        parameters, layout = clinics.parameters[k], dataclasses.replace(LAYOUT, traits=clinics.traits[k])
        folder = tmp_path / f"draw {k}"
        run_sweep(
            EXPERIMENT, folder, progress=False, base_parameters=parameters, clinics=Clinics(layout, (parameters,))
        )
        own = open_results(folder)
        for replicate in range(k, 3, 2):
            here, there = (d["note_minutes"].sel(replicate=replicate) for d in (data, own))
            np.testing.assert_allclose(here, there, rtol=1e-4)
            assert float(abs(data["note_minutes"].sel(replicate=1 - k) - there).max()) > 1.0


def test_engines_agree_on_drawn_clinics(tmp_path):
    run_sweep(EXPERIMENT, tmp_path / "jax", progress=False, clinics=drawn())
    mesa = EXPERIMENT.model_copy(update={"engine": "mesa"})
    run_sweep(mesa, tmp_path / "mesa", progress=False, clinics=drawn())
    a, b = (open_results(tmp_path / engine) for engine in ("jax", "mesa"))
    for name in ("kept", "ehr_minutes", "fatigue", "exhaustion"):
        np.testing.assert_allclose(a[name], b[name], rtol=2e-3, atol=2e-3, err_msg=name)


def test_other_draws_and_other_sizes_are_refused(tmp_path):
    clinics = drawn()
    run_sweep(EXPERIMENT, tmp_path, progress=False, clinics=clinics)
    other = dataclasses.replace(clinics, parameters=clinics.parameters[::-1])
    with pytest.raises(ResultsError, match="which differs in draws"):
        run_sweep(EXPERIMENT, tmp_path, progress=False, clinics=other)
    with pytest.raises(ValueError, match="met a clinic of 15, expected the experiment's 10"):
        run_sweep(EXPERIMENT, tmp_path / "new", progress=False, clinics=Clinics(make_layout(15), (Parameters(),)))


def test_draws_apart_from_replicates_are_a_dimension_that_a_report_pools(tmp_path):
    apart = EXPERIMENT.model_copy(update={"draws": 2, "replicates": 2})
    run_sweep(apart, tmp_path / "apart", progress=False, clinics=drawn())
    data = open_results(tmp_path / "apart").load()
    assert data["kept"].dims == ("scenario", "draw", "replicate", "day", "physician") and data.attrs["clinics"] == 2
    for k in range(2):
        clinics = Clinics(dataclasses.replace(LAYOUT, traits=drawn().traits[k]), (drawn().parameters[k],))
        run_sweep(EXPERIMENT.model_copy(update={"replicates": 2}), tmp_path / str(k), progress=False, clinics=clinics)
        own = open_results(tmp_path / str(k))
        for name in ("kept", "exhaustion", "burned_out"):
            np.testing.assert_allclose(data[name].sel(draw=k), own[name], rtol=1e-3, atol=1e-4, err_msg=name)
    pooled = pool_draws(data)
    assert pooled["kept"].dims == ("scenario", "replicate", "day", "physician") and pooled.sizes["replicate"] == 4
    np.testing.assert_array_equal(pooled["kept"].isel(replicate=2), data["kept"].isel(draw=1, replicate=0))
    assert pooled["draw"].values.tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="expected up to 2 posterior draws"):
        run_sweep(apart.model_copy(update={"draws": 3}), tmp_path / "more", progress=False, clinics=drawn())
