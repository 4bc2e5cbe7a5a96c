"""LRN as a sum over neighbouring channels, for every rank, type and window.

before: LRN(x, size=3)
after:  x / (bias + alpha / 3 * (s[c-1] + s[c] + s[c+1])) ^ beta, where s = Pad(x * x)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, number


class Lrn(NodeRewrite):
    """Taken when the number of channels is known."""

    operators = frozenset({"LRN"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None or x.shape is None or not isinstance(x.shape[1], int):
            return None
        size, channels, rank = integer(node, "size", 1), x.shape[1], len(x.shape)
        before, dtype = (size - 1) // 2, x.dtype.numpy()
        pads = [0] * (2 * rank)
        pads[1], pads[rank + 1] = before, size - 1 - before
        squares = tape.op("Pad", [tape.op("Mul", [x, x]), constant(tape, pads, "int64")])
        axis = constant(tape, [1], "int64")
        windows = [
            tape.op(
                "Slice",
                [squares, *(constant(tape, [end], "int64") for end in (i, i + channels)), axis],
            )
            for i in range(size)
        ]
        total = reduce(lambda a, b: tape.op("Add", [a, b]), windows)
        alpha = constant(tape, number(node, "alpha", 1e-4) / size, dtype)
        bias = constant(tape, number(node, "bias", 1.0), dtype)
        beta = constant(tape, number(node, "beta", 0.75), dtype)
        scale = tape.op("Add", [bias, tape.op("Mul", [alpha, total])])
        return [tape.op("Div", [x, tape.op("Pow", [scale, beta])])]
