"""Pools in blocks."""

from __future__ import annotations

from tvm import relax

from tvmedge.compiler.kernels.window import Window, avg_pool, max_pool
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.layout import Blocked, static_shape
from tvmedge.compiler.passes.blocked.windows import four_pads


def max_pool2d(context: Context, call: relax.Call) -> Blocked | None:
    """The largest element of a window."""
    return _pool(context, call, average=False)


def avg_pool2d(context: Context, call: relax.Call) -> Blocked | None:
    """The mean of a window."""
    return _pool(context, call, average=True)


def _pool(context: Context, call: relax.Call, *, average: bool) -> Blocked | None:
    result, attrs = static_shape(call), call.attrs
    if not context.is_blocked(call.args[0]) or result is None or str(attrs.layout) != "NCHW":
        return None
    value = context.blocked(call.args[0])
    window = Window(
        (int(attrs.pool_size[0]), int(attrs.pool_size[1])),
        (int(attrs.strides[0]), int(attrs.strides[1])),
        four_pads(attrs.padding),
        (int(attrs.dilation[0]), int(attrs.dilation[1])),
    )
    batch, channels, height, width = result
    if window.output(*value.shape[2:]) != (height, width):
        return None  # ceil_mode: a last window hangs over the padding
    emit = context.layout.builder.emit_te
    if average:
        include = bool(attrs.count_include_pad)
        pooled = emit(
            lambda x: avg_pool(x, window, include), value.expr, primfunc_name_hint="avg_pool"
        )
    else:
        pooled = emit(lambda x: max_pool(x, window), value.expr, primfunc_name_hint="max_pool")
    return Blocked(pooled, (batch, channels, height, width))
