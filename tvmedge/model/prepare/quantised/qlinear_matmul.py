"""QLinearMatMul between DequantizeLinear and QuantizeLinear.

before: QLinearMatMul(a, as, az, b, bs, bz, ys, yz)
after:  QuantizeLinear(MatMul(DequantizeLinear(a, 1, az), DequantizeLinear(b, 1, bz)),
        ys / (as * bs), yz)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.matmul_integer import exact_products
from tvmedge.model.prepare.quantised.q_common import (
    as_float,
    dims,
    is_single,
    quantized,
    scalar,
    spread,
)
from tvmedge.model.prepare.quantised.qlinear_conv import requantization
from tvmedge.model.prepare.rewrite import NodeRewrite, constant


class QLinearMatMul(NodeRewrite):
    """a by rows or as a whole, b by columns or as a whole, y as a whole."""

    operators = frozenset({"QLinearMatMul"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.inputs
        if a is None or b is None or a_scale is None or b_scale is None or y_scale is None:
            return None
        columns = dims(b_scale)
        if columns is None or dims(a_scale) is None or not (is_single(y_scale) and y_zero):
            return None
        products = exact_products(tape, a, b, a_zero, b_zero)
        if products is None or not is_single(y_zero):
            return None
        sums = products[0]
        for part in products[1:]:
            sums = tape.op("Add", [sums, part])
        if is_single(a_scale) and (is_single(b_scale) or len(columns) == 1):
            step = requantization(tape, a_scale, b_scale, y_scale)
            if is_single(b_scale):
                return [quantized(tape, sums, scalar(tape, step), y_zero, a.dtype)]
            zeros = spread(tape, y_zero, columns[0])
            return [tape.op("QuantizeLinear", [sums, step, zeros], {"axis": -1})]
        rows = as_float(tape, a_scale)
        if len(dims(a_scale) or ()) == 1 and not is_single(a_scale):
            rows = tape.op("Unsqueeze", [rows, constant(tape, [1], "int64")])
        real = tape.op("Mul", [sums, tape.op("Mul", [rows, as_float(tape, b_scale)])])
        return [quantized(tape, real, y_scale, y_zero, a.dtype)]
