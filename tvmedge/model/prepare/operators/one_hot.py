"""OneHot by comparison with every class.

before: OneHot(indices, depth, [off, on], axis)
after:  Where(Equal(Unsqueeze(indices, axis), [0, 1, ..., depth - 1]), on, off)

A negative index counts from the end; one out of range is off everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer


class OneHot(NodeRewrite):
    """Taken when the depth is a constant: the result's shape depends on it."""

    operators = frozenset({"OneHot"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        indices, depth, values = node.inputs
        classes = const(depth)
        if classes is None or indices is None or indices.shape is None or values is None:
            return None
        count = int(classes.item())
        rank = len(indices.shape) + 1
        axis = integer(node, "axis", -1) % rank
        index = tape.op("Cast", [indices], {"to": ir.DataType.INT64.value})
        negative = tape.op("Less", [index, constant(tape, 0, "int64")])
        wrapped = tape.op("Add", [index, constant(tape, count, "int64")])
        index = tape.op("Where", [negative, wrapped, index])
        index = tape.op("Unsqueeze", [index, constant(tape, [axis], "int64")])
        table = np.arange(count).reshape([-1 if i == axis else 1 for i in range(rank)])
        hit = tape.op("Equal", [index, constant(tape, table, "int64")])
        off, on = (tape.op("Gather", [values, constant(tape, i, "int64")]) for i in (0, 1))
        return [tape.op("Where", [hit, on, off])]
