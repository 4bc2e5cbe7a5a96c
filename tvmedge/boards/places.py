"""Where a model's code and tensors live: in this process, or beyond an RPC session."""

from __future__ import annotations

import contextlib
import ctypes
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tvmedge.boards.kernel_times import Stopwatch, decoded
from tvmedge.boards.messages import LocalPlace, PipePlace, TcpPlace
from tvmedge.boards.own_memory import bound_memory
from tvmedge.boards.raw_tensors import LEAST, Ends, RawTensors, pipe_client
from tvmedge.boards.runtime import CPU, OPENCL, Function, device_at, global_function
from tvmedge.boards.sent import WEIGHTS_SENT
from tvmedge.bundle import Bundle
from tvmedge.errors import BoardError, InputError
from tvmedge.types import DeviceKind

_LIBRARY = "model.so"
_HAS_HALF = "tvmedge.opencl.has_half"
_ALIGNMENT = 64
"""What TVM's kernels assume of every tensor's address."""


class Place(Protocol):
    """What a model needs of the place it runs at. Tensors and modules are TVM's."""

    device: Any
    keeps_tensors: bool
    """Whether bound tensors stay the caller's own, so that they can be overwritten."""

    def load(self, code: memoryview) -> Any:
        """The module in a compiled library."""

    def load_bundle(self, bundle: Bundle) -> Any:
        """The module in a bundle's library."""

    def weights(self, bundle: Bundle) -> list[Any]:
        """A bundle's weights in their order, as tensors that nobody will overwrite."""

    def fill(self, tensor: Any, array: np.ndarray) -> None:
        """Make an array's content that of a tensor there, which has its size."""

    def fetch(self, tensor: Any, dtype: np.dtype) -> np.ndarray:
        """An array with the content of a tensor there."""

    def noted(self, vm: Any) -> bool:
        """Have what the VM runs noted, where somebody reads it when that has crashed; whether
        it is."""

    def bind(self, vm: Any, function: str, tensors: Sequence[Any]) -> None:
        """Make ``tensors`` the arguments of the VM's next runs."""

    def function(self, name: str) -> Function | None:
        """A function that TVM's runtime has there."""

    def require_half(self) -> None:
        """Raises BoardError if the OpenCL device has no float16."""

    def watch(self, vm: Any) -> Callable[[], list[tuple[str, float]]]:
        """Time what ``vm`` calls from now on; the result gives what was heard since it was last
        asked: names and milliseconds. Raises InputError where that cannot be had."""

    def peak_kib(self) -> int | None:
        """The most memory ever resident of a board's server; None where nobody tells."""

    def close(self) -> None:
        """Give up the connection, if there is one."""


def open_place(
    place: LocalPlace | PipePlace | TcpPlace, kind: DeviceKind = DeviceKind.CPU
) -> Place:
    """The place that a session asks for; the runtime is loaded, and OpenCL's if wanted."""
    if isinstance(place, LocalPlace):
        return Local(kind)
    if isinstance(place, PipePlace):
        session, ends = pipe_client(place.command, global_function("rpc.CreatePipeClient"))
        if place.direct:
            bound_memory()  # now: the board's processes are ours, and would inherit it
        return Remote(session, kind, ends)
    connect = global_function("rpc.Connect")
    remote = Remote(connect(place.host, place.port, place.key, False), kind)
    if place.threads is not None:
        # 1: the fast cores. The environment of a server elsewhere is not ours to set.
        remote.session.get_function("runtime.config_threadpool")(1, place.threads)
    return remote


