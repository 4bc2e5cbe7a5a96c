"""MeanVarianceNormalization, stable and with ONNX's small constant.

before: MeanVarianceNormalization(x, axes)
after:  d = Sub(x, ReduceMean(x)); Div(d, Add(Sqrt(ReduceMean(d * d)), 1e-9))
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant

EPSILON = 1e-9


class MeanVarianceNormalization(NodeRewrite):
    """A constant input gives 0, not NaN."""

    operators = frozenset({"MeanVarianceNormalization"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None:
            return None
        attribute = node.attributes.get("axes")
        given = (0, 2, 3) if attribute is None else attribute.as_ints()
        axes = constant(tape, given, "int64")
        distance = tape.op("Sub", [x, tape.op("ReduceMean", [x, axes])])
        variance = tape.op("ReduceMean", [tape.op("Mul", [distance, distance]), axes])
        epsilon = constant(tape, EPSILON, x.dtype.numpy())
        return [tape.op("Div", [distance, tape.op("Add", [tape.op("Sqrt", [variance]), epsilon])])]
