"""TensorScatter: an update written into a cache at each sample's own place.

before: TensorScatter(past[b, ..., n, ...], update[b, ..., s, ...], write_indices[b])
after:  ScatterElements(past, write_indices + [0 .. s-1], update), modulo n where circular
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, optional, text


class TensorScatter(NodeRewrite):
    """Taken when the shapes are known."""

    operators = frozenset({"TensorScatter"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        past, update, starts = node.inputs[0], node.inputs[1], optional(node, 2)
        if past is None or update is None or past.shape is None or update.shape is None:
            return None
        if not past.shape.is_static() or not update.shape.is_static():
            return None
        shape = update.shape.numpy()
        rank = len(shape)
        axis = integer(node, "axis", -2) % rank
        steps = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(rank)])
        at = constant(tape, steps, "int64")
        if starts is not None:
            first = constant(tape, [-1, *[1] * (rank - 1)], "int64")
            at = tape.op("Add", [at, tape.op("Reshape", [starts, first])])
        if text(node, "mode", "linear") == "circular":
            at = tape.op("Mod", [at, constant(tape, past.shape.numpy()[axis], "int64")])
        full = tape.op("Expand", [at, constant(tape, shape, "int64")])
        return [tape.op("ScatterElements", [past, full, update], {"axis": axis})]
