"""onnxruntime's own QuantizeLinear and DequantizeLinear are ONNX's by now.

before: com.microsoft.DequantizeLinear(x, scale, zero)    16-bit types before opset 21
after:  DequantizeLinear(x, scale, zero)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import MICROSOFT, NodeRewrite, optional


class MicrosoftStandard(NodeRewrite):
    """Same inputs, attributes and meaning."""

    operators = frozenset({"QuantizeLinear", "DequantizeLinear"})
    domain = MICROSOFT

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        result = tape.op(node.op_type, node.inputs, dict(node.attributes))
        # Inference does not know the 16-bit types at old opsets.
        real = node.op_type == "DequantizeLinear"
        kind = node.inputs[1] if real else optional(node, 2)
        if kind is not None and kind.dtype is not None:
            result.dtype = kind.dtype
        result.shape = None if node.inputs[0] is None else node.inputs[0].shape
        return [result]
