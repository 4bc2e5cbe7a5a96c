"""Softplus that neither overflows nor takes the logarithm of nearly 1.

before: Softplus(x) = log(1 + e^x)
after:  u = e^-|x|;  z = u / (u + 2);  max(x, 0) + 2z (1 + z^2/3 + z^4/5 + ...)

The series is log(1 + u) = 2 atanh(z); z is at most a third. Compensating what
1 + u rounds away is no way out: TVM simplifies u - ((1 + u) - 1) to 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant

# How many terms reach the last digit; smaller types are widened (``half_precision``).
_TERMS = {ir.DataType.FLOAT: 8, ir.DataType.DOUBLE: 17}


class Softplus(NodeRewrite):
    """In float32 and double."""

    operators = frozenset({"Softplus"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype not in _TERMS:
            return None
        kind = x.dtype.numpy()
        zero, two = (constant(tape, c, kind) for c in (0, 2))
        u = tape.op("Exp", [tape.op("Neg", [tape.op("Abs", [x])])])
        z = tape.op("Div", [u, tape.op("Add", [u, two])])
        square = tape.op("Mul", [z, z])
        *lower, series = [constant(tape, 2 / (2 * k + 1), kind) for k in range(_TERMS[x.dtype])]
        for coefficient in reversed(lower):
            series = tape.op("Add", [tape.op("Mul", [series, square]), coefficient])
        logarithm = tape.op("Mul", [z, series])
        return [tape.op("Add", [tape.op("Max", [x, zero]), logarithm])]
