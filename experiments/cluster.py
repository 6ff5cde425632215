"""Workers of a sweep on a Dask cluster: one that runs already, one of a SLURM queue, or processes of this machine."""

from __future__ import annotations

import contextlib
import re
from concurrent.futures import Future
from typing import Any, Self

import numpy as np

from experiments.plan import Plan

LOOPBACK = "127.0.0.1"
# What `--job` may say of a SLURM job, as dask-jobqueue calls it; all else is said in its own configuration file.
JOB_KEYS = {"cores": int, "memory": str, "walltime": str, "queue": str, "account": str, "interface": str,
            "processes": int, "jobs": int, "log_directory": str, "python": str}  # fmt: skip
JOB_DEFAULTS = {"cores": 8, "memory": "16GB", "walltime": "02:00:00", "jobs": 4}  # assumed: a modest share of a node
NOT_INSTALLED = "--cluster: Dask's {} is not installed: pip install 'clinictwin[cluster]'"


class ClusterError(ValueError):
    """A cluster that cannot be used; the message says what was met and what was expected."""


class DaskWorkers:
    """Computes batches on a Dask cluster; records come back to this process, which alone writes them.

    The warm-up of a block is a task of its own, which the block's batches depend on: what a lost worker held is
    computed again elsewhere, and nothing else.
    """

    def __init__(self, plan: Plan, cluster: str, job: dict[str, str] | None = None) -> None:
        self._plan, self._exit = plan, contextlib.ExitStack()
        self._client = self._exit.enter_context(connect(cluster, job))
        self._own: Any = self._client.submit(_batches_of, plan, pure=False)
        self._warm: dict[int, Any] = {}
        self._running: set[Any] = set()

    @property
    def count(self) -> int:
        """Threads of all workers that are there now; at least one."""
        return max(sum(self._client.nthreads().values()), 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._exit.close()

    def prepare(self, block: int) -> None:
        while len(self._warm) > 1:  # batches that wait for it keep hold of it
            self._warm.pop(next(iter(self._warm)))
        self._warm[block] = self._client.submit(_warm_up, self._own, block, key=f"warm-up-{block}")

    def submit(self, scenario: int, block: int) -> Future[np.ndarray]:
        key = f"batch-{scenario}-{block}"
        task = self._client.submit(_run, self._own, scenario, block, self._warm[block], key=key)
        outcome: Future[np.ndarray] = Future()

        def done(finished: Any) -> None:
            self._running.discard(finished)
            try:
                outcome.set_result(finished.result())
            except BaseException as error:
                outcome.set_exception(error)

        self._running.add(task)
        task.add_done_callback(done)
        return outcome

    def stop(self) -> None:
        self._client.cancel(list(self._running))


def _batches_of(plan: Plan) -> Any:
    from experiments.compilation import use_compilation_cache

    use_compilation_cache()
    if plan.experiment.engine == "mesa":
        from experiments.mesa_batches import MesaBatches

        return MesaBatches(plan)
    from experiments.jax_batches import JaxBatches

    return JaxBatches(plan)


def _warm_up(own: Any, block: int) -> Any:
    import jax

    return jax.tree.map(np.asarray, own.warm_up(block))


def _run(own: Any, scenario: int, block: int, warm: Any) -> np.ndarray:
    return own.run(scenario, block, warm)


@contextlib.contextmanager
def connect(cluster: str, job: dict[str, str] | None = None) -> Any:
    """A Dask client of ``cluster``: 'tcp://host:port', 'slurm' with the settings ``job``, or 'local:N' processes.

    Raises ClusterError on another word, a cluster that does not answer, or libraries that are not installed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError(NOT_INSTALLED.format("distributed")) from None
    if job and cluster != "slurm":
        raise ClusterError(f"--job: met settings of a job with --cluster {cluster}, expected them with slurm only")
    with contextlib.ExitStack() as stack:
        if cluster == "slurm":
            settings = job_settings(job or {})
            jobs = settings.pop("jobs")
            address = stack.enter_context(slurm_cluster(settings))
            address.scale(jobs=jobs)
        elif found := re.fullmatch(r"local:([1-9]\d{0,3})", cluster):
            from distributed import LocalCluster

            address = stack.enter_context(LocalCluster(
                n_workers=int(found[1]), threads_per_worker=1, processes=True, host=LOOPBACK, dashboard_address=None,
            ))  # fmt: skip
        elif re.fullmatch(r"(tcp|tls)://[\w.\-\[\]:]+:\d{1,5}", cluster):
            address = cluster
        else:
            raise ClusterError(f"--cluster: met {cluster!r}, expected 'tcp://host:port' of a Dask scheduler, 'slurm', "
                               "or 'local:N' with N processes")  # fmt: skip
        try:
            client = stack.enter_context(Client(address, timeout="20s", set_as_default=False))
        except OSError as error:
            raise ClusterError(f"--cluster: no Dask scheduler answers at {cluster}: {error}") from None
        yield client


def job_settings(said: dict[str, str]) -> dict[str, Any]:
    """Settings of a SLURM job by name, checked; those not given are assumed. Raises ClusterError."""
    settings: dict[str, Any] = dict(JOB_DEFAULTS)
    for key, value in said.items():
        if key not in JOB_KEYS:
            raise ClusterError(f"--job: met {key!r}, expected one of {', '.join(JOB_KEYS)}")
        if not re.fullmatch(r"[\w.,:/@+-]{1,200}", value) or (
            JOB_KEYS[key] is int and not re.fullmatch(r"[1-9]\d{0,5}", value)
        ):
            kind = "a positive whole number" if JOB_KEYS[key] is int else "a value without spaces"
            raise ClusterError(f"--job: {key}: met {value!r}, expected {kind}")
        settings[key] = JOB_KEYS[key](value)
    if "interface" not in settings:
        raise ClusterError("--job: expected interface=NAME, the network interface that the nodes share (as in ib0); "
                           "the scheduler listens there, so choose one that only the cluster reaches")  # fmt: skip
    return {"processes": settings["cores"]} | settings


def slurm_cluster(settings: dict[str, Any]) -> Any:
    """A SLURM cluster without jobs yet."""
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError:
        raise ClusterError(NOT_INSTALLED.format("dask-jobqueue")) from None
    return SLURMCluster(scheduler_options={"dashboard_address": None}, **settings)
