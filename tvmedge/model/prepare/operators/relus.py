"""Piecewise activations as a choice, so that types, NaN and infinities come out right.

before: ThresholdedRelu(x)   Elu(x)                          HardSigmoid(x)
after:  Where(x > a, x, 0)   Where(x < 0, a * (e^x - 1), x)  Clip(a * x + b, 0, 1)

The importer multiplies by masks, which turns infinity into NaN and NaN into 0,
and writes float32 constants beside values of other types.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, number

SELU_ALPHA = 1.67326319217681884765625
SELU_GAMMA = 1.05070102214813232421875


class Relus(NodeRewrite):
    """Elu, HardSigmoid, Selu, Shrink and ThresholdedRelu."""

    operators = frozenset({"Elu", "HardSigmoid", "Selu", "Shrink", "ThresholdedRelu"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None:
            return None
        return [_FORMS[node.op_type](tape, node, x, x.dtype)]


def _thresholded(tape: Tape, node: ir.Node, x: ir.Value, dtype: ir.DataType) -> ir.Value:
    alpha = constant(tape, number(node, "alpha", 1.0), dtype.numpy())
    above = tape.op("Greater", [x, alpha])
    return tape.op("Where", [above, x, constant(tape, 0, dtype.numpy())])


def _elu(tape: Tape, node: ir.Node, x: ir.Value, dtype: ir.DataType) -> ir.Value:
    return _exponential(tape, x, dtype, number(node, "alpha", 1.0))


def _selu(tape: Tape, node: ir.Node, x: ir.Value, dtype: ir.DataType) -> ir.Value:
    gamma = constant(tape, number(node, "gamma", SELU_GAMMA), dtype.numpy())
    elu = _exponential(tape, x, dtype, number(node, "alpha", SELU_ALPHA))
    return tape.op("Mul", [gamma, elu])


def _exponential(tape: Tape, x: ir.Value, dtype: ir.DataType, alpha: float) -> ir.Value:
    zero, one, scale = (constant(tape, c, dtype.numpy()) for c in (0, 1, alpha))
    below = tape.op("Mul", [scale, tape.op("Sub", [tape.op("Exp", [x]), one])])
    return tape.op("Where", [tape.op("Less", [x, zero]), below, x])


def _hard_sigmoid(tape: Tape, node: ir.Node, x: ir.Value, dtype: ir.DataType) -> ir.Value:
    alpha = constant(tape, number(node, "alpha", 0.2), dtype.numpy())
    beta = constant(tape, number(node, "beta", 0.5), dtype.numpy())
    line = tape.op("Add", [tape.op("Mul", [x, alpha]), beta])
    return tape.op("Clip", [line, *(constant(tape, c, dtype.numpy()) for c in (0, 1))])


def _shrink(tape: Tape, node: ir.Node, x: ir.Value, dtype: ir.DataType) -> ir.Value:
    kind = dtype if dtype.is_floating_point() else ir.DataType.FLOAT
    y = x if kind == dtype else tape.op("Cast", [x], {"to": kind.value})
    limit, bias = number(node, "lambd", 0.5), number(node, "bias", 0.0)
    low, high, shift, zero = (constant(tape, c, kind.numpy()) for c in (-limit, limit, bias, 0))
    above = tape.op("Where", [tape.op("Greater", [y, high]), tape.op("Sub", [y, shift]), zero])
    y = tape.op("Where", [tape.op("Less", [y, low]), tape.op("Add", [y, shift]), above])
    return y if kind == dtype else tape.op("Cast", [y], {"to": dtype.value})


_FORMS = {
    "Elu": _elu,
    "HardSigmoid": _hard_sigmoid,
    "Selu": _selu,
    "Shrink": _shrink,
    "ThresholdedRelu": _thresholded,
}
