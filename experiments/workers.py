"""Workers of a sweep on this machine: threads for the JAX engine, processes for the Mesa engine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, Protocol, Self

import numpy as np

from experiments.plan import Plan


class Stopped(Exception):
    """A batch ended before it was finished, because it was asked to."""


class Workers(Protocol):
    """Compute batches: one scenario of one block each, as records [outcomes, rows of the block, periods, N]."""

    @property
    def count(self) -> int:
        """How many batches they compute at a time."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: Any) -> None: ...

    def prepare(self, block: int) -> None:
        """Begin with what all scenarios of a block share; blocks are asked for in this order."""

    def submit(self, scenario: int, block: int) -> Future[np.ndarray]:
        """Begin with a batch of a block that was prepared."""

    def stop(self) -> None:
        """Let batches in flight end soon, unfinished."""


class Threads:
    """Threads that share one compiled program of the JAX engine, one on each core."""

    def __init__(self, plan: Plan, count: int | None = None) -> None:
        from experiments.jax_batches import JaxBatches

        self.count, self._batches = count or core_count(), JaxBatches(plan)
        self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="sweep")
        self._warm: dict[int, Future[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def prepare(self, block: int) -> None:
        while len(self._warm) > 1:  # batches that began keep hold of theirs
            self._warm.pop(next(iter(self._warm)))
        self._warm[block] = self._pool.submit(self._batches.warm_up, block)

    def submit(self, scenario: int, block: int) -> Future[np.ndarray]:
        return self._pool.submit(self._run, scenario, block, self._warm[block])

    def _run(self, scenario: int, block: int, warm: Future[Any]) -> np.ndarray:
        return self._batches.run(scenario, block, warm.result())

    def stop(self) -> None:
        self._batches.stopping.set()


class Processes:
    """Processes that simulate Mesa clinics, one on each core.

    They are spawned: a script that sweeps on this engine needs `if __name__ == "__main__":`.
    """

    def __init__(self, plan: Plan, count: int | None = None) -> None:
        self.count = count or core_count()
        context = multiprocessing.get_context("spawn")
        self._event = context.Event()
        self._pool = ProcessPoolExecutor(self.count, context, initializer=_begin, initargs=(plan, self._event))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def prepare(self, block: int) -> None:
        pass

    def submit(self, scenario: int, block: int) -> Future[np.ndarray]:
        return self._pool.submit(_run_in_process, scenario, block)

    def stop(self) -> None:
        self._event.set()


_own: Any = None  # in a process: what computes its batches


def _begin(plan: Plan, stopping: Any) -> None:
    global _own
    from experiments.mesa_batches import MesaBatches

    _own = MesaBatches(plan, stopping)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop


def _run_in_process(scenario: int, block: int) -> np.ndarray:
    return _own.run(scenario, block)


def core_count() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
