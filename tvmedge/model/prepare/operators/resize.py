"""Resize in all its modes as gathers and weighted sums, one axis after another.

before: Resize(x, sizes)
after:  nearest:                  Gather(x, indices) for each axis; by whole factors
                                  Reshape(Expand(Reshape(x, [h, 1, w, 1]), [h, 2, w, 2]))
        linear, cubic, antialias: Gather(x, i0) * w0 + Gather(x, i1) * w1 + ...,
                                  or MatMul(weights, x) where an output reads many inputs

Sums are taken in float32 (double stays double); integer results are rounded
half to even and saturated, as ONNX's evaluator does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.operators.resize_plan import Plan, plan
from tvmedge.model.prepare.operators.resize_weights import Taps
from tvmedge.model.prepare.rewrite import NodeRewrite, constant

MAX_GATHERS = 8  # beyond it, one matrix product is smaller


class Resize(NodeRewrite):
    """Taken when the resized extents, and scales or sizes, and roi are known."""

    operators = frozenset({"Resize"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        steps = plan(node)
        if x is None or x.dtype is None or steps is None:
            return None
        if steps.mode == "nearest" and _whole_factors(steps):
            return [_repeated(tape, x, steps)]
        if steps.mode == "nearest":
            return [_nearest(tape, x, x.dtype, steps)]
        return [_weighted(tape, x, x.dtype, steps)]


def _whole_factors(steps: Plan) -> bool:
    """Whether every output repeats one input, and open axes come first."""
    if not steps.axes or None in steps.shape[min(steps.axes) :] or 0 in steps.shape:
        return False
    for taps in steps.axes.values():
        factor, rest = divmod(len(taps.indices), taps.before)
        repeated = np.arange(len(taps.indices)) // max(factor, 1)
        if rest or taps.outside.any() or (taps.indices[:, 0] != repeated).any():
            return False
    return True


def _repeated(tape: Tape, x: ir.Value, steps: Plan) -> ir.Value:
    split: list[int] = []
    wide: list[int] = []
    joined: list[int] = []
    for axis, extent in enumerate(steps.shape):
        taps = steps.axes.get(axis)
        split.append(extent or 0)
        wide.append(extent or 1)
        joined.append(len(taps.indices) if taps else extent or 0)
        if taps:
            split.append(1)
            wide.append(len(taps.indices) // taps.before)
    cells = tape.op("Reshape", [x, constant(tape, split, "int64")])
    cells = tape.op("Expand", [cells, constant(tape, wide, "int64")])
    return tape.op("Reshape", [cells, constant(tape, joined, "int64")])


def _nearest(tape: Tape, x: ir.Value, dtype: ir.DataType, steps: Plan) -> ir.Value:
    for axis, taps in steps.axes.items():
        x = tape.op("Gather", [x, constant(tape, taps.indices[:, 0], "int64")], {"axis": axis})
        x = _extrapolated(tape, x, dtype, axis, taps, steps)
    return x if steps.axes else tape.op("Identity", [x])


def _weighted(tape: Tape, x: ir.Value, dtype: ir.DataType, steps: Plan) -> ir.Value:
    sums = dtype if dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT
    y = x if dtype == sums else tape.op("Cast", [x], {"to": sums.value})
    for axis, taps in steps.axes.items():
        if taps.indices.shape[1] <= MAX_GATHERS:
            y = _gathered(tape, y, sums, axis, taps, steps.rank)
        else:
            y = _multiplied(tape, y, sums, axis, taps, steps.rank)
        y = _extrapolated(tape, y, sums, axis, taps, steps)
    if dtype == sums:
        return y if steps.axes else tape.op("Identity", [y])
    if dtype.is_integer():
        limits = np.iinfo(dtype.numpy())
        low, high = (constant(tape, n, sums.numpy()) for n in (limits.min, limits.max))
        y = tape.op("Clip", [tape.op("Round", [y]), low, high])
    return tape.op("Cast", [y], {"to": dtype.value})


def _gathered(
    tape: Tape, x: ir.Value, dtype: ir.DataType, axis: int, taps: Taps, rank: int
) -> ir.Value:
    terms = []
    for indices, weights in zip(taps.indices.T, taps.weights.T, strict=True):
        taken = tape.op("Gather", [x, constant(tape, indices, "int64")], {"axis": axis})
        column = weights.reshape(-1, *[1] * (rank - 1 - axis))
        terms.append(tape.op("Mul", [taken, constant(tape, column, dtype.numpy())]))
    return reduce(lambda a, b: tape.op("Add", [a, b]), terms)


def _multiplied(
    tape: Tape, x: ir.Value, dtype: ir.DataType, axis: int, taps: Taps, rank: int
) -> ir.Value:
    matrix = taps.matrix()
    if axis == rank - 2:
        return tape.op("MatMul", [constant(tape, matrix, dtype.numpy()), x])
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    last = axis == rank - 1
    x = x if last else tape.op("Transpose", [x], {"perm": order})
    y = tape.op("MatMul", [x, constant(tape, matrix.T, dtype.numpy())])
    return y if last else tape.op("Transpose", [y], {"perm": order})


def _extrapolated(
    tape: Tape, x: ir.Value, dtype: ir.DataType, axis: int, taps: Taps, steps: Plan
) -> ir.Value:
    if not taps.outside.any():
        return x
    outside = taps.outside.reshape(-1, *[1] * (steps.rank - 1 - axis))
    value = constant(tape, steps.extrapolation, dtype.numpy())
    return tape.op("Where", [constant(tape, outside, "bool"), value, x])
