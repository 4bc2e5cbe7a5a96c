"""OpenCL C as it is shipped: each kernel's source alone.

before: __kernel void other(...);  (of every kernel in the module)   __kernel void mine(...) {...}
after:  __kernel void mine(...) {...}

TVM 0.27 declares all kernels before each: half a megabyte for densenet121's three hundred.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import tvm_ffi

_HOOK = "tvm_callback_opencl_postproc"
_DECLARATION = re.compile(r"^__kernel [^{;]*;\n", re.MULTILINE)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """While this is entered, TVM's code generator writes each kernel alone."""

    def without_declarations(source: str, target: Any) -> str:
        return _DECLARATION.sub("", source)

    tvm_ffi.register_global_func(_HOOK, without_declarations, override=True)
    try:
        yield
    finally:
        tvm_ffi.registry.remove_global_func(_HOOK)
