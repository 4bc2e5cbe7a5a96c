"""Reductions of types that the importer's kernels do not take.

before: ReduceMax(bool x)                       ReduceL2(int x), ReduceMean(int x), ...
after:  Cast(ReduceMax(Cast(x, uint8)), bool)   Cast(ReduceL2(Cast(x, double)), int)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, integer

_FRACTIONS = frozenset({"ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean"})


class ReduceTypes(NodeRewrite):
    """Extremes of bool, and integers where the way to the result is a fraction."""

    operators = frozenset({"ReduceMax", "ReduceMin", *_FRACTIONS})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        if x is None or x.dtype is None:
            return None
        if node.op_type in _FRACTIONS:
            if x.dtype.is_floating_point():
                return None
            kind = ir.DataType.DOUBLE
        elif x.dtype == ir.DataType.BOOL:
            kind = ir.DataType.UINT8
        else:
            return None
        wide = tape.op("Cast", [x], {"to": kind.value})
        names = ("keepdims", "noop_with_empty_axes")
        attributes = {name: integer(node, name, 1 - i) for i, name in enumerate(names)}
        reduced = tape.op(node.op_type, [wide, *node.inputs[1:]], attributes)
        return [tape.op("Cast", [reduced], {"to": x.dtype.value})]
