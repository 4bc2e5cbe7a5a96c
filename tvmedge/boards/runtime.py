"""TVM's runtime without ``import tvm``: 0.2 s and 46 MB instead of 1.3 s and 194 MB."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tvmedge.errors import ToolError
from tvmedge.types import DeviceKind

Function = Callable[..., Any]

CPU = 1
OPENCL = 4
POOLED = 2
"""The allocator that keeps a VM's memory between runs."""
SPIN = "2000"
"""How often an idle thread looks for work before it sleeps, about 1 ms: longer than between two
kernels. TVM's own 300,000 keep a core busy for 0.16 s after every run."""
# How TVM says that the other end hung up in the middle of a call.
_LOST = re.compile(r"code == RPCCode::|Channel closes before|SockChannel::|Pipe (read|write) error")
_NOISE = re.compile(r"^(RPCError: )?Error caught from RPC call:|^Check failed: \(.*\) is false:")
_NO_MEMORY = re.compile(r"std::bad_alloc|vector::_M_default_append|bad_array_new_length")
CONNECTION_CLOSED = "the connection was closed"
_SESSION = 128
"""Device types of RPC session N are those of the board plus N + 1 times this."""


def load_runtime() -> None:
    """Make the runtime's global functions known to ``tvm_ffi``.

    Raises:
        ToolError: TVM is not installed, or its libraries do not load.
    """
    spec = importlib.util.find_spec("tvm")
    if spec is None or spec.origin is None:
        raise ToolError("TVM is not installed: run 'pip install tvmedge' again.")
    os.environ.setdefault("TVM_THREAD_POOL_SPIN_COUNT", SPIN)
    import tvm_ffi  # noqa: F401 (loads libtvm_ffi.so, which the others need)

    # The second has sorting and random numbers.
    for name in ("libtvm_runtime.so", "libtvm_runtime_extra.so"):
        path = Path(spec.origin).parent / "lib" / name
        try:
            ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise ToolError(f"Cannot load TVM's runtime: {error}; install it again.") from error


def global_function(name: str) -> Function:
    """A function of the runtime, by its global name."""
    import tvm_ffi

    function: Function = tvm_ffi.get_global_func(name)
    return function


def device_at(kind: DeviceKind, session: Any = None) -> Any:
    """The first device of a kind, of this machine or at the other end of an RPC session."""
    import tvm_ffi

    number = CPU if kind is DeviceKind.CPU else OPENCL
    if session is not None:
        index: int = global_function("rpc.SessTableIndex")(session)
        number += _SESSION * (index + 1)
    return tvm_ffi.device(number, 0)


def error_line(error: Exception) -> str:
    """What an error of TVM's says, without the trace of where in TVM it was;
    ``CONNECTION_CLOSED`` where the other end hung up."""
    text = str(error)
    if _LOST.search(text):
        return CONNECTION_CLOSED
    if _NO_MEMORY.search(text):
        return "there is not so much memory, or the board sent a packet that is none"
    lines = (_NOISE.sub("", line).strip() for line in text.splitlines())
    return next(filter(None, lines), type(error).__name__)
