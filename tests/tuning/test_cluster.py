"""Builders on a real Dask scheduler with two workers here, which are killed on the way."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from tests.cpu_kernels import graph
from tests.tuning.dask_cluster import Started, dask_cluster
from tests.tuning.test_session import CodeSize, Here
from tvmedge.errors import InputError, ToolError
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.records.store import open_store
from tvmedge.targeting import target
from tvmedge.tuning.cluster import Cluster
from tvmedge.tuning.events import Event, Tried
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.tasks import tasks_of
from tvmedge.tuning.workers import WorkerDiedError, WorkError

_SECONDS = 30.0


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with dask_cluster(tmp_path_factory.mktemp("dask"), workers=2) as started:
        yield started


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


@pytest.mark.slow
def test_a_search_that_loses_a_worker_ends_as_one_here(
    dask: Started, cluster: Cluster, tmp_path: Path
) -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    weights = {"w": np.ones((32, 48), np.float32)}
    proto = graph([node], {"x": np.zeros((6, 32), np.float32)}, weights, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    tasks = tasks_of(imported.module, target("host"), CodeSize.name)
    how = How(limits=Limits(16, threshold=0.0))
    found = []
    another = dask.add_worker()

    def lose_a_worker(event: Event) -> None:
        if isinstance(event, Tried) and event.trial == 9:
            another.send_signal(signal.SIGKILL)

    for name, builders in (("there", cluster), ("here", Here())):
        with open_store(str(tmp_path / name), create=True) as store:
            listen = lose_a_worker if builders is cluster else lambda event: None
            session = Session(("m", tasks), target("host"), CodeSize(), store, how, listen)
            assert session.run(builders, Here()).trials == 16
            found.append(store.find())
    assert found[0] == found[1]
    assert all(record.cost is not None for record in found[0])
    assert another.wait(10) == -signal.SIGKILL


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
    with pytest.raises(InputError, match="dask://HOST:PORT or tls://HOST:PORT"):
        Cluster(address, _SECONDS)
