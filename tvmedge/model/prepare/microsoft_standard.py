"""onnxruntime's own QuantizeLinear and DequantizeLinear are ONNX's by now.

before: com.microsoft.DequantizeLinear(x, scale, zero)    16-bit types before opset 21
after:  DequantizeLinear(x, scale, zero)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import MICROSOFT, NodeRewrite


class MicrosoftStandard(NodeRewrite):
    """Same inputs, attributes and meaning."""

    operators = frozenset({"QuantizeLinear", "DequantizeLinear"})
    domain = MICROSOFT

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        return [tape.op(node.op_type, node.inputs, dict(node.attributes))]
