"""LpNormalization by its definition.

before: LpNormalization(x, p=2, axis=-1)
after:  Div(x, ReduceL2(x, [-1], keepdims=1)), and 0 where the norm is 0
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer


class LpNormalization(NodeRewrite):
    """p is 1 or 2, as the operator allows."""

    operators = frozenset({"LpNormalization"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None:
            return None
        axes = constant(tape, [integer(node, "axis", -1)], "int64")
        norm = tape.op("ReduceL1" if integer(node, "p", 2) == 1 else "ReduceL2", [x, axes])
        zero = constant(tape, 0, x.dtype.numpy())
        is_zero = tape.op("Equal", [norm, zero])
        return [tape.op("Where", [is_zero, zero, tape.op("Div", [x, norm])])]
