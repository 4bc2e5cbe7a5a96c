"""Does a candidate compute what its kernel does? Both run on random and edge inputs.

Both are built for this machine, whatever processor is tuned for: what is compared is what the
rule did to the loops. Runs in a worker, which a wrong candidate may crash.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

from tvmedge.boards.library import aligned
from tvmedge.scheduling.arguments import TRIALS, Guarded, Trial, arguments
from tvmedge.scheduling.verify import judge
from tvmedge.targeting import target
from tvmedge.tuning.build import Job, compiled, scheduled_kernel, unscheduled
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.tuning.loaded import loaded

_KEPT = 8  # kernels whose right results a worker remembers


def fault(job: Job, seed: int) -> str:
    """What is wrong with a candidate's results; empty if nothing is.

    Raises:
        ValueError: the kernel cannot be run by itself.
    """
    code = compiled(scheduled_kernel(job), job.spec, target("host"))
    for trial in TRIALS:
        wanted = _right(job.kernel, trial, seed)
        got = _run(code, job.kernel, trial, seed)
        _, found = judge(wanted, got, trial)
        if found:
            return found
    return ""


@lru_cache(_KEPT)
def _right(kernel: str, trial: Trial, seed: int) -> list[Guarded | int]:
    """The arguments after a run of the unscheduled kernel."""
    host = target("host")
    return _run(compiled(unscheduled(kernel), host, host), kernel, trial, seed)


def _run(code: BuiltCandidate, kernel: str, trial: Trial, seed: int) -> list[Guarded | int]:
    given = arguments(unscheduled(kernel), trial, seed)
    tensors = [Guarded(array) for array in given if not isinstance(array, int)]
    scratch = [aligned(size) for size in code.scratch]
    memory = [*(tensor.array for tensor in tensors), *scratch]
    with loaded(code.library()) as library:
        library[SYMBOL](*(ctypes.c_void_p(array.ctypes.data) for array in memory))
    return list(tensors)
