"""Work in other processes: its errors, its crashes, its hangs."""

from __future__ import annotations

import math
import os
import signal
import time

import pytest

from tvmedge.tuning.workers import (
    Worker,
    WorkerDiedError,
    WorkError,
    Workers,
    builders_here,
)


def test_a_job_that_raises_is_named_and_the_worker_lives_on() -> None:
    worker = Worker()
    first = worker.call(os.getpid, seconds=20)
    with pytest.raises(WorkError, match="math domain error"):
        worker.call(math.sqrt, -1.0, seconds=20)
    assert worker.call(os.getpid, seconds=20) == first != os.getpid()
    worker.close()


def test_a_crash_and_a_hang_are_told_and_the_next_job_has_a_new_process() -> None:
    worker = Worker()
    with pytest.raises(WorkerDiedError, match="crashed \\(SIGSEGV\\)"):
        worker.call(signal.raise_signal, signal.SIGSEGV, seconds=20)
    began = time.monotonic()
    with pytest.raises(WorkerDiedError, match=r"did not end within 0.2 s"):
        worker.call(time.sleep, 60, seconds=0.2)
    assert time.monotonic() - began < 20
    assert worker.call(math.sqrt, 4.0, seconds=20) == 2
    worker.close()


def test_a_worker_stays_on_its_core_and_has_one_thread() -> None:
    core = min(os.sched_getaffinity(0))
    worker = Worker([core])
    assert worker.call(os.sched_getaffinity, 0, seconds=20) == {core}
    assert worker.call(os.getenv, "TVM_NUM_THREADS", seconds=20) == "1"
    worker.close()


def test_workers_end_with_their_jobs() -> None:
    with Workers(2, seconds=20) as workers:
        pids = {workers.submit(os.getpid).result() for _ in range(4)}
        workers.submit(time.sleep, 60)
        began = time.monotonic()
    assert time.monotonic() - began < 20
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(("processors", "builders"), [(1, 1), (2, 1), (3, 2), (64, 4)])
def test_builders_leave_the_measuring_processor_alone(
    monkeypatch: pytest.MonkeyPatch, processors: int, builders: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)))
    assert builders_here() == builders
