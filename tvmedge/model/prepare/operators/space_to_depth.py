"""SpaceToDepth in CRD order: blocks are counted inside each channel.

before: SpaceToDepth(x[n, c, h*b, w*b], mode=CRD)
after:  Reshape(Transpose(Reshape(x, [n, c, h, b, w, b])), [n, c*b*b, h, w])
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, text


class SpaceToDepth(NodeRewrite):
    """DCR order is the importer's."""

    operators = frozenset({"SpaceToDepth"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if text(node, "mode", "DCR") != "CRD" or x is None or x.shape is None:
            return None
        channels, *sides = x.shape[1:]
        if not isinstance(channels, int) or not all(isinstance(side, int) for side in sides):
            return None
        block = integer(node, "blocksize", 1)
        height, width = (int(side) // block for side in sides)  # type: ignore[arg-type]
        split = constant(tape, [-1, channels, height, block, width, block], "int64")
        joined = constant(tape, [-1, channels * block * block, height, width], "int64")
        blocks = tape.op("Reshape", [x, split])
        ordered = tape.op("Transpose", [blocks], {"perm": [0, 1, 3, 5, 2, 4]})
        return [tape.op("Reshape", [ordered, joined])]
