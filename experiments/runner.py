"""Runs a sweep: keeps every worker busy, here or on a cluster, and writes each batch when it is done."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from abm.layout import make_layout
from abm.parameters import ENTRIES, NAMES, Parameters, from_mapping
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.labels import labels
from experiments.plan import Plan
from experiments.progress import SweepProgress
from experiments.provenance import layout_digest, provenance
from experiments.results import StorageError, SweepStore
from experiments.workers import Processes, Threads, Workers


def run_sweep(
    experiment: Experiment,
    out_dir: str | Path,
    *,
    progress: bool = True,
    base_parameters: Parameters | None = None,
    clinics: Clinics | None = None,
    cluster: str | None = None,
    job: dict[str, str] | None = None,
    console: Console | None = None,
) -> Path:
    """Run all scenarios, points, draws and replicates of an experiment; returns the path of the store in ``out_dir``.

    Parameters that the experiment does not name are those of ``base_parameters`` (the defaults), in the clinic of
    `abm.layout.make_layout`; or ``clinics`` are simulated (posterior draws of a fit, say: then ``base_parameters`` is
    the fit's best point, kept for the record). Replicate r meets the same chances in every scenario, point and draw.
    ``cluster`` names Dask workers (see `experiments.cluster.connect`); None: the cores of this machine.

    An unfinished sweep in ``out_dir`` is gone on with, a finished one left as it is. Results depend on the experiment
    alone, not on what was run before or on the number of workers (of one type of processor).

    Raises ValueError if the clinics have another size, ResultsError if ``out_dir`` holds another sweep or one that is
    running, StorageError if it cannot be written to. When it is interrupted or fails, says what is safe.
    """
    console = console or Console(stderr=True, soft_wrap=True)
    plan, attributes = plan_sweep(experiment, base_parameters, clinics)
    store = SweepStore(Path(out_dir))
    if not store.is_finished(attributes):
        with store.locked():
            if not store.is_finished(attributes):
                return _run(plan, attributes, store, cluster, job, progress, console)
    if progress:
        console.print(f"{store.path} holds this sweep already, finished: nothing to do", markup=False)
    return store.path


def plan_sweep(
    experiment: Experiment, base_parameters: Parameters | None = None, clinics: Clinics | None = None
) -> tuple[Plan, dict[str, Any]]:
    """(what is run, attributes of its results); arguments as of :func:`run_sweep`."""
    import jax

    parameters = from_mapping(experiment.parameters, base=base_parameters)
    resolved = _resolve(experiment, parameters)
    plan = Plan(resolved, _clinics(experiment, parameters, clinics), bool(jax.config.jax_enable_x64))
    return plan, _attributes(resolved, parameters, plan.clinics)


def _clinics(experiment: Experiment, parameters: Parameters, given: Clinics | None) -> Clinics:
    """The clinics to simulate: those given, with what the experiment itself says of parameters; else one for all."""
    if given is None:
        return Clinics(make_layout(experiment.physicians), (parameters,))
    if given.layout.physicians != experiment.physicians:
        raise ValueError(
            f"physicians: met a clinic of {given.layout.physicians}, expected the experiment's {experiment.physicians}"
        )
    each = tuple(from_mapping(experiment.parameters, base=own) for own in given.parameters)
    return dataclasses.replace(given, parameters=each)


def _resolve(experiment: Experiment, parameters: Parameters) -> Experiment:
    """The experiment with every parameter that differs from its default; a design's own are left to the design."""
    values = {name: float(getattr(parameters, name)) for name in NAMES}
    varied = {axis.parameter for axis in experiment.design.axes} if experiment.design else set()
    changed = {n: value for n, value in values.items() if value != ENTRIES[n].default and n not in varied}
    return Experiment.model_validate({**experiment.model_dump(), "parameters": changed})


def _attributes(experiment: Experiment, parameters: Parameters, clinics: Clinics) -> dict[str, Any]:
    """Attributes of the results: what was run, and where it comes from."""
    return {
        "title": experiment.name,
        "description": experiment.description,
        "source": experiment.source,
        "engine": experiment.engine,
        "seed": experiment.seed,
        "period_days": experiment.period_days,
        "warm_up_days": experiment.warm_up_days,
        "config": experiment.to_yaml(),
        "parameters": json.dumps({name: float(getattr(parameters, name)) for name in NAMES}),
        "layout": layout_digest(clinics.layout),
        "clinics": min(len(clinics.parameters), experiment.draws or experiment.replicates),
        "draws": clinics.digest(),
        "provenance": provenance(),
    }


def _run(plan: Plan, attributes: dict[str, Any], store: SweepStore, cluster: str | None, job: dict[str, str] | None,
         shown: bool, console: Console) -> Path:  # fmt: skip
    with _workers(plan, cluster, job) as workers:  # first, so that a cluster that is refused leaves nothing behind
        store.begin(labels(plan), attributes, plan)
        done = store.begun() or set()
        try:
            with SweepProgress(plan, done, shown, console) as progress:
                _run_batches(_todo(plan, done), workers, store, plan, progress)
        except BaseException as error:
            workers.stop()
            if not isinstance(error, StorageError):  # which says it itself
                said = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped by an error"
                safe = f"{len(store.begun() or ())} of {plan.batches} batches are safe in {store.folder}"
                console.print(f"{said}: {safe}; the same sweep given again goes on from there", markup=False)
            raise
    path = store.finish()
    console.print(progress.account(), markup=False, highlight=False)
    return path


def _workers(plan: Plan, cluster: str | None, job: dict[str, str] | None) -> Workers:
    if cluster is not None:
        from experiments.cluster import DaskWorkers

        return DaskWorkers(plan, cluster, job)
    return Processes(plan) if plan.experiment.engine == "mesa" else Threads(plan)


def _todo(plan: Plan, done: set[tuple[int, int]]) -> Iterator[tuple[int, int, int | None]]:
    """(scenario, block, block to prepare or None) of every batch that is left: all scenarios of a block together.

    A block is prepared while the one before it is run, so that nobody waits for its warm-up.
    """

    def left(block: int) -> list[int]:
        return [scenario for scenario in range(len(plan.scenarios)) if (scenario, block) not in done]

    blocks = (block for block in range(plan.blocks) if left(block))
    now = next(blocks, None)
    if now is None:
        return
    yield -1, now, now
    while now is not None:
        following = next(blocks, None)
        for i, scenario in enumerate(left(now)):
            yield scenario, now, following if i == 0 else None
        now = following


def _run_batches(todo: Iterator[tuple[int, int, int | None]], workers: Workers, store: SweepStore, plan: Plan,
                 progress: SweepProgress) -> None:  # fmt: skip
    """Run batches; a few more than there are workers are in flight, so that memory stays bounded."""
    running: dict[Future[np.ndarray], tuple[int, int]] = {}
    while True:
        for scenario, block, to_prepare in todo:
            if to_prepare is not None:
                workers.prepare(to_prepare)
            if scenario >= 0:
                running[workers.submit(scenario, block)] = scenario, block
            if len(running) >= 2 * workers.count:
                break
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            scenario, block = running.pop(future)
            values = future.result()
            store.write(scenario, block, values, plan)
            progress.advance(scenario, values.shape[1])
