"""Pow between any types, by what the importer computes rightly: Pow of one float type.

before: Pow(x, 2)                    after: Mul(x, x)
before: Pow(float x, int n)          after: Pow(x, Cast(n))
before: Pow(int x, float n)          after: Cast(Pow(Cast(x, double), Cast(n, double)))
before: Pow(int x, int n)            after: products of x, x^2, x^4, ... chosen by n's bits

An integer to a negative integer is 0, except for 1 and -1.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant

EXPONENT_BITS = 6  # 2**64 and more is out of every integer type


class Pow(NodeRewrite):
    """The result has the base's type, as ONNX says."""

    operators = frozenset({"Pow"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        base, exponent = node.inputs
        if base is None or exponent is None or base.dtype is None or exponent.dtype is None:
            return None
        known = const(exponent)
        if known is not None and known.size == 1 and known.ndim == 0 and known.item() in (2, 3):
            square = tape.op("Mul", [base, base])
            return [square if known.item() == 2 else tape.op("Mul", [square, base])]
        if base.dtype.is_floating_point():
            if exponent.dtype == base.dtype:
                return None
            cast = tape.op("Cast", [exponent], {"to": base.dtype.value})
            return [tape.op("Pow", [base, cast])]
        if exponent.dtype.is_floating_point():
            double = {"to": ir.DataType.DOUBLE.value}
            x, n = (tape.op("Cast", [v], double) for v in (base, exponent))
            return [tape.op("Cast", [tape.op("Pow", [x, n])], {"to": base.dtype.value})]
        return [_integer(tape, base, exponent, base.dtype)]


def _integer(tape: Tape, base: ir.Value, exponent: ir.Value, dtype: ir.DataType) -> ir.Value:
    n = tape.op("Cast", [exponent], {"to": ir.DataType.INT64.value})
    zero, one, two = (constant(tape, k, "int64") for k in (0, 1, 2))
    unit = constant(tape, 1, dtype.numpy())
    odd = tape.op("Equal", [tape.op("Mod", [n, two]), one])
    # Beyond 63 only 0, 1 and -1 stay in range, and only the parity matters.
    rest = tape.op(
        "Min",
        [n, tape.op("Where", [odd, constant(tape, 63, "int64"), constant(tape, 62, "int64")])],
    )
    result, power = unit, base
    for _ in range(EXPONENT_BITS):
        bit = tape.op("Equal", [tape.op("Mod", [rest, two]), one])
        result = tape.op("Mul", [result, tape.op("Where", [bit, power, unit])])
        power = tape.op("Mul", [power, power])
        rest = tape.op("Div", [rest, two])
    if not exponent.dtype or not exponent.dtype.is_signed():
        return result
    inverse = tape.op(
        "Where", [tape.op("Equal", [base, unit]), unit, constant(tape, 0, dtype.numpy())]
    )
    if dtype.is_signed():
        minus = constant(tape, -1, dtype.numpy())
        sign = tape.op("Where", [odd, minus, unit])
        inverse = tape.op("Where", [tape.op("Equal", [base, minus]), sign, inverse])
    return tape.op("Where", [tape.op("Less", [n, zero]), inverse, result])
