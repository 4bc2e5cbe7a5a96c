"""What reducing an empty tensor gives is known before anything runs.

before: ReduceSum(x[2, 0], axes=[1])
after:  Constant([0, 0])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant

# What a reduction of nothing is; None: the lowest or highest value of the type.
_OF_NOTHING: dict[str, float | None] = {
    "ReduceL1": 0,
    "ReduceL2": 0,
    "ReduceLogSum": -np.inf,
    "ReduceLogSumExp": -np.inf,
    "ReduceMax": None,
    "ReduceMean": np.nan,
    "ReduceMin": None,
    "ReduceProd": 1,
    "ReduceSum": 0,
    "ReduceSumSquare": 0,
}


class EmptyReduction(NodeRewrite):
    """Reductions of an empty tensor; the shape of the result is inferred already."""

    operators = frozenset(_OF_NOTHING)

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, (y,) = node.inputs[0], node.outputs
        if x is None or x.shape is None or y.shape is None or x.dtype is None:
            return None
        if not y.shape.is_static() or 0 not in tuple(x.shape) or 0 in tuple(y.shape):
            return None
        dtype = x.dtype.numpy()
        value = _OF_NOTHING[node.op_type]
        if value is None:
            value = _limit(dtype, lowest=node.op_type == "ReduceMax")
        elif not np.isfinite(value) and not x.dtype.is_floating_point():
            return None
        return [constant(tape, np.full(y.shape.numpy(), value, dtype))]


def _limit(dtype: np.dtype[np.generic], *, lowest: bool) -> float:
    if dtype.kind == "b":
        return 0 if lowest else 1
    if dtype.kind in "iu":
        limits = np.iinfo(dtype.name)
        return limits.min if lowest else limits.max
    return -np.inf if lowest else np.inf
