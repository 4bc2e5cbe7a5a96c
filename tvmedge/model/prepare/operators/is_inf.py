"""IsInf of one sign as a comparison.

before: IsInf(x, detect_negative=0)
after:  Equal(x, inf)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer


class IsInf(NodeRewrite):
    """The form that detects both signs is the importer's."""

    operators = frozenset({"IsInf"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None:
            return None
        positive = bool(integer(node, "detect_positive", 1))
        negative = bool(integer(node, "detect_negative", 1))
        if positive and negative:
            return None
        infinity = constant(tape, np.inf if positive else -np.inf, x.dtype.numpy())
        if positive or negative:
            return [tape.op("Equal", [x, infinity])]
        return [tape.op("Less", [x, infinity])]  # nothing is below minus infinity
