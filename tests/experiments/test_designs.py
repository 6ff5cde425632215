"""Designs: points are where the method puts them, made a block at a time, refused where they make no sense."""

import itertools
import tracemalloc

import numpy as np
import pytest
from scipy.stats import qmc

from abm.layout import make_layout
from abm.parameters import Parameters
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.designs import BLOCK_POINTS, Design
from experiments.labels import labels
from experiments.plan import Plan
from experiments.results import SweepStore, open_results
from experiments.yaml_source import ConfigError

VISITS = {"parameter": "visit_minutes", "low": "12 min", "high": 20}
SCRIBES = {"dose_of": "scribe", "low": 0, "high": "100 %"}
SCENARIOS = [{"name": "scribes", "interventions": [{"kind": "scribe"}]}]


def design(method, *axes, **more):
    return Design.model_validate({"method": method, "axes": axes or (VISITS, SCRIBES)} | more)


def unit(points):
    return (points - [12, 0]) / [8, 1]


def test_a_factorial_design_is_every_combination():
    made = design("factorial", {"parameter": "visit_minutes", "levels": [12, 15, 18]},
                  {"dose_of": "scribe", "levels": ["25 %", 1]})  # fmt: skip
    assert made.size == 6
    every = [list(pair) for pair in itertools.product([12, 15, 18], [0.25, 1])]
    assert made.points_from(0, 6).tolist() == every
    assert made.points_from(4, 2).tolist() == every[4:]


def test_a_table_takes_its_rows():
    made = design("table", {"parameter": "visit_minutes", "levels": [12, 15]}, {"dose_of": "scribe", "levels": [1, 0]})
    assert made.points_from(0, 2).tolist() == [[12, 1], [15, 0]]


def test_a_latin_hypercube_has_one_point_in_every_stratum():
    points = unit(design("latin-hypercube", points=50, seed=3).points_from(0, 50))
    for column in points.T:
        assert sorted((column * 50).astype(int)) == list(range(50))


def test_a_sobol_sequence_is_that_of_scipy_and_any_part_of_it_is_the_same():
    made = design("sobol", points=8192, seed=5)
    whole = made.points_from(0, 8192)
    np.testing.assert_allclose(unit(whole), qmc.Sobol(2, rng=np.random.default_rng(5)).random(8192), atol=1e-12)
    np.testing.assert_array_equal(made.points_from(BLOCK_POINTS - 3, 7), whole[BLOCK_POINTS - 3 : BLOCK_POINTS + 4])


@pytest.mark.parametrize(("method", "size"), [("saltelli", 8 * 4), ("morris", 8 * 3)])
def test_designs_for_sensitivity_move_one_axis_at_a_time(method, size):
    made = design(method, points=8, seed=1)
    points = made.points_from(0, made.size)
    assert made.size == size == len(points)
    assert points.min(axis=0).tolist() >= [12, 0] and points.max(axis=0).tolist() <= [20, 1]
    per_base = size // 8
    for base in points.reshape(8, per_base, 2):
        moved = (base[:, None] != base[None]).sum(axis=-1)
        assert (moved == 1).sum() >= 2 * (per_base - 1) - 2


SCRIBE_LEVELS = {"dose_of": "scribe", "levels": [0, 1]}
MANY = np.linspace(12, 20, 5000).tolist()
REFUSED = {
    "no power of two": (dict(method="sobol", points=100), r"points: met 100, expected a power of two \(64 or 128"),
    "no points": (dict(method="latin-hypercube"), r"points: met None with latin-hypercube, expected how many"),
    "points of a table": (dict(method="table", points=3, axes=[VISITS]), r"axes\[0\]: met 'low' and 'high'"),
    "no levels": (dict(method="factorial", axes=[VISITS]), "expected 'levels' for a factorial design"),
    "unlike lengths": (
        dict(method="table", axes=[{"parameter": "visit_minutes", "levels": [12]}, SCRIBE_LEVELS]),
        "expected as many on every axis",
    ),
    "twice": (dict(method="sobol", points=8, axes=[VISITS, VISITS]), "met 'visit_minutes' again"),
    "out of bounds": (dict(method="sobol", points=8, axes=[VISITS | {"high": 99}]), "expected between 6 and 40 min"),
    "upside down": (dict(method="sobol", points=8, axes=[VISITS | {"high": 11}]), "met 11, expected more than low"),
    "no such parameter": (
        dict(method="sobol", points=8, axes=[VISITS | {"parameter": "visit_minuts"}]), "did you mean 'visit_minutes'"
    ),
    "no such kind": (dict(method="sobol", points=8, axes=[SCRIBES | {"dose_of": "scrybe"}]), "did you mean 'scribe'"),
    "nobody has it": (dict(method="sobol", points=8, axes=[SCRIBE_LEVELS | {"dose_of": "wellbeing"}]),
                      "expected a scenario with such an intervention"),
    "both or neither": (dict(method="sobol", points=8, axes=[{"levels": [1]}]), "expected one of 'parameter' and"),
    "too large": (
        dict(method="factorial", axes=[{"parameter": p, "levels": MANY} for p in ("visit_minutes", "patience_days")]),
        "met a design of 25,000,000 points",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_designs_that_make_no_sense_are_refused(wrong, says):
    with pytest.raises(ConfigError, match=says):
        Experiment.model_validate({"name": "x", "scenarios": SCENARIOS, "design": {"axes": [VISITS, SCRIBES]} | wrong})


def test_a_million_points_need_not_fit_in_memory(tmp_path):
    """The store of a million points is begun, written to at both ends and opened, and little of it is held."""
    experiment = Experiment.model_validate({
        "name": "wide", "physicians": 5, "days": 28, "replicates": 1, "outcomes": ["kept", "exhaustion"],
        "design": {"method": "sobol", "points": 2**20, "axes": [VISITS, SCRIBES]}, "scenarios": SCENARIOS,
    })  # fmt: skip
    plan = Plan(experiment, Clinics(make_layout(5), (Parameters(),)))
    attributes = {"title": "wide", "period_days": 28, "config": "", "parameters": "{}", "layout": "", "draws": "",
                  "provenance": {}}  # fmt: skip
    store = SweepStore(tmp_path)
    tracemalloc.start()
    store.begin(labels(plan), attributes, plan)
    last = plan.block(plan.blocks - 1)
    for block in (0, plan.blocks - 1):
        store.write(1, block, np.full((2, plan.block(block).size, 1, 5), block + 1.0, np.float32), plan)
    store.finish()
    data = open_results(tmp_path)
    assert float(data["kept"].isel(scenario=1, point=last.points[-1]).mean()) == plan.blocks
    assert np.isnan(data["kept"].isel(scenario=0, point=2**19)).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.sizes["point"] == 2**20 and data["kept"].nbytes + data["exhaustion"].nbytes > 80e6
    some = data.isel(point=slice(5000, 5003))
    np.testing.assert_array_equal(some["parameter_visit_minutes"], experiment.design.points_from(5000, 3)[:, 0])
    np.testing.assert_allclose(some["yearly_cost"].isel(scenario=1), some["dose_of_scribe"] * 45_000 * 5)
    assert not some["yearly_cost"].isel(scenario=0).any()
    assert peak < 200e6, f"{peak / 1e6:.0f} MB"
    print(f"{peak / 1e6:.0f} MB")
