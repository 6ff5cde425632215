"""What a fit costs in model runs, beside CMA-ES on the same loss; `python -m tests.benchmarks.calibration`.

Both see one clinic of ten physicians and 119 days and the same negative log-posterior, its chance covariance and trust
in values held as the fit ended. CMA-ES starts at the prior's centre, and is stopped at `--times` as many model runs as
the fit took in all, or when it has reached the fit's loss.
"""

from __future__ import annotations

import argparse
import time
import warnings

import jax.numpy as jnp
import numpy as np

from calibration import forward
from calibration.diagnostics.revisit import revisit
from calibration.fit import FITTED, fit
from calibration.search import loss
from calibration.simulated import draw_truth, simulate_observations
from calibration.slopes import as_single
from experiments.compilation import use_compilation_cache

RUNS_EACH = 2  # exact runs behind one evaluation of CMA-ES: its population averages out the rest of the chance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--physicians", type=int, default=10)
    parser.add_argument("--days", type=int, default=119)
    parser.add_argument("--times", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=1001)
    args = parser.parse_args()
    use_compilation_cache()
    truth = simulate_observations(draw_truth(args.seed, FITTED), days=args.days, physicians=args.physicians,
                                  seed=args.seed)  # fmt: skip
    began = time.perf_counter()
    found = fit(truth.observations, truth.layout, starts=1, seed=args.seed, progress=False)
    seconds, runs = time.perf_counter() - began, int(found.info["model_runs"])
    at = revisit(found, truth.observations, truth.layout)
    goal = loss(at.point.unknowns, at.look.expected.outputs, at.look.target)
    start = loss(np.zeros_like(at.point.unknowns), at.work.exact(at.work.start(), 80).outputs, at.look.target)
    print(f"{args.physicians} physicians, {args.days} days, {len(at.point.unknowns)} unknowns")
    print(f"loss at the prior's centre {start:,.1f}, where the fit ended {goal:,.1f}")
    print(f"fit (posterior included): {runs:,} model runs, {seconds:.0f} s")
    used, best, took = _cma(at, goal, int(args.times * runs), args.seed)
    reached = "reached it" if best <= goal else "did not reach it"
    print(f"CMA-ES: {used:,} model runs ({used / runs:.1f} times the fit's), {took:.0f} s, loss {best:,.1f}: {reached}")


def _cma(at, goal: float, most_runs: int, seed: int) -> tuple[int, float, float]:
    """(model runs, exact loss of its mean at the end, seconds)."""
    import cma

    warnings.filterwarnings("ignore", category=UserWarning, module="cma")
    work, size = at.work, len(at.point.unknowns)
    search = cma.CMAEvolutionStrategy(size * [0.0], 0.5, {"seed": seed, "verbose": -9, "CMA_diagonal": False})
    used, block, began = 0, 1000, time.perf_counter()
    best = np.inf
    while used < most_runs and not search.stop():
        asked = np.array(search.ask())
        rows = np.repeat(asked, RUNS_EACH, axis=0)
        intercepts = np.repeat(at.point.intercepts[None], len(rows), axis=0)
        seeds = np.tile(work.seeds(block, RUNS_EACH), (len(asked), 1))  # the same chance for all of a generation
        runs = forward.exact_runs(*as_single(rows, intercepts), work.problem, jnp.asarray(seeds), work.plan)
        outputs = np.asarray(runs.outputs, float).reshape(len(asked), RUNS_EACH, *runs.outputs.shape[1:]).mean(axis=1)
        search.tell(asked, [loss(u, o, at.look.target) for u, o in zip(asked, outputs, strict=True)])
        used, block = used + len(rows), block + 1
        if block % 25 == 0:  # judged as the fit is: by exact runs at its mean
            best = loss(search.mean, work.exact(at.point.__class__(search.mean, at.point.intercepts), 90).outputs,
                        at.look.target)  # fmt: skip
            if best <= goal:
                break
    return used, best, time.perf_counter() - began


if __name__ == "__main__":
    main()
