"""Transposed convolutions with constant weights, in blocks.

before: conv2d_transpose(x[N, I, H, W], w[I, O, KH, KW])
after:  conv_transposed(x in blocks, w[O / b, SH, SW, I / b, JH, JW, b, b])
"""

from __future__ import annotations

import math

from tvm import relax

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.phases import Phases
from tvmedge.compiler.kernels.transposed import conv_transposed, pack_phases
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.images import image_shape
from tvmedge.compiler.passes.blocked.layout import Blocked, constant
from tvmedge.compiler.passes.blocked.windows import window_of
from tvmedge.schedules.rules.cpu.tiles import Room, register_tile

LAYOUTS = (("NCW", "IOW"), ("NCHW", "IOHW"))


def transposed(context: Context, call: relax.Call) -> Blocked | None:
    """Dense transposed convolutions without dilation, of images and of signals."""
    data, weights = call.args
    attrs, array = call.attrs, constant(weights)
    shape, result = image_shape(data), image_shape(call)
    if array is None or shape is None or result is None or int(attrs.groups) != 1:
        return None
    window = window_of(array.shape[2:], attrs)
    layouts = str(attrs.data_layout), str(attrs.kernel_layout)
    if layouts not in LAYOUTS or window.dilations != (1, 1):
        return None
    rows, columns = (
        Phases(*axis) for axis in zip(window.kernel, window.strides, window.pads[:2], strict=True)
    )
    image = array.reshape(*array.shape[:2], *window.kernel)
    packed = pack_phases(image, rows, columns, context.layout.block)
    height, width = result[2:]
    places = -(-height // rows.stride), -(-width // columns.stride)
    room = Room(pixels=True, products=math.prod(packed.shape[3:7]))
    tile = register_tile(context.layout.core, packed.shape[0], 1, places[1], room)
    _, cover = tile.cover(1, places[1])
    value = context.layout.builder.emit_te(
        lambda x, w: conv_transposed(x, w, (rows, columns), places, cover),
        context.blocked(data).expr,
        relax.const(packed),
        primfunc_name_hint="conv_transposed",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )
    if (places[0] * rows.stride, places[1] * columns.stride) != (height, width):
        cut = relax.op.strided_slice(value, axes=[2, 3], begin=[0, 0], end=[height, width])
        value = context.emit(cut)
    return Blocked(value, result)
