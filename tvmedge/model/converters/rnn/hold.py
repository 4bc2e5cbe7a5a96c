"""An intermediate value of a kernel.

TVM's simplifier writes every binding's value into each of its uses, which
doubles the expression with each step of a chain: a cell would never be done.
It does not look through memory, and LLVM keeps such memory in a register.
"""

from __future__ import annotations

from typing import Any

from tvm import tirx
from tvm.tirx.script import builder as T


def hold(value: Any) -> Any:
    """``value``, computed here and once; emits into the current frame."""
    place = T.alloc_buffer((1,), str(value.ty.dtype))
    T.buffer_store(place, value, [0])
    return place[0]


NEGLIGIBLE = 2.0**-80
"""What a state may be and count as nothing: times a weight, less could be subnormal, for which
x86 takes a hundred times as long (oskut-ws-augment-60p 24 ms, without such states 6.5)."""


def settled(state: Any) -> Any:
    """``state``, held; 0 where it is negligible. NaN stays NaN."""
    state = hold(state)
    zero, least = (tirx.const(value, str(state.ty.dtype)) for value in (0.0, NEGLIGIBLE))
    return hold(tirx.Select(tirx.abs(state) < least, zero, state))
