"""The cores of ``host`` are those that this process may use: ``taskset``, containers and batch
systems give it fewer than the machine has, and code for fewer cores is other code."""

from __future__ import annotations

import dataclasses
import os

from tvmedge.targeting.types import TargetSpec


def with_cores(spec: TargetSpec, count: int) -> TargetSpec:
    """``host`` as code for it sees it from a process that may use ``count`` cores."""
    board = dataclasses.replace(spec.board, cores=count)
    return dataclasses.replace(spec, tvm={**spec.tvm, "num-cores": count}, board=board)


def processors() -> str:
    """Those that this process may use: ``processors 0 and 1``."""
    *others, last = map(str, sorted(os.sched_getaffinity(0)))
    return f"processors {', '.join(others)} and {last}" if others else f"processor {last}"


def narrowed() -> bool:
    """Whether this process may not use all of the machine's processors."""
    return len(os.sched_getaffinity(0)) < (os.cpu_count() or 1)
