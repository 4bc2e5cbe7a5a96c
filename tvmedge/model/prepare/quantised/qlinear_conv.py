"""QLinearConv between DequantizeLinear and QuantizeLinear.

before: QLinearConv(x, xs, xz, w, ws, wz, ys, yz, bias)
after:  QuantizeLinear(Conv(DequantizeLinear(x, 1, xz), DequantizeLinear(w, 1, wz),
        DequantizeLinear(bias, 1)), ys / (xs * ws), yz)

With scale 1 the convolution adds up the operator's own integers, and all the
scales meet in one rounding at the end, as the operator says.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.q_common import (
    as_float,
    dims,
    is_single,
    scalar,
    shifted,
    spread,
)
from tvmedge.model.prepare.rewrite import NodeRewrite, optional


class QLinearConv(NodeRewrite):
    """Weights' scale and zero point for the whole tensor or each output channel."""

    operators = frozenset({"QLinearConv"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, xs, xz, w, ws, wz, ys, yz = node.inputs[:8]
        bias = optional(node, 8)
        if x is None or w is None or xs is None or ws is None or ys is None or yz is None:
            return None
        shape = dims(ws)
        if shape is None or not all(map(is_single, (xs, xz, ys, yz))):
            return None
        data, weights = shifted(tape, x, xz, 1), shifted(tape, w, wz, 0)
        if data is None or weights is None:
            return None
        terms = [data, weights]
        if bias is not None:
            offset = shifted(tape, bias, None, 0)
            assert offset is not None
            terms.append(offset)
        sums = tape.op("Conv", terms, dict(node.attributes))
        step = requantization(tape, xs, ws, ys)
        if is_single(ws):
            return [tape.op("QuantizeLinear", [sums, scalar(tape, step), scalar(tape, yz)])]
        zeros = spread(tape, yz, shape[0])
        return [tape.op("QuantizeLinear", [sums, step, zeros], {"axis": 1})]


def requantization(tape: Tape, xs: ir.Value, ws: ir.Value, ys: ir.Value) -> ir.Value:
    """The scale that takes integer sums to the output's: ys / (xs * ws)."""
    xs, ys = (scalar(tape, as_float(tape, value)) for value in (xs, ys))
    return tape.op("Div", [ys, tape.op("Mul", [xs, as_float(tape, ws)])])
