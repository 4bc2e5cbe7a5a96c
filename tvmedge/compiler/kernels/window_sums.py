"""Convolutions of bytes by weights without a sign, which HVX multiplies two vectors of a packet by.

Weights are 128 larger than those meant: what that adds to a sum is 128 times the sum of all bytes
under its window, the same for all channels. ``window_sums`` carry the annotations ``KERNEL`` and
``WINDOW``.
"""

from __future__ import annotations

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.dots import Dots, dot_conv
from tvmedge.compiler.kernels.window import Cover, sizes_of
from tvmedge.scheduling.plan import KERNEL, WINDOW

OFFSET = 128
LANES = 32  # results of a row come in whole vectors


def window_sums(data: te.Tensor, dots: Dots) -> te.Tensor:
    """data [N, C / b, H, W, b] of uint8 -> int32 [N, OH, OW]: -128 times the sum of all bytes
    under each window; rows are lengthened to whole vectors, and what is there means nothing."""
    (batch, blocks, height, width, block), window = sizes_of(data), dots.window
    rows, columns = window.output(height, width)
    (kh_size, kw_size), (sh, sw), (dh, dw) = window.kernel, window.strides, window.dilations
    top, left = window.pads[:2]
    ic, i = te.reduce_axis((0, blocks), "ic"), te.reduce_axis((0, block), "i")
    kh, kw = te.reduce_axis((0, kh_size), "kh"), te.reduce_axis((0, kw_size), "kw")

    def element(n: tirx.Var, h: tirx.Var, w: tirx.Var) -> tvm.ir.Expr:
        y, x = h * sh + kh * dh - top, w * sw + kw * dw - left
        inside = tirx.all(y >= 0, y < height, x >= 0, x < width)
        fill = tirx.const(dots.fill, data.dtype)
        pixel = tirx.if_then_else(inside, data[n, ic, y, x, i], fill)
        return te.sum(pixel.astype("int32") * tirx.const(-OFFSET, "int32"), axis=[ic, kh, kw, i])

    numbers = (*window.kernel, *window.strides, *window.dilations, *window.pads, dots.fill, -OFFSET)
    return te.compute(
        (batch, rows, -(-columns // LANES) * LANES),
        element,
        name="window_sums",
        attrs={KERNEL: "window_sums", WINDOW: numbers},
    )


def offset_conv(
    data: te.Tensor, weight: te.Tensor, less: te.Tensor, dots: Dots, over: Cover
) -> te.Tensor:
    """``dot_conv`` by weights 128 larger than those meant (uint8), and ``window_sums`` added."""
    sums = dot_conv(data, weight, dots, over)
    return te.compute(sums.shape, lambda n, c, h, w, o: sums[n, c, h, w, o] + less[n, h, w])
