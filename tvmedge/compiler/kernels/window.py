"""Convolutions and pools over channels in blocks: [N, C / b, H, W, b].

Reductions carry the annotation ``KERNEL``, by which schedule rules know them
whatever they are fused with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import tvm
from tvm import sym, te, tirx

from tvmedge.scheduling.plan import ALGORITHM, CUT, GROUPS, HALVES, KERNEL, MOVES, RUN

Pair: TypeAlias = tuple[Any, Any]


@dataclass(frozen=True)
class Window:
    """How a window moves over an image: sizes, steps and padding in elements.

    ``pads`` are top, left, bottom, right.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int] = (1, 1)

    def output(self, height: Any, width: Any) -> tuple[Any, Any]:
        """Sizes of the result for an image of ``height`` x ``width``, numbers or expressions."""
        (top, left, bottom, right), (kh, kw) = self.pads, self.kernel
        (sh, sw), (dh, dw) = self.strides, self.dilations
        return (
            simple((height + (top + bottom - (kh - 1) * dh - 1)) // sh + 1),
            simple((width + (left + right - (kw - 1) * dw - 1)) // sw + 1),
        )


def simple(size: Any) -> Any:
    """An expression as short as TVM can make it: they grow from layer to layer, and with
    them the time that TVM takes to compile."""
    return size if isinstance(size, int) else sym.Analyzer().simplify(size)


def sizes_of(tensor: te.Tensor) -> tuple[Any, ...]:
    """The shape of a tensor: numbers, but for an open batch."""
    return tuple(int(size) if isinstance(size, tirx.IntImm) else size for size in tensor.shape)


def _taps(kernel: tuple[int, int]) -> tuple[tirx.IterVar, tirx.IterVar]:
    """The axes of a sum over a window."""
    return te.reduce_axis((0, kernel[0]), "kh"), te.reduce_axis((0, kernel[1]), "kw")


def padded(data: te.Tensor, pads: tuple[int, int, int, int], value: float) -> te.Tensor:
    """``data`` [N, C, H, W, b] with ``value`` around its images."""
    _, _, height, width, _ = sizes_of(data)
    top, left, bottom, right = pads
    if not any(pads):
        return data
    return _inside(data, (top, left), (height + top + bottom, width + left + right), value)


def _inside(
    data: te.Tensor, corner: tuple[int, int], size: tuple[Any, Any], value: float
) -> te.Tensor:
    """``data`` in larger or smaller images of ``size`` from ``corner`` on, ``value`` around it."""
    batch, blocks, height, width, block = sizes_of(data)
    top, left = corner

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        inside = tirx.all(h >= top, h < height + top, w >= left, w < width + left)
        inner = data[n, c, h - top, w - left, i]
        return tirx.if_then_else(inside, inner, tirx.const(value, data.dtype))

    return te.compute((batch, blocks, *size, block), element, name="pad")


def around(
    data: te.Tensor, window: Window, covered: tuple[Any, Any], beyond: tuple[Any, Any], fill: float
) -> te.Tensor:
    """``data`` with ``fill`` around it, as far as windows reach for ``covered`` rows and
    columns of results, ``beyond`` pixels more than there are."""
    top, left, bottom, right = window.pads
    if all(isinstance(count, int) for count in covered):
        return padded(data, (top, left, bottom + beyond[0], right + beyond[1]), fill)
    # Exactly what is read: TVM follows that this is enough, in terms of the image's own
    # size it does not.
    steps = zip(covered, window.strides, window.kernel, window.dilations, strict=True)
    rows, columns = ((count - 1) * step + (k - 1) * d + 1 for count, step, k, d in steps)
    return _inside(data, (top, left), (rows, columns), fill)


def within(position: tvm.ir.Expr, size: Any, beyond: Any) -> tvm.ir.Expr:
    inside = isinstance(beyond, int) and beyond <= 0
    return position if inside else tirx.min(position, size - 1)


@dataclass(frozen=True)
class Grouped:
    """A convolution of ``groups``: the input channels of the next begin ``stride`` channels
    (empty lanes between blocks among them) after those of one. ``question``: what knobs were
    asked for its algorithm, if they were."""

    window: Window
    groups: int = 1
    stride: int = 0
    question: str = ""


@dataclass(frozen=True)
class Cover:
    """Whole tiles: sums are formed over ``rows`` x ``columns``, and those beyond the result
    or of other than its first ``blocks`` of channels dropped.

    They read padding, or where the image is ``held`` within its edges, its last row and
    column.
    """

    blocks: int
    rows: Any
    columns: Any
    held: bool = False


def every(data: te.Tensor, window: Window) -> te.Tensor:
    """The pixels of data [N, C / b, H, W, b] at which a 1x1 ``window`` stops."""
    batch, blocks, height, width, block = sizes_of(data)
    (sh, sw), (rows, columns) = window.strides, window.output(height, width)
    return te.compute(
        (batch, blocks, rows, columns, block),
        lambda n, c, h, w, i: data[n, c, h * sh, w * sw, i],
        name="every",
        attrs={RUN: block},
    )


@dataclass(frozen=True)
class Packed:
    """How weights [O / (V b), I / s, KH, KW, s, V b] are packed: ``block`` is b, and V the
    blocks of output channels that lie side by side. ``halves``: steps of input channels of
    the first half alternate with those of the second."""

    block: int
    halves: bool = False


def conv(
    data: te.Tensor, weight: te.Tensor, grouped: Grouped, cover: Cover, packed: Packed
) -> te.Tensor:
    """Convolution.

    data [N, blocks, H, W, a], weight as ``packed`` says -> [N, O / b, OH, OW, b] for I input
    and O output channels a group in whole blocks, s a divisor of a.
    """
    block = packed.block
    window = grouped.window
    batch, _, height, width, in_block = sizes_of(data)
    rows, columns = window.output(height, width)
    outs_beside, ins, kh_size, kw_size, step, wide = sizes_of(weight)
    beside = wide // block
    outs = outs_beside * beside
    (sh, sw), (dh, dw) = window.strides, window.dilations
    beyond = (cover.rows - rows) * sh, (cover.columns - columns) * sw
    reach = cover.rows, cover.columns
    image = data if cover.held else around(data, window, reach, beyond, 0.0)
    ic = te.reduce_axis((0, ins), "ic")
    kh, kw = _taps((kh_size, kw_size))
    ii = te.reduce_axis((0, step), "ii")
    per_group = outs // grouped.groups

    def element(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, o: tirx.Var) -> tvm.ir.Expr:
        # In steps: then the lane is a multiple of the step and ii.
        at = ic % 2 * (ins // 2) + ic // 2 if packed.halves else ic
        if grouped.groups > 1:
            at = c // per_group * (grouped.stride // step) + at
        source, lane = at // (in_block // step), at % (in_block // step) * step + ii
        y, x = h * sh + kh * dh, w * sw + kw * dw
        if cover.held:
            y, x = within(y, height, beyond[0]), within(x, width, beyond[1])
        pixel = image[n, source, y, x, lane]
        factor = weight[c // beside, ic, kh, kw, ii, c % beside * block + o]
        return te.sum(pixel * factor, axis=[ic, kh, kw, ii])

    attrs = {KERNEL: "conv", GROUPS: grouped.groups, MOVES: (sw, dw), HALVES: packed.halves}
    if grouped.question:
        attrs[ALGORITHM] = grouped.question
    covered, result = (outs, cover.rows, cover.columns), (cover.blocks, rows, columns)
    sums = te.compute((batch, *covered, block), element, name="conv", attrs=attrs)
    if covered == result:
        return sums
    return te.compute(
        (batch, *result, block), lambda *axes: sums[axes], name="crop", attrs={CUT: 1}
    )


def slide(
    data: te.Tensor,
    window: Window,
    fill: float,
    width: int,
    element: Callable[..., tvm.ir.Expr],
    kind: tuple[str, str],
) -> te.Tensor:
    """``element`` of a pixel, its channel and the axes of every window of ``data`` with
    ``fill`` around it; in tiles of ``width`` columns where their number is open."""
    batch, blocks, height, given, block = sizes_of(data)
    kh, kw = _taps(window.kernel)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    rows, columns = window.output(height, given)
    covered = columns
    if not isinstance(columns, int):
        covered = (columns + (width - 1)) // width * width
    beyond = 0, (covered - columns) * sw
    image = around(data, window, (rows, covered), beyond, fill)

    def reduced(n: tirx.Var, c: tirx.Var, h: tirx.Var, w: tirx.Var, i: tirx.Var) -> tvm.ir.Expr:
        return element(image[n, c, h * sh + kh * dh, w * sw + kw * dw, i], (c, i), (kh, kw))

    name, kernel = kind
    shape = (batch, blocks, rows, covered, block)
    result = te.compute(shape, reduced, name=name, attrs={KERNEL: kernel})
    if isinstance(columns, int):
        return result
    return te.compute(
        (batch, blocks, rows, columns, block),
        lambda *axes: result[axes],
        name="crop",
        attrs={CUT: 1},
    )


def depthwise(data: te.Tensor, weight: te.Tensor, window: Window, width: int = 1) -> te.Tensor:
    """Depthwise convolution: data [N, C / b, H, W, b], weight [C / b, KH, KW, b].

    ``width``: columns of a tile where their number is open; the same for pools.
    """

    def element(pixel: tvm.ir.Expr, channel: Pair, taps: Pair) -> tvm.ir.Expr:
        (c, i), (kh, kw) = channel, taps
        return te.sum(pixel * weight[c, kh, kw, i], axis=[kh, kw])

    return slide(data, window, 0.0, width, element, ("depthwise", "depthwise"))


def max_pool(data: te.Tensor, window: Window, width: int = 1) -> te.Tensor:
    """Largest element of each window; padding never wins."""
    least = float(tirx.min_value(data.dtype).value)

    def element(pixel: tvm.ir.Expr, channel: Pair, taps: Pair) -> tvm.ir.Expr:
        return te.max(pixel, axis=list(taps))

    return slide(data, window, least, width, element, ("max_pool", "pool"))


def avg_pool(data: te.Tensor, window: Window, include_padding: bool, width: int = 1) -> te.Tensor:
    """Mean of each window, of the elements inside the image unless ``include_padding``."""
    _, _, height, columns_in, _ = sizes_of(data)
    (sh, sw), (dh, dw), (top, left, _, _) = window.strides, window.dilations, window.pads

    def summed(pixel: tvm.ir.Expr, channel: Pair, taps: Pair) -> tvm.ir.Expr:
        return te.sum(pixel, axis=list(taps))

    total = slide(data, window, 0.0, width, summed, ("avg_pool_sum", "pool"))

    def count(
        position: tirx.Var, size: Any, step: int, dilation: int, pad: int, kernel: int
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
        columns = count(w, columns_in, sw, dw, left, window.kernel[1])
        return total[n, c, h, w, i] / tirx.Cast(data.dtype, tirx.max(rows * columns, 1))

    return te.compute(total.shape, element, name="avg_pool")
