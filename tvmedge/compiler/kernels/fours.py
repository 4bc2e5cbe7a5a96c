"""Windows over bytes in blocks of 32 channels, of which a vector of HVX holds four pixels.

Blocks carry the annotation ``KERNEL``, reductions ``MOVES``, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm
from tvm import te, tirx

from tvmedge.compiler.kernels.window import Window, around, padded, sizes_of
from tvmedge.scheduling.plan import CUT, KERNEL, MOVES

FOURS = 4


def slide_fours(
    data: te.Tensor,
    window: Window,
    fill: int,
    element: Callable[..., tvm.ir.Expr],
    kind: tuple[str, str],
) -> te.Tensor:
    """``element`` of a pixel, its channel, the axes of every window of ``data`` [N, C / b, H, W, b]
    with ``fill`` around it, and the column: formed of whole fours of columns, and those beyond the
    result dropped."""
    batch, blocks, height, width, block = sizes_of(data)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    rows, columns = window.output(height, width)
    covered = -(-columns // FOURS) * FOURS
    image = around(data, window, (rows, covered), (0, (covered - columns) * sw), fill)
    kh_size, kw_size = window.kernel
    kh, kw = te.reduce_axis((0, kh_size), "kh"), te.reduce_axis((0, kw_size), "kw")

    def reduced(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        pixel = image[n, c, h * sh + kh * dh, w * sw + kw * dw, i]
        return element(pixel, (c, i), (kh, kw), w)

    name, kernel = kind
    shape = (batch, blocks, rows, covered, block)
    attrs = {KERNEL: kernel, MOVES: (sw, dw)}
    made = te.compute(shape, reduced, name=name, attrs=attrs)
    if covered == columns:
        return made
    return te.compute(
        (batch, blocks, rows, columns, block),
        lambda *axes: made[axes],
        name="crop",
        attrs={CUT: 1},
    )


def max_fours(data: te.Tensor, window: Window) -> te.Tensor:
    """Largest byte of each window; padding never wins."""
    least = int(tirx.min_value(data.dtype).value)

    def element(pixel: tvm.ir.Expr, channel: Any, taps: Any, w: tirx.Var) -> tvm.ir.Expr:
        return te.max(pixel, axis=list(taps))

    return slide_fours(data, window, least, element, ("max_pool", "byte_pool"))


def sum_fours(data: te.Tensor) -> te.Tensor:
    """data [N, C / b, 1, P, b] of uint8 -> int32 [N, C / b, 1, 1, b]: all pixels of a channel."""
    batch, blocks, _, pixels, block = sizes_of(data)
    beyond = -pixels % FOURS
    whole = padded(data, (0, 0, 0, beyond), 0)
    q = te.reduce_axis((0, (pixels + beyond) // FOURS), "q")
    j = te.reduce_axis((0, FOURS), "j")

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        return te.sum(whole[n, c, h, w + q * FOURS + j, i].astype("int32"), axis=[q, j])

    shape = (batch, blocks, 1, 1, block)
    return te.compute(shape, element, name="byte_sum", attrs={KERNEL: "byte_sum"})


def interleaved(data: te.Tensor, block: int) -> te.Tensor:
    """data [N, C, H, W] of few channels -> [N, 1, H, W, block]: pixel by pixel, the last channel
    again where there are too few, which weights of zero follow."""
    batch, channels, height, width = sizes_of(data)

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        return data[n, tirx.min(i, channels - 1), h, w]

    shape = (batch, 1, height, width, block)
    return te.compute(shape, element, name="interleave", attrs={KERNEL: "interleave"})
