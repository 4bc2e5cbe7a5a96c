"""Convolutions with constant weights start blocked regions.

before: conv2d(x[N, I, H, W], w[O, I, KH, KW])
after:  conv(x in blocks, w[O / b, I / b, KH, KW, b, b])

The first layer of a model reads its image as it comes: [N, I, H, W, 1] or
[N, 1, H, W, I] are other views of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tvm import relax

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.window import Window, conv, depthwise
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.images import image_shape
from tvmedge.compiler.passes.blocked.layout import Blocked, constant, static_shape
from tvmedge.compiler.passes.blocked.windows import window_of
from tvmedge.schedules.rules.cpu.tiles import register_tile

Array = npt.NDArray[np.float32]
LAYOUTS = (("NCW", "OIW"), ("NCHW", "OIHW"))


def convolution(context: Context, call: relax.Call) -> Blocked | None:
    """Dense, depthwise, and grouped convolutions whose groups are whole blocks, of images
    and of signals."""
    data, weights = call.args
    attrs, array = call.attrs, constant(weights)
    shape, result = image_shape(data), image_shape(call)
    if array is None or shape is None or result is None:
        return None
    if (str(attrs.data_layout), str(attrs.kernel_layout)) not in LAYOUTS:
        return None
    groups, block = int(attrs.groups), context.layout.block
    window = window_of(array.shape[2:], attrs)
    outs, ins = array.shape[:2]
    array = array.reshape(outs, ins, *window.kernel)
    if groups > 1 and ins == 1 and outs == groups:
        value = _depthwise(context, context.blocked(data), array, window)
    elif groups == 1:
        value = _dense(context, data, shape, array, window)
    elif ins % block == 0 and outs // groups % block == 0:
        packed = _pack(array, outs // block, ins // block, block, block)
        value = _emit(context, context.blocked(data).expr, packed, window, groups)
    else:
        return None
    return Blocked(value, result)


def _dense(
    context: Context, data: relax.Expr, shape: tuple[int, ...], array: Array, window: Window
) -> relax.Var:
    batch, ins, height, width = shape
    block = context.layout.block
    outs = context.layout.blocks(array.shape[0])
    if data in context.channels_last and ins < block:
        view = relax.op.reshape(context.channels_last[data], (batch, 1, height, width, ins))
        return _emit(context, context.emit(view), _pack(array, outs, 1, ins, block), window)
    if ins < block and not context.is_blocked(data):
        view = relax.op.reshape(context.visit(data), (batch, ins, height, width, 1))
        return _emit(context, context.emit(view), _pack(array, outs, ins, 1, block), window)
    blocks = context.layout.blocks(ins)
    packed = _pack(array, outs, blocks, block, block)
    return _emit(context, context.blocked(data).expr, packed, window)


def _pack(array: Array, outs: int, ins: int, in_block: int, out_block: int) -> Array:
    """[O, I, KH, KW] -> [outs, ins, KH, KW, in_block, out_block], zero where it is longer."""
    whole = np.zeros((outs * out_block, ins * in_block, *array.shape[2:]), array.dtype)
    whole[: array.shape[0], : array.shape[1]] = array
    parted = whole.reshape(outs, out_block, ins, in_block, *array.shape[2:])
    return np.ascontiguousarray(parted.transpose(0, 2, 4, 5, 3, 1))


def _emit(
    context: Context, data: relax.Expr, weight: Array, window: Window, groups: int = 1
) -> relax.Var:
    shape = static_shape(data)
    assert shape is not None
    rows, columns = window.output(*shape[2:4])
    # What hangs over the edge reads padding: an image without any would have to be copied.
    ragged = any(window.pads)
    tile = register_tile(context.layout.core, weight.shape[0], rows, columns, ragged=ragged)
    cover = tile.cover(rows, columns)
    return context.layout.builder.emit_te(
        lambda x, w: conv(x, w, window, groups, cover),
        data,
        relax.const(weight),
        primfunc_name_hint="conv",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )


def _depthwise(context: Context, data: Blocked, array: Array, window: Window) -> relax.Var:
    # [C, 1, KH, KW] -> [1, C / b, KH, KW, b]
    packed = context.layout.pack_channels(array.transpose(1, 0, 2, 3), rest=0.0)[0]
    return context.layout.builder.emit_te(
        lambda x, w: depthwise(x, w, window),
        data.expr,
        relax.const(packed),
        primfunc_name_hint="depthwise",
    )
