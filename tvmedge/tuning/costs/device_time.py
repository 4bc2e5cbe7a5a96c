"""The time that a GPU's kernel takes on this machine's OpenCL device, by the device's events."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tvmedge.boards.opencl import load_opencl
from tvmedge.boards.places import Local, copied
from tvmedge.boards.runtime import OPENCL, global_function, load_runtime
from tvmedge.dtypes import carrier
from tvmedge.tuning.costs.candidate import SYMBOL, Argument, BuiltCandidate
from tvmedge.tuning.costs.source import Cost
from tvmedge.tuning.costs.timed import TimedHere, fastest
from tvmedge.tuning.workers import Worker
from tvmedge.types import DeviceKind

_SECONDS = 0.05  # that a candidate is run for
_SAMPLES = range(5, 41)
_LIMIT_S = 120.0  # drivers build kernels at their first run


class DeviceTime(TimedHere):
    """The fastest of many calls: what all kernels of a call took on the device, not what lies
    between them.

    Calls follow each other on the same tensors: what fits into a cache stays there.
    """

    name = "device-time local"
    blind = "the time between kernels, and caches that are cold in a whole model"

    def cost(self, candidate: BuiltCandidate, worker: Worker) -> Cost:
        """That of the fastest call."""
        what = candidate.library(), candidate.arguments
        return fastest(worker.call(_samples, *what, seconds=_LIMIT_S))


@contextmanager
def on_device(library: bytes) -> Iterator[tuple[Any, Any]]:
    """A library's module and the first OpenCL device. In a worker."""
    import tvm_ffi

    place = _place()
    with tempfile.TemporaryDirectory(prefix="tvmedge-kernel-") as folder:
        path = Path(folder) / "kernel.so"
        path.write_bytes(library)
        yield tvm_ffi.load_module(str(path)), place.device


@lru_cache(1)
def _place() -> Local:
    load_runtime()
    load_opencl()
    return Local(DeviceKind.OPENCL)


def _samples(library: bytes, arguments: Sequence[Argument]) -> list[float]:
    """Seconds of each of some calls."""
    with on_device(library) as (module, device):
        tensors = [copied(_content(argument), device) for argument in arguments]
        (once,) = _timed(module, tensors, 1)
        count = min(max(round(_SECONDS / max(once, 1e-6)), _SAMPLES.start), _SAMPLES.stop - 1)
        return _timed(module, tensors, count)


def _timed(module: Any, tensors: Sequence[Any], repeat: int) -> list[float]:
    number, least_ms, zeros, pause_ms, pause_every, flush = 1, 0, 1, 0, 1, 0
    evaluator = global_function("runtime.RPCTimeEvaluator")(
        module,
        SYMBOL,
        OPENCL,
        0,
        number,
        repeat,
        least_ms,
        zeros,
        pause_ms,
        pause_every,
        flush,
        "",
    )
    return [float(x) for x in np.frombuffer(bytes(evaluator(*tensors)), "<f8")]


def _content(argument: Argument) -> np.ndarray:
    sample = np.frombuffer(argument.sample(), carrier(argument.dtype))
    return np.resize(sample, argument.shape)
