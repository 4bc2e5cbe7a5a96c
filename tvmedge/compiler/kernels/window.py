"""Convolutions and pools over channels in blocks: [N, C / b, H, W, b].

Reductions carry the annotation ``KERNEL``, by which schedule rules know them
whatever they are fused with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tvm
from tvm import te, tirx

from tvmedge.scheduling.plan import GROUPS, KERNEL


@dataclass(frozen=True)
class Window:
    """How a window moves over an image: sizes, steps and padding in elements.

    ``pads`` are top, left, bottom, right.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int] = (1, 1)

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Sizes of the result for an image of ``height`` x ``width``."""
        (top, left, bottom, right), (kh, kw) = self.pads, self.kernel
        (sh, sw), (dh, dw) = self.strides, self.dilations
        return (
            (height + top + bottom - (kh - 1) * dh - 1) // sh + 1,
            (width + left + right - (kw - 1) * dw - 1) // sw + 1,
        )


def sizes_of(tensor: te.Tensor) -> tuple[Any, ...]:
    """The shape of a tensor: numbers, but for an open batch."""
    return tuple(int(size) if isinstance(size, tirx.IntImm) else size for size in tensor.shape)


def _taps(kernel: tuple[int, int]) -> tuple[tirx.IterVar, tirx.IterVar]:
    """The axes of a sum over a window."""
    return te.reduce_axis((0, kernel[0]), "kh"), te.reduce_axis((0, kernel[1]), "kw")


def padded(data: te.Tensor, pads: tuple[int, int, int, int], value: float) -> te.Tensor:
    """``data`` [N, C, H, W, b] with ``value`` around its images."""
    batch, blocks, height, width, block = sizes_of(data)
    top, left, bottom, right = pads
    if not any(pads):
        return data

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        inside = tirx.all(h >= top, h < height + top, w >= left, w < width + left)
        inner = data[n, c, h - top, w - left, i]
        return tirx.if_then_else(inside, inner, tirx.const(value, data.dtype))

    shape = (batch, blocks, height + top + bottom, width + left + right, block)
    return te.compute(shape, element, name="pad")


def _extended(
    pads: tuple[int, int, int, int], beyond: tuple[int, int]
) -> tuple[int, int, int, int]:
    top, left, bottom, right = pads
    return top, left, bottom + max(0, beyond[0]), right + max(0, beyond[1])


def _within(position: tvm.ir.Expr, size: int, beyond: int) -> tvm.ir.Expr:
    return tirx.min(position, size - 1) if beyond > 0 else position


@dataclass(frozen=True)
class Grouped:
    """A convolution of ``groups``: the input channels of the next begin ``stride`` channels
    (empty lanes between blocks among them) after those of one."""

    window: Window
    groups: int = 1
    stride: int = 0


@dataclass(frozen=True)
class Cover:
    """Whole tiles: sums are formed over ``rows`` x ``columns``, and those beyond the result
    or of other than its first ``blocks`` of channels dropped.

    They read padding, or where the image is ``held`` within its edges, its last row and
    column.
    """

    blocks: int
    rows: int
    columns: int
    held: bool = False


def conv(data: te.Tensor, weight: te.Tensor, grouped: Grouped, cover: Cover) -> te.Tensor:
    """Convolution.

    data [N, blocks, H, W, a], weight [O / b, I / s, KH, KW, s, b] -> [N, O / b, OH, OW, b]
    for I input and O output channels a group in whole blocks, s a divisor of a.
    """
    window = grouped.window
    batch, _, height, width, in_block = sizes_of(data)
    rows, columns = window.output(height, width)
    outs, ins, kh_size, kw_size, step, block = sizes_of(weight)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    beyond = (cover.rows - rows) * sh, (cover.columns - columns) * sw
    image = data if cover.held else padded(data, _extended(window.pads, beyond), 0.0)
    ic = te.reduce_axis((0, ins), "ic")
    kh, kw = _taps((kh_size, kw_size))
    ii = te.reduce_axis((0, step), "ii")
    per_group = outs // grouped.groups

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, o: tirx.Var) -> tvm.ir.Expr:
        # In steps: then the lane is a multiple of the step and ii.
        at = ic if grouped.groups == 1 else c // per_group * (grouped.stride // step) + ic
        source, lane = at // (in_block // step), at % (in_block // step) * step + ii
        y, x = h * sh + kh * dh, w * sw + kw * dw
        if cover.held:
            y, x = _within(y, height, beyond[0]), _within(x, width, beyond[1])
        pixel = image[n, source, y, x, lane]
        return te.sum(pixel * weight[c, ic, kh, kw, ii, o], axis=[ic, kh, kw, ii])

    attrs = {KERNEL: "conv", GROUPS: grouped.groups}
    covered, result = (outs, cover.rows, cover.columns), (cover.blocks, rows, columns)
    sums = te.compute((batch, *covered, block), element, name="conv", attrs=attrs)
    if covered == result:
        return sums
    return te.compute(
        (batch, *result, block), lambda n, c, h, w, i: sums[n, c, h, w, i], name="crop"
    )


def depthwise(data: te.Tensor, weight: te.Tensor, window: Window) -> te.Tensor:
    """Depthwise convolution: data [N, C / b, H, W, b], weight [C / b, KH, KW, b]."""
    batch, blocks, height, width, block = sizes_of(data)
    kh, kw = _taps(window.kernel)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    image = padded(data, window.pads, 0.0)
    return te.compute(
        (batch, blocks, *window.output(height, width), block),
        lambda n, c, h, w, i: te.sum(
            image[n, c, h * sh + kh * dh, w * sw + kw * dw, i] * weight[c, kh, kw, i],
            axis=[kh, kw],
        ),
        name="depthwise",
        attrs={KERNEL: "depthwise"},
    )


def max_pool(data: te.Tensor, window: Window) -> te.Tensor:
    """Largest element of each window; padding never wins."""
    batch, blocks, height, width, block = sizes_of(data)
    kh, kw = _taps(window.kernel)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    image = padded(data, window.pads, float(tirx.min_value(data.dtype).value))
    return te.compute(
        (batch, blocks, *window.output(height, width), block),
        lambda n, c, h, w, i: te.max(
            image[n, c, h * sh + kh * dh, w * sw + kw * dw, i], axis=[kh, kw]
        ),
        name="max_pool",
        attrs={KERNEL: "pool"},
    )


def avg_pool(data: te.Tensor, window: Window, include_padding: bool) -> te.Tensor:
    """Mean of each window, of the elements inside the image unless ``include_padding``."""
    batch, blocks, height, width, block = sizes_of(data)
    kh, kw = _taps(window.kernel)
    (sh, sw), (dh, dw), (top, left, _, _) = window.strides, window.dilations, window.pads
    image = padded(data, window.pads, 0.0)
    total = te.compute(
        (batch, blocks, *window.output(height, width), block),
        lambda n, c, h, w, i: te.sum(
            image[n, c, h * sh + kh * dh, w * sw + kw * dw, i], axis=[kh, kw]
        ),
        name="avg_pool_sum",
        attrs={KERNEL: "pool"},
    )

    def count(
        position: tirx.Var, size: int, step: int, dilation: int, pad: int, kernel: int
    ) -> tvm.ir.Expr:
        """Elements of a window along one axis that lie inside the image."""
        first = position * step - pad
        inside = [
            tirx.Cast("int32", tirx.all(first + k * dilation >= 0, first + k * dilation < size))
            for k in range(kernel)
        ]
        return sum(inside[1:], inside[0])

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        if include_padding or not any(window.pads):
            return total[n, c, h, w, i] * tirx.const(
                1.0 / (window.kernel[0] * window.kernel[1]), data.dtype
            )
        rows = count(h, height, sh, dh, top, window.kernel[0])
        columns = count(w, width, sw, dw, left, window.kernel[1])
        return total[n, c, h, w, i] / tirx.Cast(data.dtype, tirx.max(rows * columns, 1))

    return te.compute(total.shape, element, name="avg_pool")
