"""Does a candidate compute what its kernel does? Both run on random and edge inputs.

Code for this machine, and for a Hexagon, which QEMU is, runs as it was measured. Candidates for
other processors are built for this machine: what is compared is what the rule did to the loops. A
GPU's runs on this machine's OpenCL device.
Runs in a worker, which a wrong candidate may crash.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias

import numpy as np

from tvmedge.boards.library import aligned
from tvmedge.boards.places import copied, fetched
from tvmedge.scheduling.arguments import TRIALS, Array, Guarded, Trial, arguments
from tvmedge.scheduling.verify import judge
from tvmedge.targeting import Family, TargetSpec, target
from tvmedge.tuning.build import Job, compiled, scheduled_kernel, unscheduled
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.tuning.costs.device_board import on_device
from tvmedge.tuning.costs.packet_board import PacketBoard
from tvmedge.tuning.loaded import loaded

SECONDS = 60.0  # for a candidate's run under QEMU
_QUICK = {"opt-level": 1}  # what runs twice: a third less than to optimise it, all in all
_KEPT = 256  # kernels whose right results a worker remembers: a model's, mostly

_Run: TypeAlias = Callable[[Sequence[Array]], Sequence[Guarded]]
"""From arguments to the same after a run."""


def fault(job: Job, seed: int, measured: BuiltCandidate | None = None) -> str:
    """What is wrong with a candidate's results; empty if nothing is. ``measured``: its code, which
    is made anew where there is none or it is another processor's.

    Raises:
        ValueError: the kernel cannot be run by itself.
    """
    machine = _machine(job.spec)
    if measured is None or machine != job.spec:
        measured = compiled(scheduled_kernel(job), job.spec, machine)
    right = _right(job.kernel, seed)
    with _runner(measured, machine) as run:
        for trial, written in zip(TRIALS, right, strict=True):
            given = _given(job.kernel, trial, seed)
            wanted = [Guarded(written.get(at, value)) for at, value in enumerate(given)]
            _, found = judge(wanted, run(given), trial)
            if found:
                return found
    return ""


def _machine(spec: TargetSpec) -> TargetSpec:
    """Where a candidate for ``spec`` runs."""
    if spec.accelerator is not None:
        return target("host-opencl")
    return spec if spec.family in (Family.HOST, Family.HEXAGON) else target("host")


@contextlib.contextmanager
def _runner(code: BuiltCandidate, machine: TargetSpec) -> Iterator[_Run]:
    if machine.accelerator is not None:
        with on_device(code.library()) as (module, device):
            yield partial(_on_device, module, device)
    elif machine.family is Family.HEXAGON:
        yield partial(_on_board, PacketBoard(machine, SECONDS), code)
    else:
        with loaded(code.library()) as library:
            yield partial(_here, library, code)


@lru_cache(_KEPT)
def _right(kernel: str, seed: int) -> tuple[dict[int, Array], ...]:
    """What the unscheduled kernel writes in each of the trials, by its arguments' places."""
    host = target("host")
    host = dataclasses.replace(host, tvm={**host.tvm, **_QUICK})
    code = compiled(unscheduled(kernel), host, host)
    with _runner(code, host) as run:
        return tuple(_written(run, _given(kernel, trial, seed)) for trial in TRIALS)


def _written(run: _Run, given: list[Array]) -> dict[int, Array]:
    pairs = enumerate(zip(given, run(given), strict=True))
    return {
        at: after.array.copy()
        for at, (before, after) in pairs
        if before.tobytes() != after.array.tobytes()
    }


def _given(kernel: str, trial: Trial, seed: int) -> list[Array]:
    made = arguments(unscheduled(kernel), trial, seed)
    return [array for array in made if not isinstance(array, int)]


def _here(library: ctypes.CDLL, code: BuiltCandidate, given: Sequence[Array]) -> list[Guarded]:
    tensors = list(map(Guarded, given))
    memory = [*(tensor.array for tensor in tensors), *map(aligned, code.scratch)]
    library[SYMBOL](*(ctypes.c_void_p(array.ctypes.data) for array in memory))
    return tensors


def _on_board(board: PacketBoard, code: BuiltCandidate, given: Sequence[Array]) -> list[Guarded]:
    """Under QEMU, where writes beyond the ends of tensors go unseen."""
    done = board.run(code, [array.tobytes() for array in given])
    contents = zip(done.tensors, given, strict=True)
    return [Guarded(np.frombuffer(c, a.dtype).reshape(a.shape)) for c, a in contents]


def _on_device(module: Any, device: Any, given: Sequence[Array]) -> list[Guarded]:
    tensors = [copied(array, device) for array in given]
    module[SYMBOL](*tensors)
    return [Guarded(fetched(t, a.dtype)) for t, a in zip(tensors, given, strict=True)]
