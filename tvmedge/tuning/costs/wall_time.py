"""The time that a kernel takes on this machine, beside another that runs at the same clock.

A core's clock changes while one searches: AVX-512 code here took 1.12 times as long for seconds on
end. So every candidate takes turns with the first one of its kernel, which tells how fast the core
is: the cost is the ratio of their fastest calls, times what the first one took when it was new.
That one took turns with a loop of multiply-adds, so that costs of two kernels, which may be two
answers to one question, are of one clock, too: the first that the source met.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tvmedge.boards.library import aligned
from tvmedge.device.build_timer import build_timer
from tvmedge.tuning.costs.candidate import SYMBOL, Argument, BuiltCandidate
from tvmedge.tuning.costs.source import CandidateError, Cost
from tvmedge.tuning.costs.timed import TimedHere, fastest
from tvmedge.tuning.loaded import loaded
from tvmedge.tuning.workers import Worker

_MOST_ARGUMENTS = 32  # of time_calls.c
_SAMPLE_S = 200e-6  # calls timed together take so long, at least
_SECONDS = 0.02  # that a candidate is run for
_SAMPLES = range(5, 61)
_FIRST = 4  # times that the first candidate of a kernel is run
_DISTURBED = 1.2  # times what the first one took: more than clocks do, somebody has the core
_TRIES = 4
_LIMIT_S = 20.0


@dataclass(frozen=True)
class _Code:
    """A kernel's library and the bytes of the scratch that it takes."""

    library: bytes
    scratch: tuple[int, ...]


@dataclass(frozen=True)
class _Gauge:
    """What all candidates of a kernel are compared with: ``code`` takes ``seconds``."""

    code: _Code
    seconds: float


class WallTime(TimedHere):
    """The fastest of many calls, in turns with the first candidate that took the same tensors.

    Calls follow each other on the same tensors: what fits into a cache stays there.
    """

    name = "wall-time local"
    blind = "caches that are cold in a whole model"

    def __init__(self, core: int | None = None) -> None:
        """``core``: the processor to measure on, the last one by default."""
        super().__init__(core)
        self._gauges: dict[tuple[Argument, ...], _Gauge] = {}
        self._loop: float | None = None
        """Seconds of ``tvmedge_clock`` when the first kernel was timed."""

    def cost(self, candidate: BuiltCandidate, worker: Worker) -> Cost:
        """Of a call at the clock that the source's first candidate met."""
        if len(candidate.arguments) + len(candidate.scratch) > _MOST_ARGUMENTS:
            raise CandidateError(f"takes more than {_MOST_ARGUMENTS} tensors")
        code = _Code(candidate.library(), candidate.scratch)
        gauge = self._gauges.get(candidate.arguments)
        if gauge is None:
            own = self._first(candidate.arguments, code, worker)
            self._gauges[candidate.arguments] = _Gauge(code, min(own))
            return fastest(own)
        what = str(build_timer()), candidate.arguments, code, gauge.code
        own, others = list[float](), list[float]()
        for _ in range(_TRIES):
            one, two = worker.call(_in_turns, *what, seconds=_LIMIT_S)
            own, others = own + one, others + two
            if min(others) <= _DISTURBED * gauge.seconds:
                break
        scale = gauge.seconds / min(others)
        return fastest([scale * seconds for seconds in own])

    def _first(self, arguments: tuple[Argument, ...], code: _Code, worker: Worker) -> list[float]:
        """Samples of a kernel's first candidate, beside the loop."""
        what = str(build_timer()), arguments, code, None
        own: list[float] = []
        for _ in range(_FIRST):  # whatever disturbs it now would be in every cost
            seconds, loops = worker.call(_in_turns, *what, seconds=_LIMIT_S)
            self._loop = self._loop or min(loops)
            own += [self._loop / min(loops) * one for one in seconds]
        return own


def _in_turns(
    timer: str, arguments: tuple[Argument, ...], code: _Code, beside: _Code | None
) -> tuple[list[float], list[float]]:
    """Seconds of one call of each code, in samples that alternate; of the loop where there is none
    ``beside``. In the worker."""
    tensors = _tensors(arguments)
    with contextlib.ExitStack() as opened:

        def timed(what: _Code) -> Callable[[int], float]:
            library = opened.enter_context(loaded(what.library))
            memory = [*tensors, *map(aligned, what.scratch)]
            return _calls(_timer(timer), library[SYMBOL], memory)

        if beside is None:
            return _timed(timed(code), _calls(_timer(timer), ctypes.CDLL(timer).tvmedge_clock, []))
        return _timed(timed(code), timed(beside))


def _calls(
    run: ctypes._NamedFuncPointer,
    function: ctypes._NamedFuncPointer,
    memory: list[npt.NDArray[np.uint8]],
) -> Callable[[int], float]:
    """What gives the mean seconds of a number of calls."""
    given = (ctypes.c_void_p * len(memory))(*(array.ctypes.data for array in memory))
    kernel = ctypes.cast(function, ctypes.c_void_p)
    return lambda calls: float(run(kernel, given, len(memory), calls)) * 1e-9 / calls


def _timed(
    one: Callable[[int], float], two: Callable[[int], float]
) -> tuple[list[float], list[float]]:
    """Samples of what gives the mean of a number of calls, in turns: of many calls where they are
    quick, few samples where they are slow."""
    once = _once(one)
    calls, beside = _enough(once), _enough(_once(two))
    count = min(max(round(_SECONDS / (once * calls)), _SAMPLES.start), _SAMPLES.stop - 1)
    deadline = time.monotonic() + _LIMIT_S / 4
    samples: tuple[list[float], list[float]] = ([], [])
    while len(samples[0]) < count and (len(samples[0]) < 2 or time.monotonic() < deadline):
        samples[0].append(one(calls))
        samples[1].append(two(beside))
    return samples


def _once(seconds: Callable[[int], float]) -> float:
    seconds(1)  # pages and caches
    return max(seconds(1), 1e-9)


def _enough(once: float) -> int:
    return max(1, round(_SAMPLE_S / once))


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
