"""Split into parts of which some are empty.

before: Split(x[3], [0, 3, 0])
after:  Constant([]), Slice(x, 0, 3), Constant([])
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer


class SplitEmpty(NodeRewrite):
    """Only where a part is empty; the parts are read from the inferred shapes."""

    operators = frozenset({"Split"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        axis = integer(node, "axis", 0)
        parts = [None if y.shape is None else y.shape[axis] for y in node.outputs]
        sizes = [part for part in parts if isinstance(part, int)]
        if x is None or len(sizes) < len(parts) or 0 not in sizes:
            return None
        ends = list(accumulate(sizes, initial=0))
        along = constant(tape, [axis], "int64")
        cuts = [constant(tape, [end], "int64") for end in ends]
        return [
            _nothing(tape, y) or tape.op("Slice", [x, start, end, along])
            for y, (start, end) in zip(node.outputs, pairwise(cuts), strict=True)
        ]


def _nothing(tape: Tape, part: ir.Value) -> ir.Value | None:
    """A constant in place of an empty part: folding makes a Split of adjacent slices again."""
    if part.shape is None or part.dtype is None:
        return None
    sizes = [dim for dim in part.shape if isinstance(dim, int)]
    if 0 not in sizes or len(sizes) < len(part.shape):
        return None
    return constant(tape, np.empty(sizes, part.dtype.numpy()))
