"""onnxruntime's QGemm between DequantizeLinear and QuantizeLinear.

before: com.microsoft.QGemm(a, as, az, b, bs, bz, c: int32, ys, yz)
after:  QuantizeLinear(MatMul(a - az, b - bz) + c, ys / (alpha * as * bs), yz)

c is on the scale alpha * as * bs, so the sums are of integers as in the
operator; without ys the result is the real number.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.quantised.q_common import as_float, is_single, quantized, scalar, shifted
from tvmedge.model.prepare.rewrite import MICROSOFT, NodeRewrite, constant, integer, optional


class MicrosoftQGemm(NodeRewrite):
    """b for the whole tensor or each column."""

    operators = frozenset({"QGemm"})
    domain = MICROSOFT

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        a, a_scale, a_zero, b, b_scale, b_zero = node.inputs[:6]
        offset, y_scale, y_zero = (optional(node, place) for place in (6, 7, 8))
        if a is None or b is None or a_scale is None or b_scale is None:
            return None
        if not is_single(a_scale) or (y_scale is not None and not is_single(y_scale)):
            return None
        columns = 0 if integer(node, "transB", 0) else 1
        left, right = shifted(tape, a, a_zero, 0), shifted(tape, b, b_zero, columns)
        if left is None or right is None:
            return None
        turns = {name: integer(node, name, 0) for name in ("transA", "transB")}
        terms = [left, right] if offset is None else [left, right, as_float(tape, offset)]
        sums = tape.op("Gemm", terms, turns)
        alpha = node.attributes["alpha"].as_float() if "alpha" in node.attributes else 1.0
        one = tape.op("Mul", [constant(tape, alpha, "float32"), scalar(tape, a_scale)])
        step = tape.op("Mul", [one, as_float(tape, b_scale)])
        if y_scale is None:
            return [tape.op("Mul", [sums, step])]
        # Division by a scale of each column: as columns of one real tensor.
        real = tape.op("Div", [sums, tape.op("Div", [scalar(tape, y_scale), step])])
        return [quantized(tape, real, constant(tape, 1, "float32"), y_zero, a.dtype)]
