"""Builders on a real Dask scheduler with two workers here, which are killed on the way."""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tvmedge.errors import InputError, ToolError
from tvmedge.tuning.cluster import Cluster
from tvmedge.tuning.workers import WorkerDiedError, WorkError

_SECONDS = 30.0


@dataclass
class Started:
    """A scheduler and its workers."""

    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]]


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("dask")
    with contextlib.ExitStack() as started:

        def start(*arguments: str, until: str) -> tuple[subprocess.Popen[str], str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"],
                stderr=subprocess.PIPE,
                text=True,
                cwd=folder,
                env=os.environ | {"TMPDIR": str(folder)},
            )
            started.callback(process.wait)
            started.callback(process.kill)
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(until, line):
                    return process, found.group()
            raise AssertionError(f"dask {arguments[0]} did not start")

        scheduler, address = start("scheduler", "--port", "0", until=r"tcp://127.0.0.1:\d+")
        alone = ("--nthreads", "1", "--no-nanny")
        workers = [start("worker", address, *alone, until="Registered to")[0] for _ in range(2)]
        yield Started(address.replace("tcp", "dask"), scheduler, workers)


@pytest.fixture
def cluster(dask: Started) -> Iterator[Cluster]:
    with Cluster(dask.address, _SECONDS) as found:
        yield found


def test_jobs_are_done_and_their_errors_are_said(cluster: Cluster) -> None:
    assert cluster.slots == 2
    jobs = [cluster.submit(math.sqrt, n * n) for n in range(6)]
    wrong = cluster.submit(int, "seven")
    crash = cluster.submit(os.abort)
    assert [job.result() for job in jobs] == list(range(6))
    with pytest.raises(WorkError, match="invalid literal"):
        wrong.result()
    with pytest.raises(WorkerDiedError, match=r"crashed \(SIGABRT\)"):
        crash.result()
    assert cluster.submit(math.sqrt, 9).result() == 3


def test_a_job_that_hangs_costs_its_time_limit(dask: Started) -> None:
    with Cluster(dask.address, 1.0) as cluster:
        jobs = [cluster.submit(time.sleep, 600), cluster.submit(math.sqrt, 4)]
        assert jobs[1].result() == 2
        with pytest.raises(WorkerDiedError, match="did not end within 1 s"):
            jobs[0].result()


def test_a_worker_of_other_versions_is_named(
    dask: Started, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tvmedge.tuning.cluster._versions", lambda: "tvmedge 99")
    with pytest.raises(ToolError, match=r"worker tcp://127.0.0.1:\d+ has tvmedge .* of tvmedge 99"):
        cluster.submit(math.sqrt, 4).result()


def test_another_does_what_a_killed_worker_had(dask: Started, cluster: Cluster) -> None:
    jobs = [cluster.submit(time.sleep, 0.2) for _ in range(8)]
    time.sleep(0.3)
    dask.workers[0].send_signal(signal.SIGKILL)
    for job in jobs:
        job.result()


def test_a_lost_scheduler_is_one_sentence(
    dask: Started, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    job = cluster.submit(time.sleep, 20)
    time.sleep(0.3)
    dask.scheduler.kill()
    with pytest.raises(ToolError, match=r"The builders at 'dask://.*' are gone: start them again"):
        job.result()
    assert capfd.readouterr().err == ""


def test_no_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tvmedge.tuning.cluster._CONNECT_S", 0.2)
    with pytest.raises(ToolError, match=r"No Dask scheduler answers at 'dask://127\.0\.0\.1:1'"):
        Cluster("dask://127.0.0.1:1", _SECONDS)


@pytest.mark.parametrize("address", ["dask://nowhere", "dask://:1", "http://host:1", "dask://h:x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="as dask://HOST:PORT"):
        Cluster(address, _SECONDS)
