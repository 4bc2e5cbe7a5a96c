"""Convolutions and pools of volumes [N, C, D, H, W], in blocks as images of D * H rows."""

from __future__ import annotations

import math
from collections.abc import Callable

from tvm import relax, te

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.volume import (
    VolumeWindow,
    avg_pool_volume,
    conv_volume,
    depthwise_volume,
    max_pool_volume,
)
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.convolution import WRITTEN_OUT, Array, pack
from tvmedge.compiler.passes.blocked.images import image_shape
from tvmedge.compiler.passes.blocked.layout import Blocked, constant, image_sizes
from tvmedge.compiler.passes.blocked.windows import volume_window
from tvmedge.schedules.rules.cpu.tiles import Room, register_tile


def conv3d(context: Context, call: relax.Call) -> Blocked | None:
    """Dense and depthwise convolutions with constant weights."""
    data, attrs, array = call.args[0], call.attrs, constant(call.args[1])
    shape, result = image_sizes(data), image_shape(call)
    layouts = str(attrs.data_layout), str(attrs.kernel_layout)
    if array is None or shape is None or result is None or layouts != ("NCDHW", "OIDHW"):
        return None
    outs, ins, depth, height, width = array.shape
    window = volume_window(shape[2:], array.shape[2:], attrs)
    flat = array.reshape(outs, ins, depth * height, width)
    if int(attrs.groups) == 1:
        return Blocked(_dense(context, data, flat, window), result)
    if (ins, outs) != (1, int(attrs.groups)):
        return None
    value = context.any_blocked(data)
    packed = context.layout.of(value).pack(flat.transpose(1, 0, 2, 3), rest=0.0)[0]
    made = context.layout.builder.emit_te(
        lambda x, w: depthwise_volume(x, w, window),
        value.expr,
        relax.const(packed),
        primfunc_name_hint="depthwise",
    )
    return Blocked(made, result, value.groups)


def _dense(context: Context, data: relax.Expr, array: Array, window: VolumeWindow) -> relax.Var:
    core, outs, ins = context.layout.core, context.layout.blocks(array.shape[0]), array.shape[1]
    if ins < core.block and not context.is_blocked(data):  # read where it is
        batch, *_ = image_sizes(data) or ()
        depth, height, width = window.sizes
        shape = (batch, ins, depth * height, width, 1)
        image, step = context.emit(relax.op.reshape(context.visit(data), shape)), 1
    else:
        image = context.blocked(data).expr
        step = math.gcd(-(-ins // WRITTEN_OUT) * WRITTEN_OUT, core.block)
    products = math.prod(window.kernel) * -(-ins // step) * step
    room = Room(pixels=any((*window.front, *window.back)), products=products)
    tile = register_tile(core, outs.number, 1, window.image[1], room)
    _, columns = tile.cover(1, window.image[1])
    return context.layout.builder.emit_te(
        lambda x, w: conv_volume(x, w, window, columns),
        image,
        relax.const(pack(array, outs, step)),
        primfunc_name_hint="conv",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )


def max_pool3d(context: Context, call: relax.Call) -> Blocked | None:
    """The largest element of a window."""
    return _pool(context, call, max_pool_volume)


def avg_pool3d(context: Context, call: relax.Call) -> Blocked | None:
    """The mean of a window, where padding counts or is none."""
    if any(int(pad) for pad in call.attrs.padding) and not call.attrs.count_include_pad:
        return None
    return _pool(context, call, avg_pool_volume)


def _pool(
    context: Context, call: relax.Call, kernel: Callable[[te.Tensor, VolumeWindow], te.Tensor]
) -> Blocked | None:
    shape, result, attrs = image_sizes(call.args[0]), image_shape(call), call.attrs
    if not context.is_blocked(call.args[0]) or shape is None or result is None:
        return None
    window = volume_window(shape[2:], attrs.pool_size, attrs)
    if str(attrs.layout) != "NCDHW" or window.image != result[2:]:
        return None
    value = context.any_blocked(call.args[0])
    pooled = context.layout.builder.emit_te(
        lambda x: kernel(x, window), value.expr, primfunc_name_hint="pool"
    )
    return Blocked(pooled, result, value.groups)
