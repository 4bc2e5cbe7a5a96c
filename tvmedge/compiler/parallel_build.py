"""Kernels become machine code in several threads: LLVM takes most of the time of a compile.

A module is parted by its kernels' order alone, never by the machine's processors, so that
the same model gives the same bytes everywhere. LLVM's threads share nothing: TVM gives each
module a context of its own, and both let go of Python's lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import tvm
from tvm import tirx

MOST_PARTS = 4
KERNELS = 6  # a part of fewer is not worth its module
T = TypeVar("T")
Build = Callable[[tvm.IRModule], T]


def parted(module: tvm.IRModule) -> list[tvm.IRModule]:
    """The kernels of ``module`` in parts of their own, the first with everything else in it."""
    kernels = [v for v, f in module.functions_items() if isinstance(f, tirx.PrimFunc)]
    parts = max(1, min(MOST_PARTS, len(kernels) // KERNELS))
    first = module.clone()
    others = []
    for part in range(1, parts):
        own = {variable: module[variable] for variable in kernels[part::parts]}
        for variable in own:
            del first[variable]
        others.append(tvm.IRModule(own))
    return [first, *others]


def all_at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """What each of ``jobs`` gives, the first one's run by the caller itself.

    Raises:
        Whatever the first job that fails raises.
    """
    if len(jobs) < 2:
        return [job() for job in jobs]
    with ThreadPoolExecutor(min(len(jobs) - 1, os.cpu_count() or 1)) as pool:
        others = [pool.submit(job) for job in jobs[1:]]
        return [jobs[0](), *(other.result() for other in others)]