class Local:
    """This process."""

    keeps_tensors = True

    def __init__(self, kind: DeviceKind = DeviceKind.CPU) -> None:
        self._on_cpu = kind is DeviceKind.CPU
        self.device = device_at(kind)

    def load(self, code: memoryview) -> Any:
        """Load through a file, which is all that a dynamic loader takes."""
        import tvm_ffi

        with tempfile.TemporaryDirectory(prefix="tvmedge-code-") as folder:
            path = Path(folder) / _LIBRARY
            path.write_bytes(code)
            return tvm_ffi.load_module(str(path))

    def load_bundle(self, bundle: Bundle) -> Any:
        """As any other library."""
        return self.load(bundle.code())

    def weights(self, bundle: Bundle) -> list[Any]:
        """The bundle's own memory where it is aligned, else copies."""
        return [self._weight(array) for array in bundle.weights().values()]

    def _weight(self, array: np.ndarray) -> Any:
        import tvm_ffi

        if not self._on_cpu:
            return copied(array, self.device)
        if array.nbytes == 0 or array.ctypes.data % _ALIGNMENT or not array.flags.c_contiguous:
            return copied(array, self.device)
        # DLPack has no way to say read-only, and numpy none to say bfloat16.
        memory = (ctypes.c_uint8 * array.nbytes).from_address(array.ctypes.data)
        content = tvm_ffi.from_dlpack(np.frombuffer(memoryview(memory), np.uint8))
        view = global_function("runtime.TVMTensorCreateView")
        dtype = tvm_ffi.dtype(array.dtype.name)
        return view(content, tvm_ffi.Shape(array.shape), dtype, 0)

    def noted(self, vm: Any) -> bool:
        """Nobody reads it here."""
        return False

    def bind(self, vm: Any, function: str, tensors: Sequence[Any]) -> None:
        """The VM keeps tensors of its own device as they are."""
        vm["set_input"](function, *tensors)

    def function(self, name: str) -> Function | None:
        """Of this process."""
        return global_function(name)

    def require_half(self) -> None:
        """Of this machine's first device."""
        _require_half(global_function(_HAS_HALF))

    def watch(self, vm: Any) -> Callable[[], list[tuple[str, float]]]:
        """A function of ours hears of every call."""
        import tvm_ffi

        sync = global_function("runtime.Device_StreamSync")
        stopwatch = Stopwatch(None if self._on_cpu else lambda: sync(self.device, 0))
        vm["set_instrument"](tvm_ffi.convert(stopwatch))
        return stopwatch.taken

    def fill(self, tensor: Any, array: np.ndarray) -> None:
        """A copy."""
        overwrite(tensor, array)

    def fetch(self, tensor: Any, dtype: np.dtype) -> np.ndarray:
        """A copy."""
        return fetched(tensor, dtype)

    def peak_kib(self) -> int | None:
        """This process's is known otherwise."""
        return None

    def close(self) -> None:
        """Nothing to give up."""


class Remote:
    """The other end of an RPC session: our server, or a stock one."""

    def __init__(
        self, session: Any, kind: DeviceKind = DeviceKind.CPU, ends: Ends | None = None
    ) -> None:
        """``ends`` are those of the pipes there, if they are known.

        Raises:
            BoardError: it has no device of that kind.
        """
        self.session = session
        self._loaded = 0
        self._on_cpu = kind is DeviceKind.CPU
        if kind is DeviceKind.OPENCL:
            _require_opencl(session)
        self.device = device_at(kind, session)
        self._bind = _optional(session, "tvmedge.server.bind")
        sent = _optional(session, "tvmedge.server.sent")
        self._sent = int(sent()) if sent else 0
        self.keeps_tensors = self._bind is not None
        self._raw: RawTensors | None = None
        take = _optional(session, "tvmedge.server.take")
        if ends is not None and take is not None and self._on_cpu:
            self._raw = RawTensors(ends, take, session.get_function("tvmedge.server.give"))

    def fill(self, tensor: Any, array: np.ndarray) -> None:
        """Past TVM's protocol where the server of ours has a way for that, and it is worth it."""
        if self._raw is not None and array.nbytes >= LEAST:
            self._raw.write(tensor, array)
        else:
            overwrite(tensor, array)

    def fetch(self, tensor: Any, dtype: np.dtype) -> np.ndarray:
        """As ``fill``, the other way."""
        array = np.empty(tuple(tensor.shape), dtype)
        if self._raw is None or array.nbytes < LEAST:
            return fetched(tensor, dtype)
        self._raw.read(tensor, array)
        return array

    def load(self, code: memoryview) -> Any:
        """Upload the library into the session's work directory and load it there."""
        # Each by another name: a loader that still has one of the name takes that.
        name = f"model{self._loaded}.so"
        self._loaded += 1
        with self.file(name, code):
            return global_function("rpc.LoadRemoteModule")(self.session, name)

    @contextlib.contextmanager
    def file(self, name: str, content: bytes | memoryview) -> Iterator[None]:
        """A file in the session's work directory, for a while."""
        self.session.get_function("tvm.rpc.server.upload")(name, bytes(content))
        try:
            yield
        finally:
            self.session.get_function("tvm.rpc.server.remove")(name)

    def threads(self) -> int:
        """How many TVM's kernels run on there; 1 where the server does not say."""
        count = _optional(self.session, "runtime.NumThreads")
        return 1 if count is None else int(count())

    def load_bundle(self, bundle: Bundle) -> Any:
        """The library that was sent before, or one that is uploaded now."""
        if self._sent:
            return self.session.get_function("tvmedge.server.load_sent")()
        return self.load(bundle.code())

    def weights(self, bundle: Bundle) -> list[Any]:
        """Tensors on the board, filled there where the file was sent before."""
        arrays = list(bundle.weights().values())
        if self._sent <= WEIGHTS_SENT:
            tensors = [empty(one.shape, one.dtype.name, self.device) for one in arrays]
            for tensor, array in zip(tensors, arrays, strict=True):
                self.fill(tensor, array)
            return tensors
        fill = self.session.get_function("tvmedge.server.fill_sent")
        start = np.frombuffer(bundle.weights_file(), np.uint8).ctypes.data
        tensors = []
        for array in arrays:
            tensor = empty(array.shape, array.dtype.name, self.device)
            if array.nbytes:
                fill(tensor, WEIGHTS_SENT, array.ctypes.data - start)
            tensors.append(tensor)
        return tensors

    def noted(self, vm: Any) -> bool:
        """Let the board's session know which kernel runs, where it asks for that."""
        note = _optional(self.session, "tvmedge.server.note")
        if note is not None:
            note(vm)
        return note is not None

    def bind(self, vm: Any, function: str, tensors: Sequence[Any]) -> None:
        """A stock server's VM copies every tensor, at every call of this."""
        if self._bind is not None:
            self._bind(vm, function, *tensors)
        else:
            vm["set_input"](function, *tensors)

    def function(self, name: str) -> Function | None:
        """Of the board's server."""
        return _optional(self.session, name)

    def require_half(self) -> None:
        """Of the board's first device. Older servers do not say: kernels fail to build there."""
        _require_half(_optional(self.session, _HAS_HALF))

    def watch(self, vm: Any) -> Callable[[], list[tuple[str, float]]]:
        """Our server hears of every call on the board."""
        times = _optional(self.session, "tvmedge.server.times")
        if times is None:
            raise InputError(
                "A stock TVM RPC server does not tell kernels apart: leave --per-op out, or reach "
                "the board by ssh."
            )
        vm["set_instrument"]("tvmedge.server.timer", CPU if self._on_cpu else OPENCL)
        return lambda: decoded(bytes(times()))

    def peak_kib(self) -> int | None:
        """A stock server does not tell."""
        peak = _optional(self.session, "tvmedge.server.peak_kib")
        return None if peak is None else int(peak())

    def close(self) -> None:
        """Tell the server to end the session."""
        self.session.get_function("CloseRPCConnection")()


