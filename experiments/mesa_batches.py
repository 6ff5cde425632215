"""Batches of a sweep on the Mesa engine: one clinic a batch, in worker processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Self

import numpy as np

from abm.clinic import Clinic
from abm.interventions import Intervention
from abm.layout import Layout
from abm.outcomes import RECORDED
from abm.parameters import Parameters
from experiments.clinics import Clinics
from experiments.config import Experiment
from experiments.scenarios import PlannedScenario, replicate_words
from experiments.workers import Stopped, core_count

LOOK_DAYS = 7  # simulated between two looks at whether to stop
_stopping: Any = None  # in a worker: the event that says so


class MesaEngine:
    """Runs one clinic a batch, from the first day of the warm-up, on the same draws as the JAX engine.

    Workers are spawned: a script that sweeps on this engine needs `if __name__ == "__main__":`.
    """

    replicates_per_batch = 1

    def __init__(self, experiment: Experiment, clinics: Clinics, planned: Sequence[PlannedScenario]) -> None:
        self.experiment, self.workers = experiment, core_count()
        self._clinics, self._planned = clinics, planned
        self._words = replicate_words(experiment.seed, experiment.replicates)
        context = multiprocessing.get_context("spawn")
        self._event = context.Event()
        self._pool = ProcessPoolExecutor(self.workers, context, initializer=_begin, initargs=(self._event,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """Let clinics in flight end within a few simulated days, unfinished."""
        self._event.set()

    def submit(self, scenario: int, first: int) -> Future[np.ndarray]:
        """Start a batch: float32 [len(RECORDED), 1, periods, N] of replicate ``first``."""
        e = self.experiment
        return self._pool.submit(
            run_clinic, *self._clinics.of(first), self._words[first], self._planned[scenario].interventions,
            e.warm_up_days, e.days, e.period_days,
        )  # fmt: skip


def _begin(stopping: Any) -> None:
    global _stopping
    _stopping = stopping
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop


def run_clinic(parameters: Parameters, layout: Layout, words: np.ndarray, interventions: Sequence[Intervention],
               warm_up_days: int, days: int, period_days: int) -> np.ndarray:  # fmt: skip
    """Period means after the warm-up of one clinic on the draws of seed ``words``, float32 [len(RECORDED), 1,
    periods, N]."""
    clinic = Clinic(parameters, rng=0, interventions=interventions, layout=layout, draws_seed=words)
    left = warm_up_days + days
    while left:
        if _stopping is not None and _stopping.is_set():
            raise Stopped
        clinic.run_for(min(left, LOOK_DAYS))
        left -= min(left, LOOK_DAYS)
    records = clinic.records()
    after = np.stack([records[name][warm_up_days:] for name in RECORDED])
    periods = after.reshape(len(RECORDED), 1, days // period_days, period_days, layout.physicians)
    return periods.mean(axis=3).astype(np.float32)
