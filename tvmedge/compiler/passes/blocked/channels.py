"""Operators on whole channels in blocks: concat along them, means over the image."""

from __future__ import annotations

from tvm import relax

from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.layout import Blocked, static_shape


def mean(context: Context, call: relax.Call) -> Blocked | None:
    """Mean over height and width, kept as axes of one."""
    axes = sorted(int(axis) % 4 for axis in call.attrs.axis or ())
    if not context.is_blocked(call.args[0]) or axes != [2, 3] or not call.attrs.keepdims:
        return None
    value = context.blocked(call.args[0])
    batch, channels, _, _ = value.shape
    pooled = context.emit(relax.op.mean(value.expr, axis=[2, 3], keepdims=True))
    return Blocked(pooled, (batch, channels, 1, 1))


def concat(context: Context, call: relax.Call) -> Blocked | None:
    """Along channels, where every part but the last fills its blocks."""
    result = static_shape(call)
    if result is None or len(result) != 4 or not isinstance(call.args[0], relax.Tuple):
        return None
    parts = list(call.args[0].fields)
    shapes = [static_shape(part) for part in parts]
    if call.attrs.axis is None or int(call.attrs.axis) % 4 != 1:
        return None
    if not any(context.is_blocked(part) for part in parts) or None in shapes:
        return None
    if any(shape is None or context.layout.ragged(shape[1]) for shape in shapes[:-1]):
        return None
    fields = [context.blocked(part).expr for part in parts]
    batch, channels, height, width = result
    joined = context.emit(relax.op.concat(fields, axis=1))
    return Blocked(joined, (batch, channels, height, width))
