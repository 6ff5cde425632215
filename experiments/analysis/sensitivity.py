"""Which parameters of the clinic matter: slopes and Morris screening over all, Sobol' indices over the foremost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from abm.parameters import ENTRIES
from experiments.analysis import gradients
from experiments.analysis.inputs import Inputs
from experiments.analysis.measured_runs import MeasuredRuns
from experiments.analysis.morris import morris_effects, morris_points
from experiments.analysis.sobol import Model, check_outcome, saltelli_points, saltelli_runs, sobol_indices

CHANCE_RUNS = 16  # at the centre on other seeds: what the outcome varies by chance
CUSTOMARY_POINTS = 1024  # base points of a Sobol' analysis whose total indices are known to a few hundredths (assumed)
Reporting = Callable[[str, int], Callable[[int], None]]  # (what, runs) -> to be told of finished runs


class Sizes(NamedTuple):
    """How much is run."""

    trajectories: int = 6  # of Morris screening, over all inputs
    foremost: int = 20  # inputs of the Sobol' analysis: those with the largest effects in the screening
    points: int = 64  # base points of the Sobol' analysis, a power of two
    slope_points: int = 1  # where slopes are taken: the centre, then points spread over the cube
    sides: int = 2  # of differences


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """``table`` has one row an input, foremost first; ``runs`` counts them by method; ``chance`` is a share."""

    table: pd.DataFrame
    runs: dict[str, int]
    mean: float
    standard_deviation: float
    chance: float
    slopes_against_total: float
    slopes_against_morris: float
    morris_against_total: float


def analyse_sensitivity(runs: MeasuredRuns, inputs: Inputs, measure: str, doses: np.ndarray, sizes: Sizes,
                        seed: int = 0, reporting: Reporting | None = None) -> Sensitivity:  # fmt: skip
    """Sensitivity of one measure of a clinic with ``doses`` [C] in use.

    Slopes are differences on common draws of the relaxed mode: forward-mode derivatives take as many passes, and
    reverse-mode ones some minutes to compile. Screening and indices run the exact mode, every run on the same draws, so
    that they are of the parameters and not of chance; ``chance`` says how much chance alone would add. Raises
    ValueError on an outcome that does not vary or is not finite.
    """

    def model(what: str, count: int, mode: str, chosen: Inputs = inputs, other_seeds: bool = False) -> Model:
        told = reporting(what, count) if reporting else None

        def outcome(points: np.ndarray) -> np.ndarray:
            seeds = seed + 1 + np.arange(len(points)) if other_seeds else np.full(len(points), seed)
            found = runs.run(chosen.at(points), np.tile(doses, (len(points), 1)), [int(s) for s in seeds], mode, told)
            return found[measure].to_numpy()

        return outcome

    k, screened = len(inputs.names), min(sizes.foremost, len(inputs.names))
    count = {
        "slopes": gradients.slope_runs(k, sizes.slope_points, sizes.sides),
        "morris": sizes.trajectories * (k + 1),
        "sobol": saltelli_runs(screened, sizes.points),
        "chance": CHANCE_RUNS,
    }  # fmt: skip
    at = np.concatenate([np.full((1, k), 0.5), np.random.default_rng(seed).random((sizes.slope_points - 1, k))])
    value, slope = gradients.slopes(model("slopes", count["slopes"], "relaxed"), at, sides=sizes.sides)
    check_outcome(np.append(slope, 0.0))
    points = morris_points(inputs.names, sizes.trajectories, seed)
    screening = morris_effects(
        inputs.names, points, model("Morris screening", count["morris"], "exact")(points), seed
    ).set_index("name")  # fmt: skip
    foremost = dataclasses.replace(inputs, names=tuple(screening["size"].nlargest(screened).index))
    points = saltelli_points(foremost.names, sizes.points, seed)
    outcome = model("Sobol' indices", count["sobol"], "exact", foremost)(points)
    indices = sobol_indices(foremost.names, outcome, seed).set_index("name")
    by_chance = model("chance", CHANCE_RUNS, "exact", other_seeds=True)(np.full((CHANCE_RUNS, k), 0.5))

    table = _inputs_table(inputs, slope, value[0]).set_index("name")
    table = table.join(screening.add_prefix("morris_")).join(indices)
    if sizes.slope_points > 1:
        measures = gradients.derivative_measures(inputs.names, slope, float(outcome.var()))
        table["bound"] = measures.set_index("name")["bound"]
    table = table.sort_values(["total", "morris_size"], ascending=False, na_position="last").reset_index()
    rank = lambda a, b: float(spearmanr(table[a].abs(), table[b], nan_policy="omit").statistic)  # noqa: E731
    return Sensitivity(
        table, count, float(outcome.mean()), float(outcome.std()), float(by_chance.var(ddof=1) / outcome.var()),
        rank("slope", "total"), rank("slope", "morris_size"), rank("morris_size", "total"),
    )  # fmt: skip


def _inputs_table(inputs: Inputs, slope: np.ndarray, value: float) -> pd.DataFrame:
    """What each input is, its slope over its whole range at the centre, and its elasticity there."""
    rows: list[dict[str, Any]] = []
    for j, name in enumerate(inputs.names):
        e, middle = ENTRIES[name], float(getattr(inputs.base, name))
        low, high = inputs.ends(name)
        near = inputs.values(name, np.array([0.5 - gradients.STEP, 0.5 + gradients.STEP]))
        by_unit = slope[0, j] * 2 * gradients.STEP / float(near[1] - near[0])
        # of a parameter whose zero is a matter of its scale, a change in per cent means nothing
        elasticity = by_unit * middle / value if e.low >= 0 and value else np.nan
        rows.append({"name": name, "meaning": e.meaning, "unit": e.unit, "low": low, "high": high,
                     "slope": slope[0, j], "elasticity": elasticity})  # fmt: skip
    table = pd.DataFrame(rows)
    table["linear"] = gradients.linear_indices(slope[0])
    return table


def full_design_runs(inputs: int, points: int = CUSTOMARY_POINTS) -> int:
    """Runs of a Sobol' analysis of all inputs, for comparison."""
    return saltelli_runs(inputs, points)
