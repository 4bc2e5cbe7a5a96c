"""QuantizeLinear and DequantizeLinear of other float types, through float32.

before: DequantizeLinear(x, scale as float16, zero)
after:  Cast(DequantizeLinear(x, Cast(scale, float32), zero), float16)

before: QuantizeLinear(x as float16, scale as float16, zero)
after:  QuantizeLinear(Cast(x, float32), Cast(scale, float32), zero)
        from opset 23, whose text has the division in the scale's type:
        QuantizeLinear(Cast(Div(x, scale), float32), 1, zero)

TVM adds the zero point in float16, which has no room for it beside 16-bit
integers, and clips a float16 result that should be infinite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.q_common import FLOAT, as_float, dims
from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, optional

DIVISION_TYPED = 23


class DequantizePrecision(NodeRewrite):
    """The result has the scale's type, or the one asked for."""

    operators = frozenset({"DequantizeLinear"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, scale = node.inputs[:2]
        if x is None or scale is None or scale.dtype is None:
            return None
        kind = ir.DataType(integer(node, "output_dtype", 0) or int(scale.dtype))
        if kind == scale.dtype == ir.DataType.FLOAT:
            return None
        inputs = [x, as_float(tape, scale), *node.inputs[2:]]
        kept = {k: v for k, v in node.attributes.items() if k != "output_dtype"}
        real = tape.op("DequantizeLinear", inputs, kept)
        if kind == ir.DataType.FLOAT:
            return [real]
        return [tape.op("Cast", [real], {"to": int(kind)})]


class QuantizePrecision(NodeRewrite):
    """x of any type that the operator takes."""

    operators = frozenset({"QuantizeLinear"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, scale = node.inputs[:2]
        if x is None or scale is None or x.dtype is None or scale.dtype is None:
            return None
        asked = integer(node, "precision", 0)
        if x.dtype == scale.dtype == ir.DataType.FLOAT and not asked:
            return None
        precision = asked or (int(scale.dtype) if _opset(node) >= DIVISION_TYPED else FLOAT)
        kept = {k: v for k, v in node.attributes.items() if k != "precision"}
        zero = optional(node, 2)
        if precision == FLOAT:
            pair: tuple[ir.Value, ir.Value] | None = (as_float(tape, x), as_float(tape, scale))
        else:
            pair = _divided(tape, x, scale, precision, integer(node, "axis", 1))
        return pair and [tape.op("QuantizeLinear", [*pair, zero], kept)]


def _divided(
    tape: Tape, x: ir.Value, scale: ir.Value, precision: int, axis: int
) -> tuple[ir.Value, ir.Value] | None:
    """x / scale in ``precision``, and scale 1 in place of the scale."""
    shape = dims(scale)
    if shape is None or x.shape is None or len(shape) > 1:
        return None
    divisor = scale
    if shape and shape != (1,):
        after = len(x.shape) - 1 - (axis % len(x.shape))
        divisor = tape.op("Reshape", [scale, constant(tape, [*shape, *[1] * after], "int64")])
    operands = [tape.op("Cast", [value], {"to": precision}) for value in (x, divisor)]
    quotient = tape.op("Cast", [tape.op("Div", operands)], {"to": FLOAT})
    return quotient, constant(tape, np.ones(shape), "float32")


def _opset(node: ir.Node) -> int:
    graph = node.graph
    return 0 if graph is None else graph.opset_imports.get("", 0)
