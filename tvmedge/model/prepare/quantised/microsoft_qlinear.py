"""onnxruntime's QLinear operators between DequantizeLinear and QuantizeLinear.

before: com.microsoft.QLinearAdd(a, as, az, b, bs, bz, ys, yz)
after:  QuantizeLinear(Add(DequantizeLinear(a, as, az), DequantizeLinear(b, bs, bz)), ys, yz)

The same for the others below, whose ONNX namesakes compute on real numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.q_common import dequantized, quantized
from tvmedge.model.prepare.rewrite import MICROSOFT, NodeRewrite, constant, integer, optional

# Each with the inputs that are quantised, as the positions of their data.
PLAIN = {
    "QLinearAdd": (0, 3),
    "QLinearMul": (0, 3),
    "QLinearSigmoid": (0,),
    "QLinearLeakyRelu": (0,),
    "QLinearSoftmax": (0,),
    "QLinearReduceMean": (0,),
    "QLinearWhere": (1, 4),
    "QLinearAveragePool": (0,),
    "QLinearGlobalAveragePool": (0,),
}
OWN = ("channels_last", "opset", "axes")


class MicrosoftQLinear(NodeRewrite):
    """Scales and zero points are of whole tensors, as these operators require."""

    operators = frozenset({*PLAIN, "QLinearConcat"})
    domain = MICROSOFT

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        if node.op_type == "QLinearConcat":
            places, results = tuple(range(2, len(node.inputs), 3)), (0, 1)
        else:
            places = PLAIN[node.op_type]
            results = (places[-1] + 3, places[-1] + 4)
        reals, kind = [], None
        for place in places:
            x, scale, zero = (optional(node, place + n) for n in range(3))
            real = None if x is None or scale is None else dequantized(tape, x, scale, zero)
            if real is None or x is None:
                return None
            kind = kind or (x if zero is None else zero).dtype
            reals.append(real)
        scale, zero = (optional(node, place) for place in results)
        first = optional(node, places[0])
        if scale is None or first is None or (zero is None and kind is None):
            return None
        real = _compute(tape, node, reals, first.shape)
        return None if real is None else [quantized(tape, real, scale, zero, kind)]


def _compute(
    tape: Tape, node: ir.Node, reals: list[ir.Value], shape: ir.Shape | None
) -> ir.Value | None:
    op = node.op_type.removeprefix("QLinear")
    kept = {name: value for name, value in node.attributes.items() if name not in OWN}
    match op:
        case "Where":
            return tape.op(op, [node.inputs[0], *reals])
        case "ReduceMean" if "axes" in node.attributes:
            axes = constant(tape, node.attributes["axes"].as_ints(), "int64")
            return tape.op(op, [*reals, axes], kept)
        case "Softmax" if integer(node, "opset", 13) < 13:
            return _flat_softmax(tape, reals[0], integer(node, "axis", 1), shape)
        case "Softmax":
            return tape.op(op, reals, {"axis": integer(node, "axis", -1)})
        case "AveragePool" | "GlobalAveragePool" if integer(node, "channels_last", 0):
            return _channels_last(tape, op, reals[0], kept, shape)
    return tape.op(op, reals, kept)


def _channels_last(
    tape: Tape, op: str, x: ir.Value, kept: Mapping[str, ir.Attr], shape: ir.Shape | None
) -> ir.Value | None:
    if shape is None:
        return None
    rank = len(shape)
    first = tape.op("Transpose", [x], {"perm": [0, rank - 1, *range(1, rank - 1)]})
    pooled = tape.op(op, [first], dict(kept))
    return tape.op("Transpose", [pooled], {"perm": [0, *range(2, rank), 1]})


def _flat_softmax(tape: Tape, x: ir.Value, axis: int, shape: ir.Shape | None) -> ir.Value | None:
    """Softmax before opset 13: over all the dimensions from ``axis`` on."""
    if shape is None or not shape.is_static():
        return None
    flat = tape.op("Flatten", [x], {"axis": axis})
    back = constant(tape, [int(dim) for dim in shape.numpy()], "int64")
    return tape.op("Reshape", [tape.op("Softmax", [flat], {"axis": -1}), back])
