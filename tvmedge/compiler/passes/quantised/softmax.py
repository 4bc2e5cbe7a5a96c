"""Softmax of codes with tables of exponentials: integers only.

before: quantize(softmax(dequantize(x)))
after:  d = max(x) - x;  (e[d] / scale + sum(e[d]) / 2) // sum(e[d]) + zero
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from tvmedge.compiler.kernels.quotients import LEAST, quotients
from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.values import CODES, Grid

MOST = 1 << 30
FINE = 20  # bits of an exponential where rows are short


def softmax(context: Context, call: relax.Call, grid: Grid) -> relax.Expr | None:
    """The codes on ``grid`` of the softmax of codes, along a row of known length."""
    value = context.coded(call.args[0])
    shape = call.args[0].ty.shape
    axis = int(call.attrs.axis)
    if value is None or value.grid is None or not isinstance(shape, relax.ShapeExpr):
        return None
    size = shape.values[axis]
    if not hasattr(size, "value"):
        return None
    steps = 1 / grid.scale  # codes from 0 to 1
    bits = min(FINE, int(np.log2(MOST / max(int(size), steps))))
    if bits < LEAST:
        return None
    below = np.exp(-np.arange(CODES) * np.float64(value.grid.scale)) * 2.0**bits
    op = relax.op

    def looked_up(table: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> relax.Expr:
        rows = relax.const(np.rint(table).astype(np.int32), "int32")
        return context.emit(op.take(rows, distance, axis=0, mode="clip"))

    codes = context.emit(op.astype(context.as_codes(value), "int32"))
    distance = context.emit(op.subtract(op.max(codes, axis=axis, keepdims=True), codes))
    total = context.emit(op.sum(looked_up(below), axis=axis, keepdims=True))
    half = op.right_shift(total, relax.const(1, "int32"))
    rounded = context.emit(op.add(looked_up(below * steps), half))
    share = quotients(context.builder, rounded, total)
    limits = np.iinfo(grid.dtype)
    moved = op.add(share, relax.const(grid.zero, "int32"))
    moved = op.minimum(moved, relax.const(int(limits.max), "int32"))
    return op.astype(moved, grid.dtype)
