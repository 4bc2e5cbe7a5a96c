"""BitShift by any amount, as ONNX has defined it.

before: BitShift(x, n)
after:  Where(0 <= n < width, BitShift(x, Clip(n, 0, width - 1)), what the sign leaves)

Processors take the amount modulo the width; ONNX shifts everything out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, text


class BitShift(NodeRewrite):
    """Shifts by constants within the width stay, and so does what it made itself."""

    operators = frozenset({"BitShift"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, by = node.inputs
        if x is None or by is None or x.dtype is None:
            return None
        dtype = x.dtype.numpy()
        width = dtype.itemsize * 8
        known, maker = const(by), by.producer()
        if known is not None and all(0 <= n < width for n in known.ravel().tolist()):
            return None
        if maker is not None and maker.op_type == "Clip":
            return None
        zero, last = constant(tape, 0, dtype), constant(tape, width - 1, dtype)
        safe = tape.op("Clip", [by, zero, last])
        direction = text(node, "direction", "LEFT")
        shifted = tape.op("BitShift", [x, safe], {"direction": direction})
        rest = zero
        if direction == "RIGHT" and np.issubdtype(dtype, np.signedinteger):
            negative = tape.op("Less", [x, zero])
            rest = tape.op("Where", [negative, constant(tape, -1, dtype), zero])
        return [tape.op("Where", [tape.op("Equal", [by, safe]), shifted, rest])]
