"""Convolutions with constant weights start blocked regions.

before: conv2d(x[N, I, H, W], w[O, I, KH, KW])
after:  conv(x in blocks, w[O / (V b), I / s, KH, KW, s, V b]); V blocks lie side by side
        where that pairs the loads of a tile (ARM)

The first layer of a model reads its image as it comes: [N, I, H, W, 1] or
[N, 1, H, W, I] are other views of it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from tvm import relax, te

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.blocks import Blocks
from tvmedge.compiler.kernels.window import (
    Cover,
    Grouped,
    Packed,
    Window,
    conv,
    depthwise,
    every,
    sizes_of,
)
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.images import open_image
from tvmedge.compiler.passes.blocked.layout import Blocked, constant, known, open_sizes
from tvmedge.compiler.passes.blocked.windows import window_of
from tvmedge.compiler.passes.blocked.winograd import Algorithm, winograd
from tvmedge.schedules.rules.cpu.covers import Sums, covered
from tvmedge.schedules.rules.cpu.tiles import (
    Room,
    Tile,
    image_tile,
    row_of,
    window_width,
    written_out,
)

Array = npt.NDArray[np.float32]
LAYOUTS = (("NCW", "OIW"), ("NCHW", "OIHW"))
WRITTEN_OUT = 4  # input channels that the schedule writes out: sums over whole fours


def convolution(context: Context, call: relax.Call) -> Blocked | None:
    """Dense, grouped and depthwise convolutions of images and of signals."""
    data, weights = call.args
    attrs, array = call.attrs, constant(weights)
    shape, result = open_image(data), open_image(call)
    if array is None or shape is None or result is None:
        return None
    if (str(attrs.data_layout), str(attrs.kernel_layout)) not in LAYOUTS:
        return None
    groups = int(attrs.groups)
    window = window_of(array.shape[2:], attrs)
    outs, ins = array.shape[:2]
    array = array.reshape(outs, ins, *window.kernel)
    if groups > 1 and ins == 1 and outs == groups:
        data_blocks = context.any_blocked(data)
        value = _depthwise(context, data_blocks, array, window)
        groups = data_blocks.groups
    elif groups == 1 and ins < context.layout.block and not context.is_blocked(data):
        value = _image(context, data, shape, array, window)
    else:
        array, groups = _merge(array, groups, context.layout.block)
        value = _grouped(context, data, array, window, groups)
    return Blocked(value, result, context.layout.blocks(outs, groups).groups)


def _image(
    context: Context, data: relax.Expr, shape: tuple[int, ...], array: Array, window: Window
) -> relax.Var:
    """The first layer reads its few channels where they are."""
    batch, ins, height, width = shape
    outs = context.layout.blocks(array.shape[0])
    turned = context.made_by(data, "relax.permute_dims")
    by_plane = context.layout.core.lane_operand  # whose rows are read as vectors
    if (
        not by_plane
        and turned is not None
        and [int(axis) for axis in turned.attrs.axes or ()] == [0, 3, 1, 2]
    ):
        view = relax.op.reshape(context.visit(turned.args[0]), (batch, 1, height, width, ins))
        step = ins
    else:
        view = relax.op.reshape(context.visit(data), (batch, ins, height, width, 1))
        step = 1
    return _emit(context, context.emit(view), pack(array, outs, step), Grouped(window))


def _grouped(
    context: Context, data: relax.Expr, array: Array, window: Window, groups: int
) -> relax.Var:
    """Any number of groups, each group's results beginning a block."""
    per_group = array.shape[1]
    value = context.any_blocked(data)
    if value.groups != groups:
        value = context.blocked(data, groups if per_group % 2 else 1)
    way = winograd(context, value.expr, array, window) if groups == 1 else Algorithm()
    if way.made is not None:
        return way.made
    ins = context.layout.of(value)
    stride = 0
    if groups > 1:
        stride = per_group if ins.groups == 1 else ins.group_blocks * ins.block
    length = per_group if stride == per_group else -(-per_group // WRITTEN_OUT) * WRITTEN_OUT
    outs = context.layout.blocks(array.shape[0], groups)
    packed = pack(array, outs, math.gcd(length, stride, ins.block))
    image, window = _steps_taken(context, value.expr, window)
    return _emit(context, image, packed, Grouped(window, groups, stride, way.question))


def _steps_taken(context: Context, image: relax.Expr, window: Window) -> tuple[relax.Expr, Window]:
    """A 1x1 window with a stride moves over the pixels that it reads alone, which costs less
    than to skip the others for each block of results (ARM loads pairs of vectors)."""
    strided = replace(window, strides=(1, 1))
    shape = open_sizes(image)
    alone = window.strides != (1, 1) and strided == Window((1, 1), (1, 1), (0, 0, 0, 0))
    if not alone or not context.layout.core.lane_operand or shape is None:
        return image, window
    rows, columns = known(shape[2]), known(shape[3])
    if rows is None or columns is None:
        return image, window
    made = context.layout.builder.emit_te(
        lambda x: every(x, window), image, primfunc_name_hint="every"
    )
    return made, strided


def _merge(array: Array, groups: int, block: int) -> tuple[Array, int]:
    """Several small groups as one, zero from one's inputs to another's results, where
    their results together are a block."""
    outs, ins = array.shape[0] // groups, array.shape[1]
    merged = block // outs
    if groups == 1 or merged < 2 or block % outs or groups % merged:
        return array, groups
    whole = np.zeros((groups // merged, merged, outs, merged, *array.shape[1:]), array.dtype)
    parted = array.reshape(groups // merged, merged, outs, *array.shape[1:])
    for group in range(merged):
        whole[:, group, :, group] = parted[:, group]
    return whole.reshape(-1, merged * ins, *array.shape[2:]), groups // merged


def pack(array: Array, outs: Blocks, step: int) -> Array:
    """[O, I, KH, KW] -> [O / b, I / step, KH, KW, step, b], zero where it is longer."""
    ins = -(-array.shape[1] // step) * step
    whole = np.zeros((array.shape[0], ins, *array.shape[2:]), array.dtype)
    whole[:, : array.shape[1]] = array
    # [I * KH, KW] stand for the image of channels that Blocks packs
    blocked = outs.pack(whole.reshape(1, array.shape[0], -1, 1), rest=0.0)
    parted = blocked.reshape(outs.number, ins // step, step, *array.shape[2:], outs.block)
    return np.ascontiguousarray(parted.transpose(0, 1, 3, 4, 2, 5))


def side_by_side(packed: Array, vectors: int) -> Array:
    """[O, I, KH, KW, step, b] -> [O / V, I, KH, KW, step, V b] for V = ``vectors``."""
    outs, *inner, block = packed.shape
    parted = packed.reshape(outs // vectors, vectors, *inner, block)
    together = np.moveaxis(parted, 1, -2)
    return np.ascontiguousarray(together.reshape(outs // vectors, *inner, vectors * block))


def in_turns(packed: Array) -> Array:
    """[O, I, ...] with I in the order of ``Packed.halves``, for which addresses of two steps
    are so far apart that each is kept, and vectors beside each are loaded in pairs."""
    outs, ins, *rest = packed.shape
    halves = packed.reshape(outs, 2, ins // 2, *rest)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(packed.shape)


def _emit(context: Context, data: relax.Expr, weight: Array, grouped: Grouped) -> relax.Var:
    shape = open_sizes(data)
    assert shape is not None
    window = grouped.window
    rows, columns = window.output(*shape[2:4])
    core = context.layout.core
    # What hangs over the edge reads padding, or the edge again; an image without padding
    # is not copied for it. Lanes, and vectors that items load, have to lie side by side.
    held = not any(window.pads) and not core.lane_operand and not core.items
    by_items = core.items > 0 and window.kernel == (1, 1)  # they ask for each pixel anyway
    room = Room(
        pixels=any(window.pads) or held or by_items,
        vectors=grouped.groups == 1,
        products=math.prod(weight.shape[1:5]),
        images=grouped.groups * (known(shape[0]) or 0),
        row=row_of(
            core, weight.shape[3], (window.strides[1], window.dilations[1]), weight.shape[4]
        ),
    )
    blocks = weight.shape[0] // grouped.groups
    tile, grouped = _tile(context, blocks, (known(rows), known(columns)), room, grouped)
    more = -blocks % tile.vectors
    whole = np.pad(weight, [(0, more), *[(0, 0)] * 5]) if more else weight
    halves = core.lane_operand and weight.shape[2:5] == (1, 1, core.lanes)
    short = written_out(core, tile.vectors, tile.rows * tile.columns, room.products)
    halves = halves and weight.shape[1] % 2 == 0 and not short
    if core.lane_operand:
        whole = side_by_side(whole, tile.vectors)
    if halves:
        whole = in_turns(whole)
    packed = Packed(core.block, halves)

    def cover(image: te.Tensor) -> Cover:
        height, width = tile.cover(*window.output(*sizes_of(image)[2:4]))
        return Cover(weight.shape[0], height, width, held)

    return context.layout.builder.emit_te(
        lambda x, w: conv(x, w, grouped, cover(x), packed),
        data,
        relax.const(whole),
        primfunc_name_hint="conv",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )


def _tile(
    context: Context,
    blocks: int,
    image: tuple[int | None, int | None],
    room: Room,
    grouped: Grouped,
) -> tuple[Tile, Grouped]:
    """The tile that sums are covered with, and the convolution with the question for it, unless
    another one was asked."""
    core, (rows, columns) = context.layout.core, image
    if grouped.question or rows is None or columns is None:
        return image_tile(core, blocks, rows, columns, room), grouped
    sums = Sums(blocks, rows, columns, room.products, room)
    found = covered(core, sums, context.knobs)
    return found.tile, replace(grouped, question=found.question)


def _depthwise(context: Context, data: Blocked, array: Array, window: Window) -> relax.Var:
    # [C, 1, KH, KW] -> [1, C / b, KH, KW, b]
    packed = context.layout.of(data).pack(array.transpose(1, 0, 2, 3), rest=0.0)[0]
    return context.layout.builder.emit_te(
        lambda x, w: depthwise(x, w, window, window_width(context.layout.core)),
        data.expr,
        relax.const(packed),
        primfunc_name_hint="depthwise",
    )
