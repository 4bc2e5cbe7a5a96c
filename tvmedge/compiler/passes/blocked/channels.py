"""Operators on whole channels in blocks: concat along them, means over the image."""

from __future__ import annotations

from tvm import relax

from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.images import image_shape
from tvmedge.compiler.passes.blocked.layout import Blocked, static_shape


def mean(context: Context, call: relax.Call) -> Blocked | None:
    """Mean over height and width, kept as axes of one."""
    shape = static_shape(call.args[0])
    if not context.is_blocked(call.args[0]) or shape is None or not call.attrs.keepdims:
        return None
    if sorted(int(axis) % len(shape) for axis in call.attrs.axis or ()) != [*range(2, len(shape))]:
        return None
    value = context.blocked(call.args[0])
    batch, channels, _, _ = value.shape
    pooled = context.emit(relax.op.mean(value.expr, axis=[2, 3], keepdims=True))
    return Blocked(pooled, (batch, channels, 1, 1))


def concat(context: Context, call: relax.Call) -> Blocked | None:
    """Along channels, where every part but the last fills its blocks."""
    shape, image = static_shape(call), image_shape(call)
    if shape is None or image is None or not isinstance(call.args[0], relax.Tuple):
        return None
    parts = list(call.args[0].fields)
    shapes = [static_shape(part) for part in parts]
    if call.attrs.axis is None or int(call.attrs.axis) % len(shape) != 1:
        return None
    if not any(context.is_blocked(part) for part in parts) or None in shapes:
        return None
    if any(part is None or context.layout.ragged(part[1]) for part in shapes[:-1]):
        return None
    fields = [context.blocked(part).expr for part in parts]
    joined = context.emit(relax.op.concat(fields, axis=1))
    return Blocked(joined, image)
