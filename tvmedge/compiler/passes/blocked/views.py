"""Other views of an image: axes of one that come or go, rows and columns told apart anew."""

from __future__ import annotations

from tvm import relax

from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.images import open_image
from tvmedge.compiler.passes.blocked.layout import Blocked, same


def view(context: Context, call: relax.Call) -> Blocked | None:
    """Reshape, squeeze or expand_dims that keeps the batch and the channels."""
    after = open_image(call)
    if not context.is_blocked(call.args[0]) or after is None:
        return None
    value = context.any_blocked(call.args[0])
    batch, channels, height, width = after
    if not same(value.shape[:2], (batch, channels)):
        return None
    if same(value.shape, after):
        return value
    sizes = (batch, context.layout.of(value).number, height, width, context.layout.block)
    return Blocked(context.emit(relax.op.reshape(value.expr, sizes)), after, value.groups)
