"""Cases in child processes: one that crashes, hangs or eats memory is its own loss.

Children are forked from a process that has everything imported.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from scripts.suite.cases import Case
from scripts.suite.judge import CRASH, RUNTIMES, TIMEOUT, Verdict, judge, short

_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Limits:
    """``jobs`` children at a time, each with ``seconds`` a runtime and ``bytes``
    of address space."""

    jobs: int = 2
    seconds: float = 60.0
    bytes: int = 8 << 30


@dataclass(frozen=True)
class Job:
    """A case and the inputs that may be made constants."""

    case: Case
    bindable: tuple[str, ...]


@dataclass
class _Child:
    """A running case; ``runtimes`` are those without a verdict yet."""

    job: Job
    runtimes: list[str]
    process: BaseProcess
    connection: Connection
    log: Path
    deadline: float


def run_all(
    jobs: Iterable[Job], limits: Limits, runtimes: tuple[str, ...] = RUNTIMES
) -> Iterator[tuple[Case, str, Verdict]]:
    """Each case's verdict at each runtime, as they come."""
    waiting = deque((job, list(runtimes)) for job in jobs)
    running: list[_Child] = []
    with tempfile.TemporaryDirectory(prefix="tvmedge-suite-") as folder:
        while waiting or running:
            while waiting and len(running) < limits.jobs:
                job, left = waiting.popleft()
                running.append(_start(job, left, limits, Path(folder)))
            ready = wait([child.connection for child in running], timeout=0.2)
            for child in tuple(running):
                verdict = _verdict(child, child.connection in ready)
                if verdict is None:
                    continue
                runtime = child.runtimes.pop(0)
                yield child.job.case, runtime, verdict
                child.deadline = time.monotonic() + limits.seconds
                if verdict.outcome in (CRASH, TIMEOUT) or not child.runtimes:
                    running.remove(child)
                    _end(child)
                    if child.runtimes:
                        waiting.appendleft((child.job, child.runtimes))


def _start(job: Job, runtimes: list[str], limits: Limits, folder: Path) -> _Child:
    receive, send = _FORK.Pipe(duplex=False)
    log = folder / f"{job.case.name}.log"
    process = _FORK.Process(target=_child, args=(job, tuple(runtimes), limits, send, log))
    process.start()
    send.close()
    return _Child(job, runtimes, process, receive, log, time.monotonic() + limits.seconds)


def _child(
    job: Job, runtimes: tuple[str, ...], limits: Limits, send: Connection, log: Path
) -> None:
    os.setpgid(0, 0)  # so that a linker that hangs is ended too
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    resource.setrlimit(resource.RLIMIT_AS, (limits.bytes, limits.bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for runtime in runtimes:
        send.send(judge(job.case, runtime, job.bindable))
    # Not a normal exit: TVM's objects may outlive the libraries that free them.
    os._exit(0)


def _verdict(child: _Child, ready: bool) -> Verdict | None:
    """What is known of the child's current runtime; None while it works."""
    if ready:
        try:
            verdict: Verdict = child.connection.recv()
            return verdict
        except EOFError:
            child.process.join()
            return Verdict(CRASH, _ending(child))
    if time.monotonic() > child.deadline:
        return Verdict(TIMEOUT, "no result within the time limit")
    return None


def _ending(child: _Child) -> str:
    code = child.process.exitcode or 0
    how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    words = child.log.read_text(errors="replace").strip().splitlines()[-1:]
    return short(": ".join([how, *words]), child.runtimes[0])


def _end(child: _Child) -> None:
    pid = child.process.pid
    if child.process.is_alive() and pid is not None:
        child.process.join(0.5 if not child.runtimes else 0)
        if child.process.is_alive():
            os.killpg(pid, signal.SIGKILL)
    child.process.join()
    child.connection.close()
    child.log.unlink(missing_ok=True)
