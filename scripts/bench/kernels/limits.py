"""What the core can do at most, measured: multiply-adds, and bytes in and out."""

from __future__ import annotations

import ctypes
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tvmedge.device.zig import zig_cc

_SOURCE = Path(__file__).with_name("limits.c")
_CHAINS = 12
_ROUNDS = 40_000
_REPEATS = 3
_STREAMED = 15_000_000  # bytes of a measurement


class Limits:
    """Limits of code with vectors of ``lanes`` float32 and zig's CPU ``mcpu``."""

    def __init__(self, lanes: int, mcpu: str) -> None:
        self._lanes = lanes
        with tempfile.TemporaryDirectory(prefix="tvmedge-limits-") as folder:
            library = Path(folder) / "limits.so"
            width = lanes * 4
            # LLVM would rather have 256 bits where it may choose.
            flags = [f"-mcpu={mcpu}", f"-mprefer-vector-width={width * 8}", f"-DWIDTH={width}"]
            command = ["-O3", "-ffp-contract=fast", "-shared", "-fPIC", *flags]
            zig_cc([*command, "-o", str(library), str(_SOURCE)], "the benchmark of limits")
            self._code = ctypes.CDLL(str(library))
        self._code.multiply_adds.argtypes = [ctypes.c_long, ctypes.c_float]
        size, pointer = ctypes.c_long, ctypes.c_void_p
        self._code.stream.argtypes = [pointer, size, pointer, size, size]
        self._memory: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def flops(self) -> float:
        """Floating-point operations a second, a multiply-add counting as two."""
        seconds = _best(lambda: self._code.multiply_adds(_ROUNDS, 0.5))
        return _ROUNDS * _CHAINS * self._lanes * 2 / seconds

    def stream_seconds(self, bytes_in: int, bytes_out: int) -> float:
        """To read and write this much once, again and again: from the caches that hold it."""
        width = self._lanes * 4
        sizes = bytes_in, bytes_out
        if sizes not in self._memory:
            self._memory = {sizes: (_aligned(bytes_in), _aligned(bytes_out))}
        given, taken = self._memory[sizes]
        rounds = max(1, _STREAMED // (bytes_in + bytes_out))
        arguments = (given.ctypes.data, bytes_in // width, taken.ctypes.data, bytes_out // width)
        return _best(lambda: self._code.stream(*arguments, rounds)) / rounds


def _aligned(size: int) -> np.ndarray:
    whole = np.ones(size + 64, np.uint8)  # zeros that nobody wrote are one page, again and again
    return whole[-whole.ctypes.data % 64 :]


def _best(call: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)
