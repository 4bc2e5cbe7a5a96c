"""Pools in blocks."""

from __future__ import annotations

from tvm import relax

from tvmedge.compiler.kernels.fours import max_fours
from tvmedge.compiler.kernels.window import avg_pool, max_pool
from tvmedge.compiler.passes.blocked.context import Context, in_fours
from tvmedge.compiler.passes.blocked.images import open_image
from tvmedge.compiler.passes.blocked.layout import Blocked, same, static_shape
from tvmedge.compiler.passes.blocked.windows import window_of
from tvmedge.schedules.rules.cpu.tiles import window_width


def max_pools(context: Context, call: relax.Call) -> Blocked | None:
    """The largest element of a window."""
    return _pool(context, call, average=False)


def avg_pools(context: Context, call: relax.Call) -> Blocked | None:
    """The mean of a window."""
    return _pool(context, call, average=True)


def _pool(context: Context, call: relax.Call, *, average: bool) -> Blocked | None:
    result, attrs = open_image(call), call.attrs
    if not context.is_blocked(call.args[0]) or result is None:
        return None
    if str(attrs.layout) not in ("NCW", "NCHW"):
        return None
    value = context.any_blocked(call.args[0])
    window = window_of(attrs.pool_size, attrs)
    if not same(window.output(*value.shape[2:]), result[2:]):
        return None  # ceil_mode: a last window hangs over the padding
    emit, width = context.layout.builder.emit_te, window_width(context.layout.core)
    if average:
        include = bool(attrs.count_include_pad)
        pooled = emit(
            lambda x: avg_pool(x, window, include, width), value.expr, primfunc_name_hint="avg_pool"
        )
    else:
        fours = in_fours(context) and _of_known_bytes(value.expr)
        pooled = emit(
            lambda x: max_fours(x, window) if fours else max_pool(x, window, width),
            value.expr,
            primfunc_name_hint="max_pool",
        )
    return Blocked(pooled, result, value.groups)


def _of_known_bytes(expr: relax.Expr) -> bool:
    return static_shape(expr) is not None and str(expr.ty.dtype) in ("uint8", "int8")
