"""BatchNormalization with constant statistics is one factor and one summand a channel.

before: BatchNormalization(x, scale, bias, mean, variance)
after:  Add(Mul(x, k[C, 1, 1]), d[C, 1, 1]),  k = scale / sqrt(variance + epsilon),
        d = bias - mean * k, formed in float64 and rounded once
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer, number


class BatchNormalization(NodeRewrite):
    """In inference, of float32."""

    operators = frozenset({"BatchNormalization"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, *parameters = node.inputs
        arrays = [None if value is None else const(value) for value in parameters]
        if x is None or x.shape is None or x.dtype != ir.DataType.FLOAT:
            return None
        if integer(node, "training_mode", 0) or len(arrays) != 4 or len(node.outputs) != 1:
            return None
        if any(array is None for array in arrays):
            return None
        scale, bias, mean, variance = (np.asarray(a, np.float64) for a in arrays)
        factor = scale / np.sqrt(variance + number(node, "epsilon", 1e-5))
        shape = (-1, *[1] * max(0, len(x.shape) - 2))
        scaled = tape.op("Mul", [x, constant(tape, factor.reshape(shape), np.float32)])
        summand = (bias - mean * factor).reshape(shape)
        return [tape.op("Add", [scaled, constant(tape, summand, np.float32)])]
