"""Compute what loses too much in float16 or bfloat16 in float32.

before: Softmax(x)                              x: float16
after:  Cast(Softmax(Cast(x, float32)), float16)

These are sums over many terms, and functions that TVM has for float32 only.
Convolutions and products keep their operands narrow: converters sum them in
float32 (``converters/conv.py``, ``matmul.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite

_HALF = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
_SUMS = frozenset(
    f"Reduce{kind}"
    for kind in ("L1", "L2", "LogSum", "LogSumExp", "Mean", "Prod", "Sum", "SumSquare")
)
_NORMALIZATIONS = frozenset(
    f"{kind}Normalization" for kind in ("Group", "Instance", "Layer", "Lp", "MeanVariance", "RMS")
)


class HalfPrecision(NodeRewrite):
    """The operator's inputs of half precision are cast, and its outputs back."""

    operators = (
        _SUMS
        | _NORMALIZATIONS
        | {"CumSum", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "Hardmax", "LRN"}
        | {"Attention", "CausalConvWithState", "Celu", "LinearAttention"}
        | {"LogSoftmax", "Mish", "Selu", "Softmax", "Softplus", "ThresholdedRelu"}
    )

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        if x is None or x.dtype not in _HALF:
            return None
        single = int(ir.DataType.FLOAT)
        inputs = [
            tape.op("Cast", [value], {"to": single})
            if value is not None and value.dtype in _HALF
            else value
            for value in node.inputs
        ]
        outputs = tape.op_multi_out(
            node.op_type, inputs, num_outputs=len(node.outputs), attributes=node.attributes
        )
        return [tape.op("Cast", [value], {"to": int(x.dtype)}) for value in outputs]
