"""Operators that move elements: they move codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.values import CODES, Coded

MOVES = tuple(
    f"relax.{name}"
    for name in (
        *("reshape", "squeeze", "expand_dims", "permute_dims", "strided_slice", "broadcast_to"),
        *("flatten", "repeat", "tile", "flip"),
    )
)
POOLS = ("relax.nn.max_pool1d", "relax.nn.max_pool2d")


def move(context: Context, call: relax.Call) -> Coded | None:
    """Elements keep their codes; other arguments are the operator's own."""
    value = context.values.get(call.args[0])
    if not isinstance(value, Coded):
        return None
    moved = relax.Call(call.op, [value.source, *call.args[1:]], call.attrs)
    return replace(value, source=context.emit(moved))


def take(context: Context, call: relax.Call) -> Coded | None:
    """By constant indices."""
    return move(context, call) if isinstance(call.args[1], tvm.ir.GenericConst) else None


def max_pool(context: Context, call: relax.Call) -> Coded | None:
    """The largest number has the largest code, where numbers grow with codes."""
    value = context.values.get(call.args[0])
    if not isinstance(value, Coded):
        return None
    if np.any(np.diff(value.reals) < 0):
        value = _ascending(context, value)
    pooled = relax.Call(call.op, [value.source], call.attrs)
    return replace(value, source=context.emit(pooled))


def _ascending(context: Context, value: Coded) -> Coded:
    """Codes that grow with the numbers they stand for."""
    if value.grid is not None:
        return Coded(context.as_codes(value), value.grid.reals, value.grid)
    ranked = np.unique(value.reals)
    grid = context.grid(1.0, 0)
    table = (np.searchsorted(ranked, value.reals) + int(grid.codes[0])).astype(grid.dtype)
    reals = np.concatenate([ranked, np.repeat(ranked[-1:], CODES - ranked.size)])
    return Coded(context.emit(context.looked_up(value.source, table)), reals)


def resize(context: Context, call: relax.Call) -> Coded | None:
    """To the nearest pixel."""
    return move(context, call) if str(call.attrs.method) == "nearest_neighbor" else None


def pad(context: Context, call: relax.Call) -> Coded | None:
    """With a number that has a code."""
    value = context.coded(call.args[0])
    if value is None or value.grid is None or str(call.attrs.pad_mode) != "constant":
        return None
    number = np.array([call.attrs.pad_value], np.float32)
    code = value.grid.nearest(number)
    if (np.float32(code[0]) - value.grid.zero) * np.float32(value.grid.scale) != number[0]:
        return None
    width = [int(size) for size in call.attrs.pad_width]
    made = relax.op.nn.pad(context.as_codes(value), width, "constant", float(code[0]))
    return Coded(context.emit(made), value.grid.reals, value.grid)


def concat(context: Context, call: relax.Call) -> Coded | None:
    """Parts of one grid; others wait for the grid of the result."""
    fields = list(call.args[0].fields) if isinstance(call.args[0], relax.Tuple) else []
    parts = [context.coded(part) for part in fields]
    first = parts[0] if parts else None
    if first is None or any(part is None or part.grid != first.grid for part in parts):
        return None
    codes = [context.as_codes(part) for part in parts if part is not None]
    joined = context.emit(relax.op.concat(codes, axis=int(call.attrs.axis)))
    assert first.grid is not None
    return Coded(joined, first.grid.reals, first.grid)
