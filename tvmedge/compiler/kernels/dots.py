"""Sums of products of 8-bit integers, in int32, several neighbours at a time.

A convolution over channels in blocks [N, C / a, H, W, a]; reductions carry the annotation
``KERNEL``, "dot_conv" or "depthwise".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.window import Cover, Window, around, sizes_of, slide, within
from tvmedge.scheduling.plan import CUT, KERNEL


@dataclass(frozen=True)
class Dots:
    """A convolution's window, and what is around the image."""

    window: Window
    fill: int


def dot_conv(data: te.Tensor, weight: te.Tensor, dots: Dots, cover: Cover) -> te.Tensor:
    """data [N, I / s, H, W, s], weight [O / b, I / s, KH, KW, s / d, b, d] -> int32 [N, O / b,
    OH, OW, b]: each of b lanes adds d neighbours."""
    window = dots.window
    batch, _, height, width, _ = sizes_of(data)
    rows, columns = window.output(height, width)
    outs, ins, kh_size, kw_size, steps, block, depth = sizes_of(weight)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    beyond = (cover.rows - rows) * sh, (cover.columns - columns) * sw
    image = data
    if not cover.held:
        image = around(data, window, (cover.rows, cover.columns), beyond, dots.fill)
    ic = te.reduce_axis((0, ins), "ic")
    kh, kw = te.reduce_axis((0, kh_size), "kh"), te.reduce_axis((0, kw_size), "kw")
    ii, j = te.reduce_axis((0, steps), "ii"), te.reduce_axis((0, depth), "j")

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, o: tirx.Var) -> tvm.ir.Expr:
        y, x = h * sh + kh * dh, w * sw + kw * dw
        if cover.held:
            y, x = within(y, height, beyond[0]), within(x, width, beyond[1])
        pixel = _wide(image[n, ic, y, x, ii * depth + j])
        return te.sum(pixel * _wide(weight[c, ic, kh, kw, ii, o, j]), axis=[ic, kh, kw, ii, j])

    covered, result = (outs, cover.rows, cover.columns), (cover.blocks, rows, columns)
    sums = te.compute(
        (batch, *covered, block), element, name="dot_conv", attrs={KERNEL: "dot_conv"}
    )
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


def _wide(value: Any) -> tvm.ir.Expr:
    return value.astype("int32")
