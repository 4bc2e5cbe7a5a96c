"""Sums of products of 8-bit integers, in int32, several neighbours at a time.

A convolution over channels in blocks [N, C / a, H, W, a]; reductions carry the annotation
``KERNEL``: "dot_conv", "depthwise", "dot_product".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.fours import slide_fours
from tvmedge.compiler.kernels.product import cover, size_of, zeros_beyond
from tvmedge.compiler.kernels.window import Cover, Window, around, sizes_of, slide, within
from tvmedge.scheduling.plan import CUT, KERNEL, MOVES


@dataclass(frozen=True)
class Dots:
    """A convolution's window, and what is around the image."""

    window: Window
    fill: int


def dot_conv(data: te.Tensor, weight: te.Tensor, dots: Dots, over: Cover) -> te.Tensor:
    """data [N, I / s, H, W, s], weight [O / b, I / s, KH, KW, s / d, b, d] -> int32 [N, O / b,
    OH, OW, b]: each of b lanes adds d neighbours."""
    window = dots.window
    batch, _, height, width, _ = sizes_of(data)
    rows, columns = window.output(height, width)
    outs, ins, kh_size, kw_size, steps, block, depth = sizes_of(weight)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    beyond = (over.rows - rows) * sh, (over.columns - columns) * sw
    image = data
    if not over.held:
        image = around(data, window, (over.rows, over.columns), beyond, dots.fill)
    ic = te.reduce_axis((0, ins), "ic")
    kh, kw = te.reduce_axis((0, kh_size), "kh"), te.reduce_axis((0, kw_size), "kw")
    ii, j = te.reduce_axis((0, steps), "ii"), te.reduce_axis((0, depth), "j")

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, o: tirx.Var) -> tvm.ir.Expr:
        y, x = h * sh + kh * dh, w * sw + kw * dw
        if over.held:
            y, x = within(y, height, beyond[0]), within(x, width, beyond[1])
        pixel = _wide(image[n, ic, y, x, ii * depth + j])
        return te.sum(pixel * _wide(weight[c, ic, kh, kw, ii, o, j]), axis=[ic, kh, kw, ii, j])

    covered, result = (outs, over.rows, over.columns), (over.blocks, rows, columns)
    attrs = {KERNEL: "dot_conv", MOVES: (sw, dw)}
    sums = te.compute((batch, *covered, block), element, name="dot_conv", attrs=attrs)
    if covered == result:
        return sums
    return te.compute(
        (batch, *result, block), lambda *axes: sums[axes], name="crop", attrs={CUT: 1}
    )


def dot_depthwise(
    data: te.Tensor, weight: te.Tensor, window: Window, fill: int, width: int
) -> te.Tensor:
    """data [N, C / b, H, W, b], weight [C / b, KH, KW, b] -> int32; ``width`` as of
    ``window.depthwise``."""

    def element(pixel: tvm.ir.Expr, channel: Any, taps: Any) -> tvm.ir.Expr:
        (c, i), (kh, kw) = channel, taps
        return te.sum(_wide(pixel) * _wide(weight[c, kh, kw, i]), axis=[kh, kw])

    return slide(data, window, fill, width, element, ("depthwise", "depthwise"))


def dot_dense(data: te.Tensor, weight: te.Tensor, tile: int, columns: int) -> te.Tensor:
    """data [..., M, K], weight [N / b, K / d, b, d] -> int32 [..., M, ``columns``], summed in whole
    tiles of ``tile`` rows."""
    *lead, height, _ = (size_of(size) for size in data.shape)
    blocks, steps, block, depth = sizes_of(weight)
    rows = cover(height, tile)
    image = zeros_beyond(zeros_beyond(data, -1, steps * depth, "lengthen"), -2, rows, "pad")
    k, j = te.reduce_axis((0, steps), "k"), te.reduce_axis((0, depth), "j")

    def element(*axes: tirx.Var) -> tvm.ir.Expr:
        *outer, m, c, o = axes
        factor = _wide(weight[c, k, o, j])
        index = (*outer, m, k * depth + j)
        return te.sum(_wide(image[index]) * factor, axis=[k, j])

    def flat(*axes: tirx.Var) -> tvm.ir.Expr:
        index = (*axes[:-1], axes[-1] // block, axes[-1] % block)
        return sums[index]

    attrs = {KERNEL: "dot_product"}
    sums = te.compute((*lead, rows, blocks, block), element, name="dot_product", attrs=attrs)
    return te.compute((*lead, height, columns), flat, name="flat", attrs={CUT: 1})


def depthwise_fours(data: te.Tensor, weight: te.Tensor, window: Window, fill: int) -> te.Tensor:
    """data [N, C / b, H, W, b], weight [C / b, KH, KW, 4, b], the same four times: a vector holds
    four pixels."""
    fours = int(weight.shape[3])

    def element(pixel: tvm.ir.Expr, channel: Any, taps: Any, w: tirx.Var) -> tvm.ir.Expr:
        (c, i), (kh, kw) = channel, taps
        return te.sum(_wide(pixel) * _wide(weight[c, kh, kw, w % fours, i]), axis=[kh, kw])

    return slide_fours(data, window, fill, element, ("depthwise", "dot_depthwise"))


def _wide(value: Any) -> tvm.ir.Expr:
    return value.astype("int32")
