"""Where of a constant condition that always says the same.

before: Where([False, False], a, b)
after:  b
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant


class ConstantWhere(NodeRewrite):
    """The other input may still widen the result's shape, which must be known then."""

    operators = frozenset({"Where"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        condition, shape = const(node.inputs[0]), node.outputs[0].shape
        if condition is None or not condition.size or condition.all() != condition.any():
            return None
        picked = node.inputs[1 if condition.all() else 2]
        if picked is None or picked.shape is None or shape is None:
            return None
        if picked.shape == shape:
            return [tape.op("Identity", [picked])]
        if not shape.is_static():
            return None
        return [tape.op("Expand", [picked, constant(tape, shape.numpy(), "int64")])]
