"""An intermediate value of a kernel.

TVM's simplifier writes every binding's value into each of its uses, which
doubles the expression with each step of a chain: a cell would never be done.
It does not look through memory, and LLVM keeps such memory in a register.
"""

from __future__ import annotations

from typing import Any

from tvm.tirx.script import builder as T


def hold(value: Any) -> Any:
    """``value``, computed here and once; emits into the current frame."""
    place = T.alloc_buffer((1,), str(value.ty.dtype))
    T.buffer_store(place, value, [0])
    return place[0]
