"""A bundle's freestanding library, loaded into this process: ctypes is all it takes."""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tvmedge.boards.big_cores import keep_to_big_cores
from tvmedge.bundle import Bundle, LibraryInfo
from tvmedge.bundle.tensorfile import ALIGNMENT
from tvmedge.dtypes import carrier
from tvmedge.errors import BoardError, TrustError
from tvmedge.shapes import resolve
from tvmedge.types import CallTimes, TensorSpec

_LIBRARY = "model.so"
_CODES = (
    "ok",
    "a missing pointer",
    "an unaligned pointer",
    "the weights of another model",
    "too many threads",
    "the system gave no thread",
)
POOL_BYTES = 4096
_DIGEST = ctypes.c_ubyte * 32
_DONE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)


class LibraryModel:
    """One bundle's library with the memory of its inputs, outputs and workspace.

    Weights are read where the bundle is mapped.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Load the library and see that the bundle's weights, already verified, are its own.

        Raises:
            TrustError: the weights are not the library's.
            BoardError: the library does not load.
        """
        info = bundle.manifest.code.library
        assert info is not None
        signature = bundle.manifest.signature
        self._bundle = bundle
        self._prefix = info.prefix
        self._functions = _load(bundle.code())
        self._inputs = {spec.name: _zeros(spec) for spec in signature.inputs}
        self._outputs = {spec.name: _zeros(spec) for spec in signature.outputs}
        self._workspace = aligned(info.workspace_bytes)
        addresses = [_address(array) for array in self._inputs.values()]
        addresses += [_address(array) for array in self._outputs.values()]
        if info.threads > 1:
            self._pool = aligned(POOL_BYTES)
            addresses.append(self._started_pool(info))
        if bundle.manifest.code.weights:
            addresses.append(self._own_weights(info.prefix))
        self._io = (ctypes.c_void_p * len(addresses))(*addresses)
        self._run = self._functions[f"{info.prefix}_run"]
        self._run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self._arguments = ctypes.addressof(self._io), _address(self._workspace)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; ``inputs`` match the signature. They are overwritten by the next run."""
        for name, array in self._inputs.items():
            np.copyto(array, inputs[name], casting="no")
        self._once()
        return self._outputs

    def time(self, repetitions: int) -> tuple[float, ...]:
        """Milliseconds of each of ``repetitions`` runs on the present inputs.

        One run before them is not counted; the call from Python is (about a microsecond).
        """
        self._once()
        samples = []
        for _ in range(repetitions):
            started = time.perf_counter_ns()
            self._run(*self._arguments)
            samples.append((time.perf_counter_ns() - started) / 1e6)
        return tuple(samples)

    def time_kernels(self, repetitions: int) -> CallTimes:
        """Milliseconds of every call of a kernel; what hears of their ends is not counted, but for
        the way from C to Python, less than a microsecond."""
        began, spans = 0, list[int]()
        kernels: list[str] = []

        def done(_context: None, _call: int, kernel: bytes) -> None:
            nonlocal began
            spans.append(time.perf_counter_ns() - began)
            kernels.append(kernel.decode(errors="replace"))
            began = time.perf_counter_ns()

        profiled = self._functions[f"{self._prefix}_run_profiled"]
        heard = _DONE(done)
        profiled.argtypes = [ctypes.c_void_p, ctypes.c_void_p, _DONE, ctypes.c_void_p]
        runs: list[tuple[float, ...]] = []
        for _ in range(repetitions + 1):
            spans.clear()
            kernels.clear()
            began = time.perf_counter_ns()
            if code := profiled(*self._arguments, heard, None):
                raise BoardError(f"the library refused its arguments: {described(code)}")
            runs.append(tuple(span / 1e6 for span in spans))
        return CallTimes(tuple(kernels), tuple(runs[1:]))

    def _started_pool(self, info: LibraryInfo) -> int:
        """A pool of as many threads as were asked for, else of one a fast core; none (NULL)
        for one thread."""
        asked = asked_threads(info)
        cores = keep_to_big_cores(asked)
        threads = asked or min(info.threads, cores)
        if threads == 1:
            return 0
        start = self._functions[f"{info.prefix}_pool_start"]
        start.argtypes = [ctypes.c_void_p, ctypes.c_int]
        if code := start(_address(self._pool), threads):
            raise BoardError(f"the library's threads did not start: {described(code)}")
        # They sleep on memory of this object.
        stop = self._functions[f"{info.prefix}_pool_stop"]
        stop.argtypes = [ctypes.c_void_p]
        weakref.finalize(self, _stop, stop, self._pool)
        return _address(self._pool)

    def _once(self) -> None:
        if code := self._run(*self._arguments):
            raise BoardError(f"the library refused its arguments: {described(code)}")

    def _own_weights(self, prefix: str) -> int:
        # The bytes were hashed when the bundle was read: the hashes are all that is compared.
        wanted = _digest(self._functions, f"{prefix}_weights_sha256")
        if wanted != self._bundle.weights_sha256():
            raise TrustError(
                f"The weights of '{self._bundle.path}' are not those its library was made for: "
                "build the bundle again."
            )
        self._weights = np.frombuffer(self._bundle.weights_file(), np.uint8)
        return _address(self._weights)


def asked_threads(info: LibraryInfo) -> int | None:
    """TVM_NUM_THREADS, as far as a library can use so many; None where it is not set."""
    asked = os.environ.get("TVM_NUM_THREADS", "")
    return max(1, min(int(asked), info.threads)) if asked.isdecimal() else None


def aligned(nbytes: int) -> np.ndarray:
    """Bytes that begin on a multiple of what libraries ask for."""
    memory = np.zeros(max(nbytes, 1) + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + max(nbytes, 1)]


def _stop(stop: Callable[[int], None], pool: np.ndarray) -> None:
    stop(_address(pool))


def _load(code: memoryview) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory(prefix="tvmedge-code-") as folder:
        path = Path(folder) / _LIBRARY
        path.write_bytes(code)
        try:
            return ctypes.CDLL(str(path))
        except OSError as error:
            raise BoardError(f"the library does not load: {error}") from error


def _digest(functions: ctypes.CDLL, name: str) -> str | None:
    """The 32 bytes of this name in hex; None where the library has none."""
    try:
        return bytes(_DIGEST.in_dll(functions, name)).hex()
    except ValueError:
        return None


def _zeros(spec: TensorSpec) -> np.ndarray:
    dtype, shape = carrier(spec.dtype), resolve(spec.shape, {})
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return aligned(size)[:size].view(dtype).reshape(shape)


def _address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def described(code: int) -> str:
    """What a library's code means."""
    return _CODES[code] if 0 <= code < len(_CODES) else f"code {code}"
