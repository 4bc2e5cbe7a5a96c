"""The time that a kernel takes on this machine."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType

import numpy as np
import numpy.typing as npt

from tvmedge.boards.library import aligned
from tvmedge.device.build_timer import build_timer
from tvmedge.tuning.costs.candidate import SYMBOL, Argument, BuiltCandidate
from tvmedge.tuning.costs.source import CandidateError, Cost
from tvmedge.tuning.loaded import loaded
from tvmedge.tuning.workers import Worker, WorkerDiedError, WorkError, measuring_core

_MOST_ARGUMENTS = 32  # of time_calls.c
_SAMPLE_S = 200e-6  # calls timed together take so long, at least
_SECONDS = 0.02  # that a candidate is run for
_SAMPLES = range(5, 61)
_LIMIT_S = 20.0


class WallTime:
    """The fastest of many calls, in a process of its own on one core of this machine.

    Calls follow each other on the same tensors: what fits into a cache stays there.
    """

    name = "wall-time local"
    unit = "s"
    blind = "caches that are cold in a whole model"
    deterministic = False
    slots = 1

    def __init__(self, core: int | None = None) -> None:
        """``core``: the processor to measure on, the last one by default."""
        self._worker = Worker([measuring_core() if core is None else core])

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Seconds of one call; errors as in ``CostSource``."""
        if len(candidate.arguments) + len(candidate.scratch) > _MOST_ARGUMENTS:
            raise CandidateError(f"takes more than {_MOST_ARGUMENTS} tensors")
        what = candidate.library(), candidate.arguments, candidate.scratch
        try:
            samples = self._worker.call(_samples, str(build_timer()), *what, seconds=_LIMIT_S)
        except (WorkerDiedError, WorkError) as error:
            raise CandidateError(str(error)) from error
        low, _, high = statistics.quantiles(samples, n=4)
        return Cost(min(samples), self.unit, high - low)

    def __enter__(self) -> WallTime:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._worker.close()


def _samples(
    timer: str, library: bytes, arguments: tuple[Argument, ...], scratch: tuple[int, ...]
) -> list[float]:
    """Seconds of one call, each the mean of some that follow each other. In the worker."""
    memory = [*_tensors(arguments), *(aligned(size) for size in scratch)]
    given = (ctypes.c_void_p * len(memory))(*(array.ctypes.data for array in memory))
    run = _timer(timer)
    with loaded(library) as made:
        kernel = ctypes.cast(made[SYMBOL], ctypes.c_void_p)
        return _timed(lambda calls: float(run(kernel, given, len(memory), calls)) * 1e-9 / calls)


def _timed(seconds: Callable[[int], float]) -> list[float]:
    """Samples of ``seconds``, which gives the mean of a number of calls: many of what is quick,
    few of what is slow."""
    seconds(1)  # pages and caches
    once = seconds(1)
    calls = max(1, round(_SAMPLE_S / max(once, 1e-9)))
    count = min(max(round(_SECONDS / (once * calls)), _SAMPLES.start), _SAMPLES.stop - 1)
    deadline = time.monotonic() + _LIMIT_S / 4
    samples = [once] if calls == 1 else []
    while len(samples) < count and (len(samples) < 2 or time.monotonic() < deadline):
        samples.append(seconds(calls))
    return samples


@lru_cache(1)
def _timer(path: str) -> ctypes._NamedFuncPointer:
    function = ctypes.CDLL(path).tvmedge_time_calls
    function.restype = ctypes.c_uint64
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
    return function


@lru_cache(1)
def _tensors(arguments: tuple[Argument, ...]) -> list[npt.NDArray[np.uint8]]:
    """Memory with the content to run with, the same for all candidates of a kernel."""
    made = []
    for argument in arguments:
        memory = aligned(argument.nbytes)
        sample = np.frombuffer(argument.sample(), np.uint8)
        memory[: argument.nbytes] = np.resize(sample, argument.nbytes)
        made.append(memory)
    return made
