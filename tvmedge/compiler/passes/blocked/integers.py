"""Convolutions of 8-bit integers in blocks of channels.

before: conv2d(pad(x[N, I, H, W], zero), w[O, I, KH, KW]), of uint8 or int8, in int32
after:  dot_conv(x in blocks, w[O / b, I / s, KH, KW, s / 4, b, 4])

Four neighbouring input channels are what one instruction multiplies; an image of few is kept
in blocks of that. Depthwise convolutions are those of floats. HVX multiplies twice as much in a
packet by weights without a sign: those are larger by 128, and what that adds is taken off.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from tvm import relax

from tvmedge.compiler.kernels import OPAQUE, OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.dots import Dots, depthwise_fours, dot_conv, dot_depthwise
from tvmedge.compiler.kernels.fours import interleaved
from tvmedge.compiler.kernels.window import Cover, Window
from tvmedge.compiler.kernels.window_sums import OFFSET, offset_conv, window_sums
from tvmedge.compiler.passes.blocked.context import Context, in_fours
from tvmedge.compiler.passes.blocked.images import open_image
from tvmedge.compiler.passes.blocked.layout import (
    Blocked,
    Layout,
    known,
    numbers,
    open_sizes,
    static_shape,
)
from tvmedge.compiler.passes.blocked.windows import window_of
from tvmedge.schedules.rules.cpu.dot_tiles import RAGGED, dot_tile
from tvmedge.schedules.rules.cpu.tiles import window_width
from tvmedge.schedules.rules.hexagon.narrow import PIXELS
from tvmedge.schedules.rules.hexagon.window_sums import takes

Array = npt.NDArray[np.int8]
LAYOUTS = (("NCW", "OIW"), ("NCHW", "OIHW"))
FEW_PIXELS = 4


def dot_convolution(context: Context, call: relax.Call) -> Blocked | None:
    """Dense and depthwise convolutions with constant weights, of images of known sizes."""
    data, attrs, array = call.args[0], call.attrs, numbers(call.args[1])
    layouts = str(attrs.data_layout), str(attrs.kernel_layout)
    if array is None or array.dtype != np.int8 or layouts not in LAYOUTS:
        return None
    pads, value, source = _padding(context, data)
    shape, result = open_image(source), open_image(call)
    if shape is None or result is None:
        return None
    window = window_of(array.shape[2:], attrs)
    window = Window(window.kernel, window.strides, pads, window.dilations)
    groups, (outs, ins) = int(attrs.groups), array.shape[:2]
    array = array.reshape(outs, ins, *window.kernel)
    if groups == 1:
        image = _image(context, source, ins)
        return Blocked(_dense(context, image, array, window, value), result)
    if (ins, groups) != (1, outs):
        return None
    blocked = context.blocked(source)
    packed = context.layout.of(blocked).pack(array.transpose(1, 0, 2, 3), rest=0)[0]
    made = _depthwise(context, blocked.expr, packed, window, value)
    return Blocked(made, result, blocked.groups)


def _depthwise(
    context: Context, data: relax.Expr, packed: Array, window: Window, value: int
) -> relax.Var:
    if in_fours(context):
        fours = np.repeat(packed[:, :, :, None], PIXELS, axis=3)
        return context.layout.builder.emit_te(
            lambda x, w: depthwise_fours(x, w, window, value),
            data,
            relax.const(np.ascontiguousarray(fours), "int8"),
            primfunc_name_hint="depthwise",
            primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
        )
    width = window_width(context.layout.core)
    return context.layout.builder.emit_te(
        lambda x, w: dot_depthwise(x, w, window, value, width),
        data,
        relax.const(packed, "int8"),
        primfunc_name_hint="depthwise",
    )


def _padding(
    context: Context, data: relax.Expr
) -> tuple[tuple[int, int, int, int], int, relax.Expr]:
    """Top, left, bottom, right and value of the padding that ``data`` is the result of, and what
    is padded."""
    pad = context.made_by(data, "relax.nn.pad")
    if pad is None:
        return (0, 0, 0, 0), 0, data
    width = [int(size) for size in pad.attrs.pad_width]
    if any(width[:4]):
        return (0, 0, 0, 0), 0, data
    rows = width[4:6] if len(width) == 8 else [0, 0]
    (top, bottom), (left, right) = rows, width[-2:]
    return (top, left, bottom, right), int(pad.attrs.pad_value), pad.args[0]


def _image(context: Context, data: relax.Expr, channels: int) -> relax.Expr:
    """``data`` in blocks; of few channels, and not in blocks yet, in one short block."""
    depth = context.layout.core.integer.depth if context.layout.core.integer else 1
    if context.is_blocked(data) or channels > context.layout.block // 2:
        return context.blocked(data).expr
    length = -(-channels // depth) * depth
    if in_fours(context) and static_shape(data) is not None:
        return context.layout.builder.emit_te(
            lambda x: interleaved(x, length), context.image(data), primfunc_name_hint="interleave"
        )
    short = Layout(context.layout.builder, context.layout.core, length)
    return short.pack(context.image(data)).expr


def _dense(
    context: Context, data: relax.Expr, array: Array, window: Window, value: int
) -> relax.Var:
    core, shape = context.layout.core, open_sizes(data)
    assert shape is not None and core.integer is not None
    step = shape[-1]
    packed = packed_dots(array, core.block, int(step), core.integer.depth)
    rows, columns = window.output(*shape[2:4])
    outs = packed.shape[0]
    products = math.prod(packed.shape[1:5])
    room = replace(RAGGED, products=products)
    tile = dot_tile(core.integer, outs, known(rows), known(columns), room)
    packed = np.pad(packed, [(0, -outs % tile.vectors), *[(0, 0)] * 6])
    # Pixels that one instruction reads lie side by side, at the edge, too: no tile hangs over it.
    whole = core.integer.pixels == 1 or (known(columns) or 1) % tile.columns == 0
    held = whole and not any(window.pads)

    def cover(x: object) -> Cover:
        height, width = tile.cover(rows, columns)
        return Cover(outs, height, width, held)

    dots = Dots(window, value)
    less = _sums_under(context, data, dots)
    if less is not None:
        return context.layout.builder.emit_te(
            lambda x, w, under: offset_conv(x, w, under, dots, cover(x)),
            data,
            relax.const(packed.view(np.uint8) ^ OFFSET, "uint8"),
            less,
            primfunc_name_hint="dot_conv",
            primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
        )
    return context.layout.builder.emit_te(
        lambda x, w: dot_conv(x, w, dots, cover(x)),
        data,
        relax.const(packed, "int8"),
        primfunc_name_hint="dot_conv",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )


def _sums_under(context: Context, data: relax.Expr, dots: Dots) -> relax.Var | None:
    """``window_sums`` of blocks, where HVX convolves by weights without a sign: few pixels wait for
    their weights."""
    shape = static_shape(data)
    if (
        not in_fours(context)
        or shape is None
        or not takes(dots.window.strides, dots.window.pads, shape[-1])
    ):
        return None
    if math.prod(dots.window.output(*shape[2:4])) < FEW_PIXELS:
        return None
    return context.layout.builder.emit_te(
        lambda x: window_sums(x, dots),
        data,
        primfunc_name_hint="window_sums",
        primfunc_attrs={"op_pattern": OPAQUE},
    )


def packed_dots(array: Array, block: int, step: int, depth: int) -> Array:
    """[O, I, KH, KW] -> [O / b, I / s, KH, KW, s / 4, b, 4], zero where it is longer."""
    outs, ins, kh, kw = array.shape
    whole = np.zeros((-(-outs // block) * block, -(-ins // step) * step, kh, kw), np.int8)
    whole[:outs, :ins] = array
    parted = whole.reshape(-1, block, whole.shape[1] // step, step // depth, depth, kh, kw)
    return np.ascontiguousarray(parted.transpose(0, 2, 5, 6, 3, 1, 4))
