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
from typing import TypeAlias

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
_PASSING = 1e-10  # seconds that a byte takes to go through the caches
_LIMIT_S = 20.0

_Calls: TypeAlias = Callable[[int], float]
"""The mean seconds of a number of calls."""


@dataclass(frozen=True)
class _Code:
    """A kernel's library and the bytes of the scratch that it takes."""

    library: bytes
    scratch: tuple[int, ...]


@dataclass(frozen=True)
class _Place:
    """What a kernel finds: its tensors, and the bytes that others touched since its last call."""

    arguments: tuple[Argument, ...]
    between: int


class _Memory(ctypes.Structure):
    """``struct memory`` of time_calls.c. Pages have to be written once: those that nobody wrote are
    all the same one."""

    _fields_ = (("at", ctypes.c_void_p), ("bytes", ctypes.c_uint64))

    @classmethod
    def of(cls, array: npt.NDArray[np.uint8]) -> _Memory:
        """All of an array, which has to outlive it."""
        return cls(array.ctypes.data, array.nbytes)


@dataclass(frozen=True)
class _Gauge:
    """What all candidates of a kernel are compared with: ``code`` takes ``seconds``."""

    code: _Code
    seconds: float


class WallTime(TimedHere):
    """The fastest of many calls, in turns with the first candidate that took the same tensors.

    Before each call goes through the caches what a candidate's model touches ``between`` its calls,
    and last its first tensor, which is what the kernel before it wrote. A kernel that stands alone
    finds all that fits into a cache there. (Winograd's weights, four times as many bytes, are
    quick to read in the second level and slow beyond it; products that were best from the third
    level made minilm-l3, whose weights it does not hold, 3 to 6 % slower; with six times what
    shufflenet touches in a run, kernels looked 8 % better and the model was none.)
    """

    name = "wall-time local in-model 3"
    blind = "caches that still hold more than the first tensor"

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
        place = _Place(candidate.arguments, candidate.between)
        gauge = self._gauges.get(candidate.arguments)
        if gauge is None:
            own = self._first(place, code, worker)
            self._gauges[candidate.arguments] = _Gauge(code, min(own))
            return fastest(own)
        what = str(build_timer()), place, code, gauge.code
        own, others = list[float](), list[float]()
        for _ in range(_TRIES):
            one, two = worker.call(_in_turns, *what, seconds=_LIMIT_S)
            own, others = own + one, others + two
            if min(others) <= _DISTURBED * gauge.seconds:
                break
        scale = gauge.seconds / min(others)
        return fastest([scale * seconds for seconds in own])

    def _first(self, place: _Place, code: _Code, worker: Worker) -> list[float]:
        """Samples of a kernel's first candidate, beside the loop."""
        what = str(build_timer()), place, code, None
        own: list[float] = []
        for _ in range(_FIRST):  # whatever disturbs it now would be in every cost
            seconds, loops = worker.call(_in_turns, *what, seconds=_LIMIT_S)
            self._loop = self._loop or min(loops)
            own += [self._loop / min(loops) * one for one in seconds]
        return own


def _in_turns(
    timer: str, place: _Place, code: _Code, beside: _Code | None
) -> tuple[list[float], list[float]]:
    """Seconds of one call of each code, in samples that alternate; of the loop where there is none
    ``beside``. In the worker."""
    run, tensors = _timer(timer), _tensors(place.arguments)
    others, left = _Memory.of(_others(place.between)), _Memory.of(tensors[0])
    with contextlib.ExitStack() as opened:

        def timed(what: _Code) -> _Calls:
            kernel = opened.enter_context(loaded(what.library))[SYMBOL]
            memory = [*tensors, *map(aligned, what.scratch)]
            return lambda calls: _mean(run, kernel, memory, calls, (others, left))

        def clock(calls: int) -> float:
            return _mean(run, ctypes.CDLL(timer).tvmedge_clock, [], calls, (_Memory(), _Memory()))

        pause = _PASSING * place.between
        return _timed(timed(code), clock if beside is None else timed(beside), pause)


def _mean(
    run: ctypes._NamedFuncPointer,
    function: ctypes._NamedFuncPointer,
    memory: list[npt.NDArray[np.uint8]],
    calls: int,
    passing: tuple[_Memory, _Memory],
) -> float:
    """Seconds of a call, as the mean of so many."""
    given = (ctypes.c_void_p * len(memory))(*(array.ctypes.data for array in memory))
    kernel = ctypes.cast(function, ctypes.c_void_p)
    return float(run(kernel, given, len(memory), calls, *passing)) * 1e-9 / calls


def _timed(one: _Calls, two: _Calls, pause: float) -> tuple[list[float], list[float]]:
    """Samples of what gives the mean of a number of calls, in turns: of many calls where they are
    quick, few samples where they are slow, the ``pause`` before each counted in."""
    once = _once(one) + pause
    calls, beside = _enough(once), _enough(_once(two) + pause)
    count = min(max(round(_SECONDS / (once * calls)), _SAMPLES.start), _SAMPLES.stop - 1)
    deadline = time.monotonic() + _LIMIT_S / 4
    samples: tuple[list[float], list[float]] = ([], [])
    while len(samples[0]) < count and (len(samples[0]) < 2 or time.monotonic() < deadline):
        samples[0].append(one(calls))
        samples[1].append(two(beside))
    return samples


def _once(seconds: _Calls) -> float:
    seconds(1)  # pages and caches
    return max(seconds(1), 1e-9)


def _enough(once: float) -> int:
    return max(1, round(_SAMPLE_S / once))


@lru_cache(1)
def _timer(path: str) -> ctypes._NamedFuncPointer:
    function = ctypes.CDLL(path).tvmedge_time_calls
    function.restype = ctypes.c_uint64
    pointer, count = ctypes.c_void_p, ctypes.c_uint64
    function.argtypes = [pointer, pointer, count, count, _Memory, _Memory]
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


@lru_cache(1)
def _others(nbytes: int) -> npt.NDArray[np.uint8]:
    """What other kernels touch."""
    return np.ones(nbytes, np.uint8)
