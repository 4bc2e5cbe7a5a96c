"""ReduceLogSumExp that does not subtract infinity from itself.

before: ReduceLogSumExp(x, axes)
after:  m = ReduceMax(x), 0 where infinite; Add(Log(ReduceSum(Exp(Sub(x, m)))), m)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, optional


class LogSumExp(NodeRewrite):
    """Floating-point inputs; integers are cast before (``reduce_types``)."""

    operators = frozenset({"ReduceLogSumExp"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, axes = node.inputs[0], optional(node, 1)
        if x is None or x.dtype is None or not x.dtype.is_floating_point():
            return None
        attributes = {
            "keepdims": integer(node, "keepdims", 1),
            "noop_with_empty_axes": integer(node, "noop_with_empty_axes", 0),
        }
        kept = attributes | {"keepdims": 1}
        highest = tape.op("ReduceMax", [x, axes], kept)
        zero = constant(tape, 0, x.dtype.numpy())
        shift = tape.op("Where", [tape.op("IsInf", [highest]), zero, highest])
        powers = tape.op("Exp", [tape.op("Sub", [x, shift])])
        logarithm = tape.op("Log", [tape.op("ReduceSum", [powers, axes], attributes)])
        if not attributes["keepdims"]:
            shift = tape.op("ReduceMax", [shift, axes], attributes)
        return [tape.op("Add", [logarithm, shift])]
