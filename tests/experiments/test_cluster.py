"""Sweeps on a real Dask scheduler and worker processes: the same store, and a lost worker costs a batch."""

import collections
import os
import signal
import stat
import sys
import threading
import time

import pytest
import xarray as xr

from experiments.cluster import ClusterError, connect, job_settings
from experiments.config import Experiment
from experiments.results import LEDGER, open_results
from experiments.runner import run_sweep

DOSES = [0.2, 0.4, 0.6, 0.8, 1]
EXPERIMENT = Experiment.model_validate({
    "name": "cluster", "physicians": 10, "warm_up_days": 28, "days": 364, "period_days": 28, "replicates": 90,
    "outcomes": ["kept", "evening_minutes", "exhaustion", "employed"], "seed": 11,
    "parameters": {"leaving_per_year": 0.3},
    "scenarios": [{"name": "ai", "interventions": [{"kind": "ai_scribe", "doses": DOSES}]}],
})  # fmt: skip
BATCHES = 2 * (1 + len(DOSES))


@pytest.fixture(scope="module", autouse=True)
def shared_compilation_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The sweep on threads of this process."""
    folder = tmp_path_factory.mktemp("here")
    run_sweep(EXPERIMENT, folder, progress=False)
    return open_results(folder).load()


def test_a_worker_killed_in_mid_run_costs_its_batch_and_the_store_is_the_same(here, tmp_path):
    from distributed import LocalCluster, SchedulerPlugin

    finished = collections.Counter()

    class Count(SchedulerPlugin):
        def transition(self, key, start, finish, *arguments, **named):
            if (start, finish) == ("processing", "memory"):
                finished[str(key)] += 1

    ledger, killed = tmp_path / LEDGER, []

    def kill(cluster):
        while not (ledger.is_file() and ledger.read_text().count("\n") > 3):
            time.sleep(0.02)
        victim = next(nanny for nanny in cluster.workers.values() if nanny.pid)
        os.kill(victim.pid, signal.SIGKILL)
        killed.append(victim.pid)

    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        cluster.scheduler.add_plugin(Count())
        killer = threading.Thread(target=kill, args=(cluster,))
        killer.start()
        run_sweep(EXPERIMENT, tmp_path, progress=False, cluster=cluster.scheduler_address)
        killer.join()
    assert killed
    xr.testing.assert_equal(open_results(tmp_path).load(), here)
    batches = {key: count for key, count in finished.items() if key.startswith("batch-")}
    assert len(batches) == BATCHES
    # computed anew at most: what the lost worker was at, and one that it had finished but not yet handed over
    assert sum(batches.values()) - BATCHES <= 2, batches


def test_one_worker_process_gives_the_same_store(here, tmp_path):
    run_sweep(EXPERIMENT, tmp_path, progress=False, cluster="local:1")
    xr.testing.assert_equal(open_results(tmp_path).load(), here)


def test_jobs_of_a_slurm_queue_run_the_sweep(here, tmp_path, monkeypatch):
    """Everything but the queue is real: in its place, `sbatch` runs the job script that it is given."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    copied = f"{tmp_path}/script.sh"
    submit = f'cp "$1" {copied}; bash {copied} >{tmp_path}/job.log 2>&1 & echo Submitted batch job $!'
    commands = {"sbatch": submit, "scancel": 'kill "$1"'}
    for name, command in commands.items():
        (bin_folder / name).write_text(f"#!/bin/bash\n{command}\n")
        (bin_folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    job = {"cores": "1", "memory": "2GB", "interface": "lo", "jobs": "1", "queue": "short", "walltime": "00:10:00"}
    run_sweep(EXPERIMENT, tmp_path / "out", progress=False, cluster="slurm", job=job)
    xr.testing.assert_equal(open_results(tmp_path / "out").load(), here)
    script = (tmp_path / "script.sh").read_text()
    assert "#SBATCH -p short" in script and "#SBATCH -t 00:10:00" in script and "#SBATCH --cpus-per-task=1" in script
    assert f"{sys.executable} -m distributed.cli.dask_worker tcp://127.0.0.1:" in script


@pytest.mark.parametrize(
    ("cluster", "job", "says"),
    [
        ("lokal:2", None, "met 'lokal:2', expected 'tcp://host:port'"),
        ("local:0", None, "met 'local:0'"),
        ("local:2", {"cores": "2"}, "expected them with slurm only"),
        ("slurm", {"cores": "2"}, "expected interface=NAME"),
        ("slurm", {"core": "2"}, "met 'core', expected one of cores, memory"),
        ("slurm", {"cores": "two"}, "cores: met 'two', expected a positive whole number"),
        ("slurm", {"queue": "a; rm"}, "queue: met 'a; rm', expected a value without spaces"),
    ],
)
def test_clusters_that_cannot_be_are_refused(cluster, job, says):
    with pytest.raises(ClusterError, match=says), connect(cluster, job):
        pass


def test_assumed_settings_give_every_core_a_process():
    settings = job_settings({"interface": "ib0", "cores": "16"})
    assert settings["processes"] == settings["cores"] == 16 and settings["jobs"] == 4
