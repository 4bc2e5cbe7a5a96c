"""Compute what loses too much in float16 or bfloat16 in float32.

before: Softmax(x)                              x: float16
after:  Cast(Softmax(Cast(x, float32)), float16)

These are sums over many terms, and functions that TVM has for float32 only; some
that it has for float16 but not for bfloat16. Convolutions and products keep their
operands narrow: converters sum them in float32 (``converters/conv.py``, ``matmul.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite

_HALF = {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}
_ROUNDING = "tvmedge.rounding"
_SUMS = frozenset(
    f"Reduce{kind}"
    for kind in ("L1", "L2", "LogSum", "LogSumExp", "Mean", "Prod", "Sum", "SumSquare")
)
_NORMALIZATIONS = frozenset(
    f"{kind}Normalization" for kind in ("Group", "Instance", "Layer", "Lp", "MeanVariance", "RMS")
)
_TRIGONOMETRY = frozenset(
    {"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh", "Tan"}
)
_IMPRECISE = (
    _SUMS
    | _NORMALIZATIONS
    | _TRIGONOMETRY
    | {"AveragePool", "GlobalAveragePool"}
    | {"CumSum", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "Hardmax", "LRN"}
    | {"Attention", "CausalConvWithState", "Celu", "LinearAttention"}
    | {"LogSoftmax", "Mish", "Selu", "Softmax", "Softplus", "ThresholdedRelu"}
)
_NO_BFLOAT16 = frozenset(
    {"ArgMax", "ArgMin", "BatchNormalization", "GridSample", "IsInf", "IsNaN", "LpPool"}
    | {"Max", "MaxPool", "Min", "Mod", "PRelu", "Pow", "Sign"}
)


class HalfPrecision(NodeRewrite):
    """The operator's inputs of half precision are cast, and such outputs back."""

    operators = _IMPRECISE | _NO_BFLOAT16

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        kinds = _HALF & {value.dtype for value in node.inputs if value is not None}
        if not kinds or (node.op_type in _NO_BFLOAT16 and ir.DataType.BFLOAT16 not in kinds):
            return None
        if any(value.dtype is None and value.uses() for value in node.outputs):
            return None  # until its type is inferred
        return in_single(tape, node)


def in_single(tape: Tape, node: ir.Node) -> Sequence[ir.Value]:
    """The same operator between casts."""
    single = int(ir.DataType.FLOAT)
    halves = [value is not None and value.dtype in _HALF for value in node.inputs]
    kind = next(v.dtype for v, half in zip(node.inputs, halves, strict=True) if v and half)
    inputs = [
        tape.op("Cast", [value], {"to": single}) if half else value
        for value, half in zip(node.inputs, halves, strict=True)
    ]
    outputs = tape.op_multi_out(
        node.op_type, inputs, num_outputs=len(node.outputs), attributes=node.attributes
    )
    return [
        _rounded(tape, value, old.dtype or kind) if old.dtype in {*_HALF, None} else value
        for value, old in zip(outputs, node.outputs, strict=True)
    ]


def _rounded(tape: Tape, value: ir.Value, kind: ir.DataType | None) -> ir.Value:
    assert kind is not None
    result = tape.op("Cast", [value], {"to": int(kind)})
    tape.nodes[-1].meta[_ROUNDING] = True
    return result


def is_rounding(node: ir.Node) -> bool:
    """Whether ``node`` is a cast back to half precision that was made here."""
    return bool(node.meta.get(_ROUNDING))
