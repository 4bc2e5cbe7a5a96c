"""Images made larger, in blocks."""

from __future__ import annotations

from tvm import relax, te

from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.layout import Blocked, static_shape


def repeat(context: Context, call: relax.Call) -> Blocked | None:
    """Every pixel repeated: reshape to [N, C, H, 1, W, 1], broadcast to
    [N, C, H, r, W, s], and reshape to [N, C, H * r, W * s]."""
    spread = context.made_by(call.args[0], "relax.broadcast_to")
    parted = context.made_by(spread.args[0], "relax.reshape") if spread is not None else None
    if spread is None or parted is None or not context.is_blocked(parted.args[0]):
        return None
    value = context.any_blocked(parted.args[0])
    batch, channels, height, width = value.shape
    before, after = static_shape(parted), static_shape(spread)
    if before != (batch, channels, height, 1, width, 1) or after is None:
        return None
    rows, columns = after[3], after[5]
    shape = (batch, channels, height * rows, width * columns)
    if static_shape(call) != shape:
        return None

    def repeated(x: te.Tensor) -> te.Tensor:
        sizes = (*x.shape[:2], *shape[2:], x.shape[4])
        return te.compute(
            sizes, lambda n, c, h, w, i: x[n, c, h // rows, w // columns, i], name="repeat"
        )

    made = context.layout.builder.emit_te(repeated, value.expr, primfunc_name_hint="repeat")
    return Blocked(made, shape, value.groups)
