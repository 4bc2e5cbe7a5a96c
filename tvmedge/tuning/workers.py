"""Processes that do work which may crash or hang, and live from one job to the next.

A worker imports what its jobs need once: TVM takes a second, a job tens of milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from tvmedge.resources import disk_errors

T = TypeVar("T")

_STDERR_SHOWN = 160
_ENOUGH = 4


class WorkError(Exception):
    """The job raised; the message is its own."""


class WorkerDiedError(Exception):
    """The worker crashed, or did not end in time; the message completes "it ..."."""


@dataclass(frozen=True)
class Failure:
    """The answer to a job that raised."""

    message: str


class Worker:
    """One process, started at its first job and again after it died. Not for two threads."""

    def __init__(self, cores: Sequence[int] = ()) -> None:
        """``cores``: the processors that it stays on; none leaves that to the system, and others
        who want one first."""
        self._cores = ",".join(map(str, cores))
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def call(self, work: Callable[..., T], *args: Any, seconds: float) -> T:
        """``work(*args)`` in the process: a function of a module of tvmedge's.

        Raises:
            WorkError: it raised.
            WorkerDiedError: the process crashed, or gave no answer in ``seconds``.
            ToolError: the process cannot be started.
        """
        if self._connection is None:
            self._start()
        assert self._connection is not None
        try:
            self._connection.send((work, args))
            if not self._connection.poll(seconds):
                raise WorkerDiedError(f"did not end within {seconds:g} s")
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise WorkerDiedError(self._cause()) from None
        except WorkerDiedError:
            self.close()
            raise
        except BaseException:  # an interrupt: the next answer would be to this question
            self.close()
            raise
        if isinstance(answer, Failure):
            raise WorkError(answer.message)
        result: T = answer
        return result

    def _start(self) -> None:
        with disk_errors(Path(tempfile.gettempdir())):
            self._folder = tempfile.TemporaryDirectory(prefix="tvmedge-worker-")
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "tvmedge.tuning.serve", str(theirs.fileno()), self._cores]
        with (Path(self._folder.name) / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=os.environ | {"TVM_NUM_THREADS": "1", "TMPDIR": self._folder.name},
                cwd=self._folder.name,  # `-m` looks for modules there first
                start_new_session=True,  # Ctrl-C is for us; we end it
            )
        theirs.close()
        self._connection = ours

    def _cause(self) -> str:
        """How the process ended, which is waited for."""
        assert self._process is not None
        assert self._folder is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        code = self._process.poll()
        said = (Path(self._folder.name) / "stderr").read_text(errors="replace").strip()
        self.close()
        if code is not None and code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        last = said.splitlines()[-1][:_STDERR_SHOWN] if said else f"exit status {code}"
        return f"ended ({last})"

    def close(self) -> None:
        """End the process; the next call starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._connection = self._folder = None


def measuring_core() -> int:
    """The processor that times are taken on: the last one."""
    return max(os.sched_getaffinity(0))


def beside_measuring() -> list[int]:
    """The processors that do not disturb what is timed; all where there is one."""
    return sorted(os.sched_getaffinity(0))[:-1]


def builders_here() -> int:
    """How many processes may compile while another measures: a measurement takes a third of the
    time of a build, so that more than a few would wait."""
    return min(max(1, len(beside_measuring())), _ENOUGH)


class Workers:
    """Several workers behind the interface of ``concurrent.futures``: a cluster's executor
    can stand in for it."""

    def __init__(self, count: int, seconds: float) -> None:
        """``seconds``: what one job may take."""
        self._seconds = seconds
        self._all = [Worker(beside_measuring()) for _ in range(count)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._all:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="tvmedge-worker")

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """``work(*args)`` in one of the processes; errors as of ``Worker.call``."""
        return self._threads.submit(self._call, work, args)

    def _call(self, work: Callable[..., T], args: tuple[Any, ...]) -> T:
        worker = self._idle.get()
        try:
            return worker.call(work, *args, seconds=self._seconds)
        finally:
            self._idle.put(worker)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes; jobs that have not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._all:
            if worker._process is not None:
                worker._process.kill()
        self._threads.shutdown(wait=True)
        for worker in self._all:
            worker.close()
