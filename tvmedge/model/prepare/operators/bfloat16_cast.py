"""Casts to and from bfloat16.

before: Cast(x: float32, to=bfloat16)
after:  Cast(Where(IsNaN(x), NaN, x), to=bfloat16)

TVM rounds by adding to the bits of x, and a NaN whose low bits are set (CUDA
makes such: 0x7fffffff) is carried over into -0.

before: Cast(x: bfloat16, to=int8)
after:  Cast(Cast(x, to=float32), to=int8)

TVM has no test for infinities of bfloat16, which the cast to integers needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer

_WIDER = (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)
_INTEGERS = frozenset(kind for kind in ir.DataType if kind.is_integer())


class BFloat16Cast(NodeRewrite):
    """From wider floating-point types, and to integers."""

    operators = frozenset({"Cast"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        to = integer(node, "to", 0)
        if x is not None and x.dtype == ir.DataType.BFLOAT16 and to in _INTEGERS:
            exact = tape.op("Cast", [x], {"to": int(ir.DataType.FLOAT)})
            return [tape.op("Cast", [exact], {"to": to})]
        if to != ir.DataType.BFLOAT16 or x is None or x.dtype not in _WIDER or _is_guarded(x):
            return None
        nan = constant(tape, np.nan, x.dtype.numpy())
        plain = tape.op("Where", [tape.op("IsNaN", [x]), nan, x])
        return [tape.op("Cast", [plain], {"to": int(ir.DataType.BFLOAT16)})]


def _is_guarded(x: ir.Value) -> bool:
    """Whether ``x`` was rewritten before."""
    where = x.producer()
    if where is None or where.op_type != "Where" or where.inputs[0] is None:
        return False
    condition = where.inputs[0].producer()
    return (
        condition is not None
        and condition.op_type == "IsNaN"
        and condition.inputs[0] is where.inputs[2]
    )
