"""Kernels of bytes as fusion leaves them, and what they compute, in numpy's integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import te, tirx

from tvmedge.compiler.kernels.dots import Dots, depthwise_fours, dot_conv
from tvmedge.compiler.kernels.fixed_point import scaled
from tvmedge.compiler.kernels.float_codes import quantised
from tvmedge.compiler.kernels.fours import interleaved, max_fours, sum_fours
from tvmedge.compiler.kernels.moves import concat
from tvmedge.compiler.kernels.window import Cover, Window
from tvmedge.compiler.kernels.window_sums import offset_conv, window_sums
from tvmedge.scheduling.plan import KERNEL

Array = NDArray[Any]
BLOCK, ZERO, SHIFT = 32, 3, 7


@dataclass(frozen=True)
class Case:
    """A kernel, its inputs and its result; ``macs`` are its multiply-adds."""

    func: tvm.tirx.PrimFunc
    inputs: list[Array]
    expected: Array
    macs: int = 0


def convolution(
    channels: tuple[int, int],
    size: tuple[int, int],
    window: Window,
    low: int = 0,
    *,
    offset: bool = False,
) -> Case:
    """Dense, with its fixed-point factor; ``channels`` are whole blocks. ``offset``: by weights
    that are 128 larger, and what that adds to a sum is given."""
    ins, outs = (count // BLOCK for count in channels)
    rng, (kh, kw) = np.random.default_rng(ins), window.kernel
    data = _bytes(rng, 1, ins, *size, BLOCK)
    weight = _weights(rng, outs, ins, kh, kw, BLOCK // 4, BLOCK, 4)
    rows, columns = window.output(*size)
    over, dots = Cover(outs, rows, columns, not any(window.pads)), Dots(window, ZERO)
    total = np.zeros((1, outs, rows, columns, BLOCK), np.int64)
    parts = data.reshape(1, ins, *size, BLOCK // 4, 4)
    for (a, b), pixels in _windows(parts, window, (rows, columns)):
        taps = weight[:, :, a, b].astype(np.int64)
        total += np.einsum("nchwij,ocikj->nohwk", pixels, taps, optimize=True)
    arrays = [data, weight]
    if offset:
        arrays = [data, weight.view(np.uint8) ^ 128, window_totals(data, window)]
    given = [_placeholder(array) for array in arrays]
    sums = offset_conv(*given, dots, over) if offset else dot_conv(*given, dots, over)
    return _requantised(rng, given, sums, total, arrays, low, channels[0] * kh * kw)


def window_totals(data: Array, window: Window) -> Array:
    """-128 times all bytes under each window, in rows of whole vectors."""
    rows, columns = window.output(*data.shape[2:4])
    under = _windows(data, window, (rows, columns))
    total = np.sum([pixels.sum(axis=(1, 4)) for _, pixels in under], axis=0) * -128
    beyond = -columns % BLOCK
    return np.pad(total, [(0, 0), (0, 0), (0, beyond)]).astype(np.int32)


def totals(channels: tuple[int, int], size: tuple[int, int], window: Window) -> Case:
    """``window_totals`` of two images of so many channels, in blocks of so many."""
    count, block = channels
    data = _bytes(np.random.default_rng(count), 2, count // block, *size, block)
    x = _placeholder(data)
    made = window_sums(x, Dots(window, ZERO))
    return Case(te.create_prim_func([x, made]), [data], window_totals(data, window))


def depthwise(channels: int, size: tuple[int, int], window: Window) -> Case:
    """Depthwise, with its fixed-point factor."""
    blocks = channels // BLOCK
    rng, (kh, kw) = np.random.default_rng(channels), window.kernel
    data, weight = _bytes(rng, 1, blocks, *size, BLOCK), _weights(rng, blocks, kh, kw, BLOCK)
    fours = np.ascontiguousarray(np.repeat(weight[:, :, :, None], 4, axis=3))
    x, w = _placeholder(data), _placeholder(fours)
    sums = depthwise_fours(x, w, window, ZERO)
    rows, columns = window.output(*size)
    total = np.zeros((1, blocks, rows, columns, BLOCK), np.int64)
    for (a, b), pixels in _windows(data, window, (rows, columns)):
        total += pixels * weight[None, :, a, b][:, :, None, None]
    return _requantised(rng, [x, w], sums, total, [data, fours], 0, kh * kw)


def pooled(channels: int, size: tuple[int, int], window: Window, dtype: str = "uint8") -> Case:
    """The largest byte of each window."""
    rng, blocks = np.random.default_rng(channels), channels // BLOCK
    data = rng.integers(0, 256, (1, blocks, *size, BLOCK)).astype(dtype)
    x = _placeholder(data)
    least = int(np.iinfo(dtype).min)
    under = _windows(data, window, window.output(*size), least)
    expected = np.maximum.reduce([pixels for _, pixels in under]).astype(dtype)
    return Case(te.create_prim_func([x, max_fours(x, window)]), [data], expected)


def summed(channels: int, size: tuple[int, int]) -> Case:
    """All pixels of each channel."""
    rng, blocks, (height, width) = np.random.default_rng(1), channels // BLOCK, size
    data = _bytes(rng, 1, blocks, 1, height * width, BLOCK)
    expected = data.sum(axis=3, keepdims=True).astype(np.int32)
    return Case(te.create_prim_func([x := _placeholder(data), sum_fours(x)]), [data], expected)


def quantised_pixels(shape: tuple[int, ...], scale: float, zero: int, dtype: str) -> Case:
    """float32 as QuantizeLinear has it, ties and what is beyond all codes among it."""
    rng = np.random.default_rng(2)
    real = (rng.uniform(-300, 300, shape) * scale).astype(np.float32)
    flat = real.reshape(-1)
    flat[::3] = np.rint(flat[::3] / scale) * np.float32(scale) + np.float32(scale / 2)
    flat[:9] = [np.inf, -np.inf, 1e38, -1e38, 1e-42, -1e-42, 0.0, -0.0, scale / 2]
    codes = _codes_of_bits(real.view(np.int32).astype(np.int64), float(np.float32(scale)), zero)
    limits = np.iinfo(dtype)
    codes = np.clip(codes, limits.min, limits.max).astype(dtype)
    with np.errstate(over="ignore"):
        steps = np.clip(real / np.float32(scale) + np.float32(zero), limits.min, limits.max)
    assert np.abs(codes - steps).max() <= 0.5001
    x = _placeholder(real)
    made = quantised(x, float(np.float32(scale)), zero, dtype)
    return Case(te.create_prim_func([x, made]), [real], codes)


def _codes_of_bits(bits: Array, scale: float, zero: int) -> Array:
    """m * 2^e in steps of ``scale``, a factor of 31 bits, rounded to 25 bits and half to even."""
    shift = 31 - math.frexp(1 / scale)[1]
    factor = round(2.0**shift / scale)
    part = (((bits & 0x7FFFFF) | 0x800000) * factor >> 25) + 16 & -32
    by = np.clip(125 + shift - (bits >> 23 & 255), 19, 31)
    steps = part + (1 << by - 1) - 1 + (part >> by & 1) >> by
    return np.asarray(np.where(bits < 0, -steps, steps) + zero)


def interleaved_image(channels: int, size: tuple[int, int], *, last: bool) -> Case:
    """An image of few channels pixel by pixel, which came plane by plane or channels ``last``."""
    rng, (height, width) = np.random.default_rng(3), size
    data = _bytes(rng, 1, channels, height, width)
    whole = np.stack([data[:, min(i, channels - 1)] for i in range(BLOCK // 8)], axis=-1)
    given = np.ascontiguousarray(data.transpose(0, 2, 3, 1)) if last else data
    x = _placeholder(given)
    image = te.compute(data.shape, lambda n, c, h, w: x[n, h, w, c]) if last else x
    return Case(te.create_prim_func([x, interleaved(image, 4)]), [given], whole[:, None])


def product(rows: int, depth: int, columns: int) -> Case:
    """A product of matrices, with its fixed-point factor."""
    rng, blocks = np.random.default_rng(rows), columns // BLOCK
    data, weight = _bytes(rng, rows, depth), _weights(rng, columns, depth)
    parts = weight.reshape(blocks, BLOCK, depth // 4, 4).transpose(0, 2, 1, 3)
    packed = np.ascontiguousarray(parts)
    x, w = _placeholder(data), _placeholder(packed)
    k, j = te.reduce_axis((0, depth // 4), "k"), te.reduce_axis((0, 4), "j")
    sums = te.compute(
        (rows, blocks, BLOCK),
        lambda m, c, o: te.sum(
            x[m, k * 4 + j].astype("int32") * w[c, k, o, j].astype("int32"), axis=[k, j]
        ),
        name="product",
        attrs={KERNEL: "dot_product"},
    )
    total = (data.astype(np.int64) @ weight.T.astype(np.int64)).reshape(rows, blocks, BLOCK)
    return _requantised(rng, [x, w], sums, total, [data, packed], 0, depth)


def added(shape: tuple[int, ...]) -> Case:
    """The sum of two tensors, each by a factor of its own."""
    rng = np.random.default_rng(len(shape))
    left, right = _bytes(rng, *shape), _bytes(rng, *shape)
    x, y = _placeholder(left), _placeholder(right)
    terms = te.compute(
        shape, lambda *i: x[i].astype("int32") * _n(1234) - y[i].astype("int32") * _n(777)
    )
    result = _codes(te.compute(shape, lambda *i: (terms[i] + _n(5000)) >> _n(10)), 0)
    wide = (left.astype(np.int64) * 1234 - right.astype(np.int64) * 777 + 5000) >> 10
    expected = np.clip(wide, 0, 255).astype(np.uint8)
    return Case(te.create_prim_func([x, y, result]), [left, right], expected)


def joined(first: int, second: int, size: int) -> Case:
    """Two tensors of so many blocks one after the other."""
    rng = np.random.default_rng(size)
    left, right = (_bytes(rng, 1, blocks, size, size, BLOCK) for blocks in (first, second))
    x, y = _placeholder(left), _placeholder(right)
    shape = (1, first + second, size, size, BLOCK)
    result = concat([x, y], shape, [first * BLOCK, second * BLOCK])
    expected = np.concatenate([left, right], axis=1)
    return Case(te.create_prim_func([x, y, result]), [left, right], expected)


def sliced(size: int, begin: int, rows: int, columns: int) -> Case:
    """Of ``rows`` rows of ``size``, ``columns`` from ``begin`` on."""
    data = _bytes(np.random.default_rng(begin), rows, size)
    x = _placeholder(data)
    result = te.compute((rows, columns), lambda i, j: x[i, j + begin])
    return Case(te.create_prim_func([x, result]), [data], data[:, begin : begin + columns])


def lessened(rows: int, columns: int) -> Case:
    """Each row less a number of its own."""
    rng = np.random.default_rng(columns)
    data, less = _bytes(rng, rows, columns), rng.integers(0, 99, (rows, 1)).astype(np.int32)
    x, y = _placeholder(data), _placeholder(less)
    result = te.compute(
        data.shape, lambda i, j: (x[i, j].astype("int32") - y[i, 0]).astype("uint8")
    )
    return Case(te.create_prim_func([x, y, result]), [data, less], (data - less).astype(np.uint8))


def looked_up(shape: tuple[int, ...]) -> Case:
    """Entries of a table of 256, in sizes of 64 bits, as models have them."""
    rng = np.random.default_rng(1)
    table, codes = _bytes(rng, 256), _bytes(rng, *shape)
    rows = te.placeholder((tirx.IntImm("int64", 256),), "uint8")
    at = te.placeholder([tirx.IntImm("int64", size) for size in shape], "uint8")
    result = te.compute(at.shape, lambda *i: rows[at[i].astype("int32")], name="look_up")
    return Case(te.create_prim_func([rows, at, result]), [table, codes], table[codes])


def _requantised(
    rng: np.random.Generator,
    operands: list[te.Tensor],
    sums: te.Tensor,
    total: Array,
    arrays: list[Array],
    low: int,
    per_sum: int,
) -> Case:
    channels = (1, total.shape[1], *[1] * (total.ndim - 3))
    bias = rng.integers(-1000, 1000, (*channels, BLOCK)).astype(np.int32)
    factor = rng.integers(2**27, 2**30, (*channels, BLOCK)).astype(np.int32)
    b, m = _placeholder(bias), _placeholder(factor)

    def at(axes: tuple[tirx.Var, ...]) -> tuple[Any, ...]:
        return tuple(0 if size == 1 else axis for size, axis in zip(bias.shape, axes, strict=True))

    shape = total.shape
    biased = te.compute(shape, lambda *i: sums[i] + b[at(i)])
    high = te.compute(shape, lambda *i: scaled(biased[i], m[at(i)]))
    offset = (1 << SHIFT >> 1) + (ZERO << SHIFT)
    shifted = te.compute(shape, lambda *i: (high[i] + _n(offset)) >> _n(SHIFT))
    result = _codes(shifted, low)
    wide = ((((total + bias) * factor) >> 31) + offset) >> SHIFT
    expected = np.clip(wide, low, 255).astype(np.uint8)
    func = te.create_prim_func([*operands, b, m, result])
    return Case(func, [*arrays, bias, factor], expected, total.size * per_sum)


def _codes(numbers: te.Tensor, low: int) -> te.Tensor:
    limited = te.compute(numbers.shape, lambda *i: tirx.max(numbers[i], _n(low)))
    limited_too = te.compute(numbers.shape, lambda *i: tirx.min(limited[i], _n(255)))
    return te.compute(numbers.shape, lambda *i: limited_too[i].astype("uint8"))


def _windows(data: Array, window: Window, result: tuple[int, int], fill: int = ZERO) -> Any:
    """For each tap, the pixels under it."""
    top, left, bottom, right = window.pads
    pads = [(0, 0), (0, 0), (top, bottom), (left, right), *[(0, 0)] * (data.ndim - 4)]
    padded = np.pad(data, pads, constant_values=fill).astype(np.int64)
    (sh, sw), (rows, columns) = window.strides, result
    dh, dw = window.dilations
    for a in range(window.kernel[0]):
        for b in range(window.kernel[1]):
            under = padded[:, :, a * dh : a * dh + (rows - 1) * sh + 1 : sh]
            yield (a, b), under[:, :, :, b * dw : b * dw + (columns - 1) * sw + 1 : sw]


def _placeholder(array: Array) -> te.Tensor:
    return te.placeholder(array.shape, array.dtype.name)


def _bytes(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(0, 256, shape).astype(np.uint8)


def _weights(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(-128, 128, shape).astype(np.int8)


def _n(value: int) -> tvm.ir.Expr:
    return tirx.const(value, "int32")
