"""MaxPool that also tells where its maxima lie.

before: y, at = MaxPool(x)
after:  windows = Gather(x with a lowest value appended, table of positions)
        y, k = ReduceMax(windows), ArgMax(windows); at = table[window, k] + plane * size
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.operators.pools import Side, find_sides
from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer

Table = npt.NDArray[np.int64]


class PoolIndices(NodeRewrite):
    """Taken when the shape is known."""

    operators = frozenset({"MaxPool"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x = node.inputs[0]
        if len(node.outputs) < 2 or x is None or x.shape is None or x.dtype is None:
            return None
        sides = find_sides(node)
        if sides is None or not x.shape.is_static():
            return None
        batch, channels = x.shape.numpy()[:2]
        extents = [side.extent for side in sides]
        planes, size = batch * channels, math.prod(extents)
        table = _table(sides)
        dtype = x.dtype.numpy()
        lowest = -np.inf if x.dtype.is_floating_point() else np.iinfo(dtype.name).min
        flat = tape.op("Reshape", [x, constant(tape, [planes, size], "int64")])
        border = constant(tape, np.full((planes, 1), lowest), dtype)
        padded = tape.op("Concat", [flat, border], {"axis": 1})
        windows = tape.op("Gather", [padded, constant(tape, table)], {"axis": 1})
        shape = constant(tape, [batch, channels, *(side.outputs for side in sides)], "int64")
        last = constant(tape, [2], "int64")
        maxima = tape.op("ReduceMax", [windows, last], {"keepdims": 0})
        tap = tape.op("ArgMax", [windows], {"axis": 2, "keepdims": 0})
        row = constant(tape, np.arange(len(table))[None] * table.shape[1], "int64")
        places = _ordered(table, extents, column_major=bool(integer(node, "storage_order", 0)))
        within = tape.op("Gather", [constant(tape, places.ravel()), tape.op("Add", [tap, row])])
        plane = constant(tape, np.arange(planes)[:, None] * size, "int64")
        at = tape.op("Add", [within, plane])
        return [tape.op("Reshape", [value, shape]) for value in (maxima, at)]


def _table(sides: list[Side]) -> Table:
    """[outputs, taps] of flat positions in a plane; its size for a tap outside."""
    size = math.prod(side.extent for side in sides)
    flat: Table = np.zeros((1, 1), np.int64)
    inside: npt.NDArray[np.bool_] = np.ones((1, 1), np.bool_)
    for side in sides:
        starts = np.arange(side.outputs) * side.stride - side.before
        at = starts[:, None] + np.arange(side.kernel) * side.dilation
        good = (at >= 0) & (at < side.extent)
        flat = (flat[:, None, :, None] * side.extent + at[None, :, None, :]).reshape(
            len(flat) * len(at), -1
        )
        inside = (inside[:, None, :, None] & good[None, :, None, :]).reshape(flat.shape)
    return np.where(inside, flat, size)


def _ordered(table: Table, extents: list[int], *, column_major: bool) -> Table:
    if not column_major:
        return table
    size = math.prod(extents)
    turned = np.arange(size).reshape(extents[::-1]).transpose().ravel()
    return np.append(turned, size)[table]
