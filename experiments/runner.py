"""Runs a sweep on this machine: plans the batches, keeps every core busy, writes each batch when it is done."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from abm.layout import make_layout
from abm.parameters import ENTRIES, NAMES, Parameters, from_mapping
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.provenance import layout_digest, provenance
from experiments.results import SweepStore, batches, template
from experiments.scenarios import PlannedScenario, planned_scenarios

YEAR_DAYS = 364


class Engine(Protocol):
    """Runs batches: one scenario, ``replicates_per_batch`` replicates from ``first`` on."""

    replicates_per_batch: int
    workers: int

    def __enter__(self) -> Engine: ...
    def __exit__(self, *_: Any) -> None: ...
    def submit(self, scenario: int, first: int) -> Future[np.ndarray]: ...
    def stop(self) -> None: ...


def run_sweep(
    experiment: Experiment,
    out_dir: str | Path,
    *,
    progress: bool = True,
    base_parameters: Parameters | None = None,
    clinics: Clinics | None = None,
    console: Console | None = None,
) -> Path:
    """Run all scenarios and replicates of an experiment; returns the path of the Zarr store in ``out_dir``.

    Parameters that the experiment does not name are those of ``base_parameters`` (the defaults), in the clinic of
    `abm.layout.make_layout`; or ``clinics`` says what each replicate simulates (posterior draws of a fit, say: then
    ``base_parameters`` is the fit's best point, kept for the record). Replicate r meets the same chances in every
    scenario. An unfinished sweep in ``out_dir`` is gone on with, a finished one left as it is. Results depend on the
    experiment alone, not on what was run before or on the number of cores.

    Raises ValueError if the clinics have another size, ResultsError if ``out_dir`` holds another sweep. When it is
    interrupted or fails, says what is safe.
    """
    console = console or Console(stderr=True, soft_wrap=True)
    parameters = from_mapping(experiment.parameters, base=base_parameters)
    resolved = _resolve(experiment, parameters)
    planned = planned_scenarios(resolved)
    clinics = _clinics(experiment, parameters, clinics)
    layout = clinics.layout
    store, attributes = SweepStore(Path(out_dir)), _attributes(resolved, parameters, clinics)
    if store.is_finished(attributes):
        if progress:
            console.print(f"{store.path} holds this sweep already, finished: nothing to do", markup=False)
        return store.path
    with _engine(resolved, clinics, planned) as engine:
        store.begin(template(resolved, planned, layout), attributes, engine.replicates_per_batch)
        every = batches(len(planned), resolved.replicates, engine.replicates_per_batch)
        done = store.begun() or set()
        with _bar(resolved, planned, len(every), len(done), progress, console) as advance:
            _run([batch for batch in every if batch not in done], engine, store, advance, len(every), console)
    return store.finish()


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
    """The experiment with every parameter that differs from its default."""
    values = {name: float(getattr(parameters, name)) for name in NAMES}
    changed = {name: value for name, value in values.items() if value != ENTRIES[name].default}
    return Experiment.model_validate({**experiment.model_dump(), "parameters": changed})


def _attributes(experiment: Experiment, parameters: Parameters, clinics: Clinics) -> dict[str, Any]:
    """Attributes of the results: what was run, and where it comes from."""
    return {
        "title": experiment.name,
        "description": experiment.description,
        "engine": experiment.engine,
        "seed": experiment.seed,
        "period_days": experiment.period_days,
        "warm_up_days": experiment.warm_up_days,
        "config": experiment.to_yaml(),
        "parameters": json.dumps({name: float(getattr(parameters, name)) for name in NAMES}),
        "layout": layout_digest(clinics.layout),
        "clinics": min(len(clinics.parameters), experiment.replicates),
        "draws": clinics.digest(),
        "provenance": provenance(),
    }


def _engine(experiment: Experiment, *arguments: Any) -> Engine:
    if experiment.engine == "mesa":
        from experiments.mesa_batches import MesaEngine

        return MesaEngine(experiment, *arguments)
    from experiments.jax_batches import JaxEngine

    return JaxEngine(experiment, *arguments)


def _run(todo: list[tuple[int, int]], engine: Engine, store: SweepStore, advance: Any, total: int,
         console: Console) -> None:  # fmt: skip
    """Run the batches ``todo``; a few more than there are workers are in flight, so that memory stays bounded."""
    ahead = iter(todo)
    running: dict[Future[np.ndarray], tuple[int, int]] = {}
    try:
        while True:
            for batch in ahead:
                running[engine.submit(*batch)] = batch
                if len(running) >= 2 * engine.workers:
                    break
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                scenario, first = running.pop(future)
                values = future.result()
                store.write(scenario, first, values)
                advance(scenario, values.shape[1])
    except BaseException as error:
        engine.stop()
        said = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped by an error"
        console.print(f"{said}: {len(store.begun() or ())} of {total} batches are safe in {store.folder}; "
                      "the same sweep given again goes on from there", markup=False)  # fmt: skip
        raise


@contextlib.contextmanager
def _bar(experiment: Experiment, planned: tuple[PlannedScenario, ...], total: int, done: int, shown: bool,
         console: Console) -> Iterator[Any]:  # fmt: skip
    """Batches finished of all, clinic-years a second, time left; yields the function to call after each batch."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[rate]}"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not shown) as bar:
        task: TaskID = bar.add_task("compiling" if experiment.engine == "jax" else "simulating",
                                    total=total, completed=done, rate="")  # fmt: skip
        started, clinic_years = 0.0, 0.0

        def advance(scenario: int, replicates: int) -> None:
            nonlocal started, clinic_years
            rate = ""
            if started:
                clinic_years += replicates * experiment.days / YEAR_DAYS
                rate = f"{clinic_years / (time.monotonic() - started):.2g} clinic-years/s"
            else:
                started = time.monotonic()  # the first batch also waited for the compiler and the warm-up
            bar.update(task, advance=1, description=planned[scenario].label, rate=rate)

        yield advance
