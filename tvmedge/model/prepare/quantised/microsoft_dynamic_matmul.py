"""onnxruntime's matrix products of integers whose result is real.

before: com.microsoft.MatMulIntegerToFloat(a, b, as, bs, az, bz, bias)
after:  MatMul(a - az, b - bz) * (as * bs) + bias

before: com.microsoft.DynamicQuantizeMatMul(x, b, bs, bz, bias)
after:  the same of a, as, az = DynamicQuantizeLinear(x)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.dynamic_quantize_linear import dynamic
from tvmedge.model.prepare.quantised.matmul_integer import exact_products
from tvmedge.model.prepare.quantised.q_common import as_float, dims, is_single, scalar
from tvmedge.model.prepare.rewrite import MICROSOFT, NodeRewrite, constant, optional


class MicrosoftDynamicMatMul(NodeRewrite):
    """Both operators; b for the whole tensor or each column."""

    operators = frozenset({"MatMulIntegerToFloat", "DynamicQuantizeMatMul"})
    domain = MICROSOFT

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        a, b = node.inputs[:2]
        if a is None or b is None or a.shape is None:
            return None
        a_scale, a_zero, b_scale, b_zero, bias = _parameters(node)
        if node.op_type == "DynamicQuantizeMatMul":
            a, a_scale, a_zero = dynamic(tape, a)
        if a_scale is None or b_scale is None or dims(b_scale) is None:
            return None
        if dims(a_scale) is None:
            return None
        products = exact_products(tape, a, b, a_zero, b_zero)
        if products is None:
            return None
        sums = products[0]
        for part in products[1:]:
            sums = tape.op("Add", [sums, part])
        rows = as_float(tape, a_scale)
        if is_single(a_scale):
            rows = scalar(tape, rows) if a_scale is rows else rows
        elif len(dims(a_scale) or ()) == 1:
            rows = tape.op("Unsqueeze", [rows, constant(tape, [1], "int64")])
        columns = as_float(tape, b_scale)
        if is_single(b_scale) and b_scale is columns:
            columns = scalar(tape, columns)
        real = tape.op("Mul", [sums, tape.op("Mul", [rows, columns])])
        if bias is not None:
            real = tape.op("Add", [real, bias])
        return [real]


def _parameters(node: ir.Node) -> tuple[ir.Value | None, ...]:
    """a_scale, a_zero, b_scale, b_zero, bias."""
    if node.op_type == "DynamicQuantizeMatMul":
        b_scale, b_zero, bias = (optional(node, place) for place in (2, 3, 4))
        return None, None, b_scale, b_zero, bias
    places = (2, 4, 3, 5, 6)
    return tuple(optional(node, place) for place in places)
