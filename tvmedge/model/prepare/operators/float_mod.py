"""Mod of floating-point numbers with the sign of the divisor.

before: Mod(x, y)
after:  r = Mod(x, y, fmod=1); r + y where r and y differ in sign, y * 0 where r is 0

The importer computes x - floor(x / y) * y, which is NaN for an infinite y.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer


class FloatMod(NodeRewrite):
    """Only fmod=0 of floating-point types."""

    operators = frozenset({"Mod"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, y = node.inputs
        if x is None or x.dtype is None or not x.dtype.is_floating_point():
            return None
        if integer(node, "fmod", 0):
            return None
        zero, one, minus = (constant(tape, c, x.dtype.numpy()) for c in (0, 1, -1))
        rest = tape.op("Mod", [x, y], {"fmod": 1})
        negative = tape.op("Less", [y, zero])
        wrong = tape.op("Xor", [tape.op("Less", [rest, zero]), negative])
        fixed = tape.op("Where", [wrong, tape.op("Add", [rest, y]), rest])
        sign = tape.op("Where", [negative, minus, one])
        signed_zero = tape.op("Mul", [zero, sign])
        return [tape.op("Where", [tape.op("Equal", [rest, zero]), signed_zero, fixed])]
