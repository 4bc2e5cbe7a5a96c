"""Pad with a value that is not a constant.

before: Pad(x, pads, value)
after:  Where(inside, Pad(x, pads), value)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, optional, text


class PadValue(NodeRewrite):
    """Taken when the pads and the padded extents are known."""

    operators = frozenset({"Pad"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, value = optional(node, 0), optional(node, 2)
        pads, axes = const(optional(node, 1)), const(optional(node, 3))
        if (
            value is None
            or const(value) is not None
            or text(node, "mode", "constant") != "constant"
        ):
            return None
        if x is None or x.shape is None or pads is None:
            return None
        rank = len(x.shape)
        if optional(node, 3) is None:
            axes = np.arange(rank)
        if axes is None:
            return None
        inside = np.ones([1] * rank, np.bool_)
        before, after = np.split(pads.astype(np.int64), 2)
        for axis, first, last in zip(axes.tolist(), before, after, strict=True):
            extent = x.shape[axis]
            if not first and not last:
                continue
            if not isinstance(extent, int):
                return None
            line = np.pad(
                np.ones(extent - max(0, -first) - max(0, -last), np.bool_),
                (max(0, first), max(0, last)),
            )
            inside = inside & line.reshape([-1 if i == axis % rank else 1 for i in range(rank)])
        padded = tape.op("Pad", [x, node.inputs[1], None, optional(node, 3)])
        scalar = tape.op("Reshape", [value, constant(tape, [], "int64")])
        return [tape.op("Where", [constant(tape, inside), padded, scalar])]