def copied(array: np.ndarray, device: Any) -> Any:
    """A tensor on ``device`` with the array's content."""
    tensor = empty(array.shape, array.dtype.name, device)
    overwrite(tensor, array)
    return tensor


def empty(shape: Iterable[int], dtype: str, device: Any) -> Any:
    """An aligned tensor with undefined content."""
    import tvm_ffi

    allocate = global_function("runtime.TVMTensorAllocWithScope")
    return allocate(tvm_ffi.Shape(tuple(shape)), tvm_ffi.dtype(dtype), device, None)


def overwrite(tensor: Any, array: np.ndarray) -> None:
    """Copy an array of the same size into a tensor, wherever that is."""
    if array.nbytes:
        source = np.ascontiguousarray(array)
        address = ctypes.c_void_p(source.ctypes.data)
        global_function("runtime.TVMTensorCopyFromBytes")(tensor, address, source.nbytes)


def fetched(tensor: Any, dtype: np.dtype) -> np.ndarray:
    """An array with a tensor's content."""
    array = np.empty(tuple(tensor.shape), dtype)
    if array.nbytes:
        address = ctypes.c_void_p(array.ctypes.data)
        global_function("runtime.TVMTensorCopyToBytes")(tensor, address, array.nbytes)
    return array


def _require_opencl(session: Any) -> None:
    status = _optional(session, "tvmedge.opencl.status")
    if status is None:
        raise BoardError(
            "The board's server has no OpenCL runtime: use the folder that 'tvmedge board pack' "
            "writes for a target with a GPU."
        )
    if missing := str(status()):
        raise BoardError(f"There is no OpenCL device on the board: {missing}.")


def _require_half(has_half: Function | None) -> None:
    if has_half is not None and not has_half(0):
        raise BoardError(
            "The bundle's kernels use float16, and the OpenCL device has none (its driver lacks "
            "cl_khr_fp16): compile with --precision fp32."
        )


def _optional(session: Any, name: str) -> Function | None:
    try:
        function: Function = session.get_function(name)
    except AttributeError:
        return None
    return function
