"""Does a candidate compute what its kernel does? Both run on random and edge inputs.

Both are built for this machine, whatever processor is tuned for: what is compared is what the
rule did to the loops. A Hexagon's may be written in its vector instructions, so it runs under QEMU;
a GPU's runs on this machine's OpenCL device.
Runs in a worker, which a wrong candidate may crash.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

import numpy as np

from tvmedge.boards.library import aligned
from tvmedge.boards.places import copied, fetched
from tvmedge.scheduling.arguments import TRIALS, Guarded, Trial, arguments
from tvmedge.scheduling.verify import judge
from tvmedge.targeting import Family, target
from tvmedge.tuning.build import Job, compiled, scheduled_kernel, unscheduled
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.tuning.costs.device_board import on_device
from tvmedge.tuning.costs.packet_board import PacketBoard
from tvmedge.tuning.loaded import loaded

SECONDS = 60.0  # for a candidate's run under QEMU
_KEPT = 8  # kernels whose right results a worker remembers


def fault(job: Job, seed: int) -> str:
    """What is wrong with a candidate's results; empty if nothing is.

    Raises:
        ValueError: the kernel cannot be run by itself.
    """
    if job.spec.accelerator is not None:
        return _fault_on_gpu(job, seed)
    emulated = job.spec.family is Family.HEXAGON
    code = compiled(scheduled_kernel(job), job.spec, job.spec if emulated else target("host"))
    board = PacketBoard(job.spec, SECONDS) if emulated else None
    for trial in TRIALS:
        wanted = _right(job.kernel, trial, seed)
        got = _run(code, job.kernel, trial, seed, board)
        _, found = judge(wanted, got, trial)
        if found:
            return found
    return ""


def _fault_on_gpu(job: Job, seed: int) -> str:
    code = compiled(scheduled_kernel(job), job.spec, target("host-opencl"))
    with on_device(code.library()) as (module, device):
        for trial in TRIALS:
            given = arguments(unscheduled(job.kernel), trial, seed)
            arrays = [array for array in given if not isinstance(array, int)]
            tensors = [copied(array, device) for array in arrays]
            module[SYMBOL](*tensors)
            got = [Guarded(fetched(t, a.dtype)) for t, a in zip(tensors, arrays, strict=True)]
            _, found = judge(_right(job.kernel, trial, seed), list(got), trial)
            if found:
                return found
    return ""


@lru_cache(_KEPT)
def _right(kernel: str, trial: Trial, seed: int) -> list[Guarded | int]:
    """The arguments after a run of the unscheduled kernel."""
    host = target("host")
    return _run(compiled(unscheduled(kernel), host, host), kernel, trial, seed)


def _run(
    code: BuiltCandidate, kernel: str, trial: Trial, seed: int, board: PacketBoard | None = None
) -> list[Guarded | int]:
    """The arguments after a run here, or on ``board``, where writes beyond their ends go unseen."""
    given = arguments(unscheduled(kernel), trial, seed)
    tensors = [Guarded(array) for array in given if not isinstance(array, int)]
    if board is not None:
        done = board.run(code, [tensor.array.tobytes() for tensor in tensors])
        for tensor, content in zip(tensors, done.tensors, strict=True):
            tensor.array.reshape(-1).view(np.uint8)[:] = np.frombuffer(content, np.uint8)
        return list(tensors)
    scratch = [aligned(size) for size in code.scratch]
    memory = [*(tensor.array for tensor in tensors), *scratch]
    with loaded(code.library()) as library:
        library[SYMBOL](*(ctypes.c_void_p(array.ctypes.data) for array in memory))
    return list(tensors)
