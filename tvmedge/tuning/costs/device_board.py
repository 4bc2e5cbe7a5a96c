"""An OpenCL device that times kernels by its events, here or on a board."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tvmedge.boards.address import BoardAddress
from tvmedge.boards.device_place import device_place
from tvmedge.boards.kernel_board import KernelFailedError
from tvmedge.boards.messages import LocalPlace, PipePlace, TcpPlace
from tvmedge.boards.opencl import load_opencl
from tvmedge.boards.places import Place, copied, open_place
from tvmedge.boards.runtime import global_function, load_runtime
from tvmedge.boards.terms import Terms
from tvmedge.dtypes import carrier
from tvmedge.errors import BoardError
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import SYMBOL, Argument
from tvmedge.tuning.workers import Worker, WorkerDiedError, WorkError
from tvmedge.types import DeviceKind

Where = LocalPlace | PipePlace | TcpPlace
_SECONDS = 0.05  # that a candidate is run for
_SAMPLES = range(5, 41)
_LIMIT_S = 300.0  # drivers build kernels at their first run, on a processor that others may hold


class DeviceBoard:
    """A session with a device, held by a process of its own."""

    def __init__(
        self,
        spec: TargetSpec,
        address: BoardAddress,
        cores: Sequence[int] = (),
        terms: Terms | None = None,
    ) -> None:
        """``cores``: the processors that the process stays on.

        Raises:
            TvmEdgeError: there is no way to the device, or no device.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="tvmedge-device-")
        self._report = Path(self._folder.name) / "report"
        self._worker = Worker(cores)
        try:
            self._place = device_place(spec, address, terms or Terms(), self._report)
            self._worker.call(_connect, self._place, seconds=_LIMIT_S)
        except (WorkError, WorkerDiedError) as error:
            raise BoardError(f"Board '{address}' {self._reason(error)}.") from error
        except BaseException:
            self.close()
            raise

    def samples(self, library: bytes, arguments: Sequence[Argument]) -> list[float]:
        """Seconds of each of some calls.

        Raises:
            KernelFailedError: the kernel failed, and may have ended the board.
        """
        try:
            return self._worker.call(_samples, self._place, library, arguments, seconds=_LIMIT_S)
        except (WorkError, WorkerDiedError) as error:
            raise KernelFailedError(self._reason(error)) from error

    def close(self) -> None:
        """End the session."""
        self._worker.close()
        self._folder.cleanup()

    def _reason(self, error: Exception) -> str:
        """What the relay says if it ended, else what the process says."""
        said = self._report.read_text(encoding="utf-8") if self._report.is_file() else ""
        return said.strip() or str(error)


@contextlib.contextmanager
def on_device(library: bytes, where: Where | None = None) -> Iterator[tuple[Any, Any]]:
    """A library's module and the first OpenCL device, of this machine if ``where`` is not given.
    In a worker."""
    place = _place(where or LocalPlace())
    yield place.load(memoryview(library)), place.device


@lru_cache(1)
def _place(where: Where) -> Place:
    load_runtime()
    if isinstance(where, LocalPlace):
        load_opencl()
    return open_place(where, DeviceKind.OPENCL)


def _connect(where: Where) -> None:
    _place(where)


def _samples(where: Where, library: bytes, arguments: Sequence[Argument]) -> list[float]:
    with on_device(library, where) as (module, device):
        tensors = [copied(_content(argument), device) for argument in arguments]
        kind = int(device.dlpack_device_type())  # a board's has its session in it
        (once,) = _timed(module, kind, tensors, 1)
        count = min(max(round(_SECONDS / max(once, 1e-6)), _SAMPLES.start), _SAMPLES.stop - 1)
        return _timed(module, kind, tensors, count)


def _timed(module: Any, kind: int, tensors: Sequence[Any], repeat: int) -> list[float]:
    number, least_ms, zeros, pause_ms, pause_every, flush = 1, 0, 1, 0, 1, 0
    rest = number, repeat, least_ms, zeros, pause_ms, pause_every, flush, ""
    evaluator = global_function("runtime.RPCTimeEvaluator")(module, SYMBOL, kind, 0, *rest)
    return [float(x) for x in np.frombuffer(bytes(evaluator(*tensors)), "<f8")]


def _content(argument: Argument) -> np.ndarray:
    sample = np.frombuffer(argument.sample(), carrier(argument.dtype))
    return np.resize(sample, argument.shape)
