"""Split of a constant into constants, which folding leaves for its many outputs.

before: n, c, h, w = Split([1, 3, 224, 224], num_outputs=4)
after:  n, c, h, w = [1], [3], [224], [224]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer, optional

MAX_ELEMENTS = 1024  # shapes, not weights


class SplitConstant(NodeRewrite):
    """Of small ones."""

    operators = frozenset({"Split"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, given = const(node.inputs[0]), optional(node, 1)
        sizes = const(given)
        if x is None or x.size > MAX_ELEMENTS or (given is not None and sizes is None):
            return None
        axis, count = integer(node, "axis", 0), len(node.outputs)
        if sizes is None:
            step = -(-x.shape[axis] // count)
            ends = np.arange(1, count) * step
        else:
            ends = np.cumsum(sizes)[:-1]
            if sizes.sum() != x.shape[axis] or len(sizes) != count:
                raise ValueError("its parts are not as many as its input has")
        return [constant(tape, part) for part in np.split(x, ends, axis)]
