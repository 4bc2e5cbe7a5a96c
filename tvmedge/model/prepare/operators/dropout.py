"""Dropout that drops nothing, in training mode too.

before: y, mask = Dropout(x, 0.0, True)
after:  y = x;  mask = ones
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, optional


class Dropout(NodeRewrite):
    """Of ratio 0, or where the training mode is known to be off."""

    operators = frozenset({"Dropout"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        given, mode = optional(node, 1), optional(node, 2)
        ratio, training = const(given), const(mode)
        off = mode is None or (training is not None and not training.any())
        keeps_all = ratio is not None and not ratio.any()
        if not off and not keeps_all:
            return None
        outputs = [tape.op("Identity", [x])]
        if len(node.outputs) > 1:
            true = ir.tensor(np.array([True]))
            outputs.append(tape.op("ConstantOfShape", [tape.op("Shape", [x])], {"value": true}))
        return outputs
