"""ReverseSequence as a gather with computed positions.

before: ReverseSequence(x[time, batch, ...], lengths)
after:  GatherElements(x, Where(t < length, length - 1 - t, t))
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer


class ReverseSequence(NodeRewrite):
    """Taken when the shape is known."""

    operators = frozenset({"ReverseSequence"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, lengths = node.inputs
        if x is None or lengths is None or x.shape is None or not x.shape.is_static():
            return None
        shape = x.shape.numpy()
        time, batch = integer(node, "time_axis", 0), integer(node, "batch_axis", 1)
        steps = constant(tape, _along(np.arange(shape[time]), time), "int64")
        by_batch = constant(tape, [-1 if axis == batch else 1 for axis in (0, 1)], "int64")
        length = tape.op("Reshape", [lengths, by_batch])
        last = tape.op("Sub", [length, constant(tape, 1, "int64")])
        mirrored = tape.op("Sub", [last, steps])
        inside = tape.op("Less", [steps, length])
        positions = tape.op("Where", [inside, mirrored, steps])
        flat = constant(tape, [*shape[:2], *[1] * (len(shape) - 2)], "int64")
        full = tape.op(
            "Expand", [tape.op("Reshape", [positions, flat]), constant(tape, shape, "int64")]
        )
        return [tape.op("GatherElements", [x, full], {"axis": time})]


def _along(values: np.ndarray, axis: int) -> np.ndarray:
    return values.reshape([-1 if i == axis else 1 for i in (0, 1)])
