"""Convolutions and pools over volumes in blocks of channels: [N, C / b, D * H, W, b].

Planes stand below each other as the rows of one image, which is what everything else takes
a volume for. Taps of a window's depth and height are one axis as well. Annotated like the
kernels of images, and scheduled by the same rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.window import sizes_of
from tvmedge.scheduling.plan import GROUPS, KERNEL, MOVES, PLANES

Size3 = tuple[int, int, int]
Axis: TypeAlias = tirx.Var
Read: TypeAlias = Callable[..., tvm.ir.Expr]


@dataclass(frozen=True)
class VolumeWindow:
    """How a window moves over a volume of ``sizes``: depth, height and width each.

    ``front`` is the padding before, ``back`` the padding behind.
    """

    sizes: Size3
    kernel: Size3
    strides: Size3
    front: Size3
    back: Size3
    dilations: Size3

    @property
    def output(self) -> Size3:
        """Sizes of the result."""
        depth, height, width = (
            (self.sizes[i] + self.front[i] + self.back[i] - self.reach(i)) // self.strides[i] + 1
            for i in range(3)
        )
        return depth, height, width

    def reach(self, axis: int) -> int:
        """Elements from the first tap to the last."""
        return (self.kernel[axis] - 1) * self.dilations[axis] + 1

    @property
    def taps(self) -> tuple[te.IterVar, te.IterVar]:
        """The axes of a sum: depth and height together, and width."""
        rows = te.reduce_axis((0, self.kernel[0] * self.kernel[1]), "kh")
        return rows, te.reduce_axis((0, self.kernel[2]), "kw")

    @property
    def image(self) -> tuple[int, int]:
        """Rows and columns of the result as an image."""
        depth, height, width = self.output
        return depth * height, width


def conv_volume(
    data: te.Tensor, weight: te.Tensor, window: VolumeWindow, columns: int
) -> te.Tensor:
    """Convolution.

    data [N, blocks, D * H, W, a], weight [O / b, I / s, KD * KH, KW, s, b] ->
    [N, O / b, OD * OH, OW, b], s a divisor of a. Sums are formed over ``columns`` >= OW,
    and those beyond dropped.
    """
    batch, _, _, _, in_block = sizes_of(data)
    outs, ins, _, _, step, block = sizes_of(weight)
    rows, width = window.image
    read = _reader(data, window, 0.0, (columns - width) * window.strides[2])
    ic, ii = te.reduce_axis((0, ins), "ic"), te.reduce_axis((0, step), "ii")
    kh, kw = window.taps

    def element(n: Axis, c: Axis, h: Axis, w: Axis, o: Axis) -> tvm.ir.Expr:
        # In steps: then the lane is a multiple of the step and ii.
        source, lane = ic // (in_block // step), ic % (in_block // step) * step + ii
        pixel = read(n, source, h, w, kh, kw, lane)
        return te.sum(pixel * weight[c, ic, kh, kw, ii, o], axis=[ic, kh, kw, ii])

    shape = (batch, outs, rows, columns, block)
    moves = window.strides[2], window.dilations[2]
    attrs = {KERNEL: "conv", GROUPS: 1, PLANES: window.output[0], MOVES: moves}
    sums = te.compute(shape, element, name="conv", attrs=attrs)
    if columns == width:
        return sums
    return te.compute(
        (batch, outs, rows, width, block), lambda n, c, h, w, i: sums[n, c, h, w, i], name="crop"
    )


def depthwise_volume(data: te.Tensor, weight: te.Tensor, window: VolumeWindow) -> te.Tensor:
    """Depthwise convolution: data [N, C / b, D * H, W, b], weight [C / b, KD * KH, KW, b]."""
    kh, kw = window.taps
    read = _reader(data, window, 0.0)
    return te.compute(
        _pooled(data, window),
        lambda n, c, h, w, i: te.sum(
            read(n, c, h, w, kh, kw, i) * weight[c, kh, kw, i], axis=[kh, kw]
        ),
        name="depthwise",
        attrs={KERNEL: "depthwise"},
    )


def max_pool_volume(data: te.Tensor, window: VolumeWindow) -> te.Tensor:
    """Largest element of each window; padding never wins."""
    kh, kw = window.taps
    read = _reader(data, window, float(tirx.min_value(data.dtype).value))
    return te.compute(
        _pooled(data, window),
        lambda n, c, h, w, i: te.max(read(n, c, h, w, kh, kw, i), axis=[kh, kw]),
        name="max_pool",
        attrs={KERNEL: "pool"},
    )


def avg_pool_volume(data: te.Tensor, window: VolumeWindow) -> te.Tensor:
    """Mean of each window, padding included."""
    kh, kw = window.taps
    read = _reader(data, window, 0.0)
    total = te.compute(
        _pooled(data, window),
        lambda n, c, h, w, i: te.sum(read(n, c, h, w, kh, kw, i), axis=[kh, kw]),
        name="avg_pool_sum",
        attrs={KERNEL: "pool"},
    )
    share = tirx.const(1 / math.prod(window.kernel), data.dtype)
    return te.compute(total.shape, lambda *axes: total(*axes) * share, name="avg_pool")


def _pooled(data: te.Tensor, window: VolumeWindow) -> tuple[int, ...]:
    batch, blocks, _, _, block = sizes_of(data)
    return (batch, blocks, *window.image, block)


def _reader(data: te.Tensor, window: VolumeWindow, fill: float, more: int = 0) -> Read:
    """What tap (kh, kw) of the window at (row, column) of the result reads: of ``data``,
    or ``fill`` around it and in ``more`` columns on its right."""
    (_, height, _), (_, kernel, _) = window.sizes, window.kernel
    (sd, sh, sw), (dd, dh, dw) = window.strides, window.dilations
    _, rows, _ = window.output
    padded = _padded(data, window, fill, more)

    def read(
        n: Axis, c: tvm.ir.Expr, row: Axis, column: Axis, kh: Axis, kw: Axis, lane: tvm.ir.Expr
    ) -> tvm.ir.Expr:
        d = row // rows * sd + kh // kernel * dd
        h = row % rows * sh + kh % kernel * dh
        w = column * sw + kw * dw
        return (
            data[n, c, d * height + h, w, lane] if padded is None else padded[n, c, d, h, w, lane]
        )

    return read


def _padded(data: te.Tensor, window: VolumeWindow, fill: float, more: int) -> te.Tensor | None:
    """[N, C, D, H, W, b] with padding; None where there is none."""
    batch, blocks, _, _, block = sizes_of(data)
    front, back = window.front, (*window.back[:2], window.back[2] + max(0, more))
    if not any((*front, *back)):
        return None
    depth, height, width = window.sizes

    def element(n: Axis, c: Axis, d: Axis, h: Axis, w: Axis, i: Axis) -> tvm.ir.Expr:
        inside = tirx.all(
            *(d >= front[0], d < depth + front[0]),
            *(h >= front[1], h < height + front[1]),
            *(w >= front[2], w < width + front[2]),
        )
        inner = data[n, c, (d - front[0]) * height + h - front[1], w - front[2], i]
        return tirx.if_then_else(inside, inner, tirx.const(fill, data.dtype))

    sizes = [
        size + before + after for size, before, after in zip(window.sizes, front, back, strict=True)
    ]
    return te.compute((batch, blocks, *sizes, block), element, name="pad")
