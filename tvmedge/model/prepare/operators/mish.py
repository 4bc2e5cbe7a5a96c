"""Mish without a logarithm of nearly 1.

before: Mish(x) = x * tanh(log(1 + e^x))
after:  w = e^x * (e^x + 2);  x * w / (w + 2)

Both are the same function; the first loses all digits where e^x is small.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant

FLAT = 20  # beyond it, w / (w + 2) is 1 in float32 and double alike


class Mish(NodeRewrite):
    """Computed in float32 where the type is smaller."""

    operators = frozenset({"Mish"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None:
            return None
        kind = x.dtype if x.dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT
        wide = x if kind == x.dtype else tape.op("Cast", [x], {"to": kind.value})
        two, flat = (constant(tape, c, kind.numpy()) for c in (2, FLAT))
        e = tape.op("Exp", [tape.op("Min", [wide, flat])])
        w = tape.op("Mul", [e, tape.op("Add", [e, two])])
        y = tape.op("Mul", [wide, tape.op("Div", [w, tape.op("Add", [w, two])])])
        return [y if kind == x.dtype else tape.op("Cast", [y], {"to": x.dtype.value})]
