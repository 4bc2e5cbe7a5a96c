"""DynamicQuantizeLinear by its definition, and defined for zeros.

before: DynamicQuantizeLinear(x)
after:  scale = (max(x, 0) - min(x, 0)) / 255, or 1 where that is 0
        zero  = QuantizeLinear(-min(x, 0), scale)
        y     = QuantizeLinear(x, scale, zero)

The operator's own formula divides 0 by 0 where all of x is 0; scale 1 is what
onnxruntime takes there. QuantizeLinear clips and rounds as the zero point must.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant


class DynamicQuantizeLinear(NodeRewrite):
    """To uint8, the only type it has."""

    operators = frozenset({"DynamicQuantizeLinear"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        return None if x is None else dynamic(tape, x)


def dynamic(tape: Tape, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """x quantised to uint8, its scale, its zero point."""
    nothing = constant(tape, 0, "float32")
    low = tape.op("Min", [tape.op("ReduceMin", [x], {"keepdims": 0}), nothing])
    high = tape.op("Max", [tape.op("ReduceMax", [x], {"keepdims": 0}), nothing])
    span = tape.op("Div", [tape.op("Sub", [high, low]), constant(tape, 255, "float32")])
    flat = tape.op("Equal", [span, nothing])
    scale = tape.op("Where", [flat, constant(tape, 1, "float32"), span])
    down = tape.op("Sub", [nothing, low])
    zero = tape.op("QuantizeLinear", [down, scale, constant(tape, 0, "uint8")])
    y = tape.op("QuantizeLinear", [x, scale, zero])
    for value, dtype in ((y, "UINT8"), (scale, "FLOAT"), (zero, "UINT8")):
        value.dtype = ir.DataType[dtype]
    scale.shape = zero.shape = ir.Shape([])
    y.shape = x.shape
    return y, scale, zero
