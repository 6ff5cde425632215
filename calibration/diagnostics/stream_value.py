"""What a stream is worth: how uncertain risks would be without it, sampled more rarely, or delivered later.

Each design is looked at where the fit ended: exact and relaxed runs with the design's observations give the curvature,
and posterior draws give the risks. Nothing is fitted anew, so a design says what its observations could tell, not what
they happened to say.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Sequence

import jax.numpy as jnp
import numpy as np
import pandas as pd

from calibration import posterior
from calibration.diagnostics.revisit import BLOCKS, Revisited
from calibration.fit_tables import INFORMED
from calibration.measures import MEASURES, STREAMS
from calibration.progress import progress_bar
from calibration.readouts import LEVEL, LOAD
from calibration.rounds import Rounds, State
from calibration.summaries import summarise_observations

BOOTSTRAPS = 200


@dataclasses.dataclass(frozen=True)
class Design:
    """Which of the observations there are. ``without``: streams left out; ``every``: only each so-many-th day of a
    stream; ``late_days``: the last days of a stream that have not arrived yet."""

    name: str
    without: tuple[str, ...] = ()
    every: tuple[tuple[str, int], ...] = ()
    late_days: tuple[tuple[str, int], ...] = ()

    def keeps(self, stream: str, day: np.ndarray, days: int) -> np.ndarray:
        """Whether a value of a ``stream`` on a ``day`` (of ``days``) is there."""
        there = np.full(np.shape(day), stream not in self.without)
        rate, delay = dict(self.every).get(stream, 1), dict(self.late_days).get(stream, 0)
        return there & (day % rate == 0) & (day < days - delay)


def usual_designs(streams: Sequence[str]) -> list[Design]:
    """All streams, each one left out, each alone, sampled once a week, and two and eight weeks late; and none."""
    told = [s for s in streams if s != "roster"]  # the roster drives the clinic: without it there is no clinic to fit
    designs = [Design("all streams")]
    for s in told:
        others = tuple(o for o in told if o != s)
        designs += [Design(f"without {s}", without=(s,)), Design(f"{s} alone", without=others)]
        if s != "survey":
            designs += [Design(f"{s}: one day in seven", every=((s, 7),))]
        designs += [Design(f"{s}: 14 days late", late_days=((s, 14),)),
                    Design(f"{s}: 56 days late", late_days=((s, 56),))]  # fmt: skip
    return [*designs, Design("no streams", without=tuple(told))]


def stream_value(at: Revisited, designs: Iterable[Design] | None = None, *, progress: bool = True) -> pd.DataFrame:
    """One row a design: how uncertain each physician's risk is, on average, and how many parameters are informed.

    Columns design; values (observed values used); risk_deviation (posterior standard deviation of a physician's risk,
    mean over physicians, percentage points) with risk_error (its Monte-Carlo standard error); burned_out_deviation (of
    whether a physician is burned out, percentage points); informed (population parameters); relative (risk_deviation
    over that of the first design).
    """
    chosen = list(designs) if designs is not None else usual_designs(at.work.data.streams)
    unknown = {s for d in chosen for s in (*d.without, *dict(d.every), *dict(d.late_days))} - set(STREAMS)
    if unknown:
        raise ValueError(f"designs: met the stream {sorted(unknown)[0]!r}, expected some of {', '.join(STREAMS)}")
    rows = []
    with progress_bar("designs", len(chosen), progress) as report:
        for design in chosen:
            rows.append(_row(at, design))
            report(design.name, 1)
    table = pd.DataFrame(rows)
    return table.assign(relative=table["risk_deviation"] / table["risk_deviation"].iloc[0])


def _row(at: Revisited, design: Design) -> dict[str, object]:
    work = _observed_by(at.work, design)
    each = np.concatenate([work.differences(at.point, block) for block in BLOCKS], axis=1)
    look = work.look(work.exact(at.point, BLOCKS[-1] + 1), each)
    drawn = posterior.draw(work, at.point, look, np.ones(len(work.plan.names)))
    rng = np.random.default_rng(0)
    again = [_deviation(drawn.risk[rng.integers(0, len(drawn.risk), len(drawn.risk))]) for _ in range(BOOTSTRAPS)]
    answered = sum(int((np.asarray(w) > 0).sum()) for w in (work.problem.answers.level_weight,
                                                           work.problem.answers.load_weight))  # fmt: skip
    share = drawn.burned_out.mean(axis=0)
    return {
        "design": design.name, "values": int((np.asarray(work.state.weights) > 0).sum()) + answered,
        "risk_deviation": 100 * _deviation(drawn.risk), "risk_error": 100 * float(np.std(again)),
        "burned_out_deviation": 100 * float(np.sqrt(share * (1 - share)).mean()),
        "informed": int((1.0 - drawn.errors[: len(work.plan.names)] >= INFORMED).sum()),
    }  # fmt: skip


def _deviation(risk: np.ndarray) -> float:
    return float(risk.std(axis=0, ddof=1).mean())


def _observed_by(work: Rounds, design: Design) -> Rounds:
    """The same rounds with only the design's observations."""
    days = np.arange(work.data.days)
    keep = np.stack([design.keeps(MEASURES[m].stream, days, len(days)) for m in work.plan.measures])
    weights = np.asarray(work.state.weights) * keep[:, :, None]
    answers = work.problem.answers
    of_answers = {}
    for measure, day, weight in ((LEVEL, answers.level_day, "level_weight"), (LOAD, answers.load_day, "load_weight")):
        there = design.keeps(MEASURES[measure].stream, np.asarray(day), len(days))
        of_answers[weight] = jnp.asarray(np.asarray(getattr(answers, weight)) * there, jnp.float32)
    problem = work.problem._replace(
        weights=jnp.asarray(weights, jnp.float32), answers=answers._replace(**of_answers)
    )  # fmt: skip
    observed = summarise_observations(work.data.values, weights, work.plan)
    other = copy.copy(work)
    other.state = State(problem, weights, observed, work.state.spreads)
    return other
