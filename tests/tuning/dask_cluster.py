"""A real Dask scheduler with workers here, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Started:
    """A scheduler, its address for ``--builders``, and its workers."""

    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]]
    add_worker: Callable[[], subprocess.Popen[str]]


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int, options: Sequence[str] = ()) -> Iterator[Started]:
    """One whose scheduler and workers are given ``options``; it leaves its files in ``folder``."""
    with contextlib.ExitStack() as started:

        def start(*arguments: str, until: str) -> tuple[subprocess.Popen[str], str]:
            command = [*arguments, *options, "--host", "127.0.0.1", "--no-dashboard"]
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                stderr=subprocess.PIPE,
                text=True,
                cwd=folder,
                env=os.environ | {"TMPDIR": str(folder)},
            )
            started.callback(process.wait)
            started.callback(process.kill)
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(until, line):
                    return process, found.group()
            raise AssertionError(f"dask {arguments[0]} did not start: {''.join(said)}")

        scheduler, address = start("scheduler", "--port", "0", until=r"(tcp|tls)://127.0.0.1:\d+")

        def add_worker() -> subprocess.Popen[str]:
            alone = ("--nthreads", "1", "--no-nanny")
            return start("worker", address, *alone, until="Registered to")[0]

        found = [add_worker() for _ in range(workers)]
        yield Started(address.replace("tcp", "dask"), scheduler, found, add_worker)
