"""TopK of types that TVM's sort does not know.

before: TopK(uint64 x)
after:  TopK(BitCast(x) with its highest bit turned, as int64), and back
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer

HIGHEST = 1 << 63
_WIDER = {
    ir.DataType.UINT32: ir.DataType.INT64,
    ir.DataType.UINT16: ir.DataType.INT32,
    ir.DataType.INT16: ir.DataType.INT32,
    ir.DataType.BFLOAT16: ir.DataType.FLOAT,
}


class TopKTypes(NodeRewrite):
    """Order is kept: by a wider type, or for uint64 by moving 0 to the lowest int64."""

    operators = frozenset({"TopK"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, count = node.inputs
        if x is None or x.dtype is None or len(node.outputs) != 2:
            return None
        attributes = {name: integer(node, name, d) for name, d in (("axis", -1), ("largest", 1))}
        if x.dtype in _WIDER:
            wide = tape.op("Cast", [x], {"to": _WIDER[x.dtype].value})
            values, indices = tape.op_multi_out("TopK", [wide, count], attributes, num_outputs=2)
            return [tape.op("Cast", [values], {"to": x.dtype.value}), indices]
        if x.dtype != ir.DataType.UINT64:
            return None
        highest = constant(tape, HIGHEST, np.uint64)
        signed = tape.op("Cast", [tape.op("BitwiseXor", [x, highest])], {"to": 7})
        values, indices = tape.op_multi_out("TopK", [signed, count], attributes, num_outputs=2)
        bits = tape.op("Cast", [values], {"to": x.dtype.value})
        return [tape.op("BitwiseXor", [bits, highest]), indices]
