"""A small tensor of one value, of a known shape, is a constant.

before: ConstantOfShape([2], value=[0])
after:  Constant([0, 0])

Folding leaves it so as not to make models larger, but exporters compute pads
from it, and those must be known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant

MAX_ELEMENTS = 1024


class ConstantOfShape(NodeRewrite):
    """Larger ones stay operators."""

    operators = frozenset({"ConstantOfShape"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        shape = const(node.inputs[0])
        if shape is None or (shape < 0).any() or np.prod(shape.astype(float)) > MAX_ELEMENTS:  # type: ignore[operator]
            return None
        value = node.attributes.get("value")
        fill = np.zeros(1, np.float32) if value is None else value.as_tensor().numpy()
        return [constant(tape, np.full(shape.tolist(), fill.item(), fill.dtype))]
