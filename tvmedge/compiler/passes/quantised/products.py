"""Convolutions, matrix products and means: sums of int32."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.fixed import MOST
from tvmedge.compiler.passes.quantised.shifted import shifted_product
from tvmedge.compiler.passes.quantised.values import Array, Sums, along

LAYOUTS = (("NCW", "OIW"), ("NCHW", "OIHW"))
REACH = 255  # the largest distance of a code from its zero point


@dataclass(frozen=True)
class _Weights:
    """``array`` (int8) times ``scales``, one or as many as ``axis`` has."""

    array: Array
    scales: Array
    axis: int


def convolution(context: Context, call: relax.Call) -> Sums | None:
    """Of any groups, with constant weights; padding is the zero point."""
    data, weights = context.coded(call.args[0]), _weights(context, call.args[1])
    attrs = call.attrs
    layouts = str(attrs.data_layout), str(attrs.kernel_layout)
    if data is None or data.grid is None or weights is None or layouts not in LAYOUTS:
        return None
    if weights.scales.size > 1 and weights.axis != 0:
        return None
    array = weights.array.astype(np.int64)
    per_result = tuple(range(1, array.ndim))
    most = int(np.abs(array).sum(axis=per_result).max()) * REACH
    if most >= MOST:
        return None
    codes = padded(context, context.as_codes(data), attrs.padding, data.grid.zero)
    operator = relax.op.nn.conv1d if array.ndim == 3 else relax.op.nn.conv2d
    total = operator(
        codes,
        relax.const(weights.array, "int8"),
        strides=[int(step) for step in attrs.strides],
        dilation=[int(step) for step in attrs.dilation],
        groups=int(attrs.groups),
        data_layout=layouts[0],
        kernel_layout=layouts[1],
        out_dtype="int32",
    )
    offset = -data.grid.zero * array.sum(axis=per_result)
    scales = np.float64(data.grid.scale) * weights.scales
    return Sums(context.emit(total), offset, scales, 1, most)


def padded(context: Context, codes: relax.Expr, padding: list[int], value: int) -> relax.Expr:
    """Codes [N, C, ...] with ``value`` around them, as far as a convolution's ``padding`` says."""
    pads = [int(pad) for pad in padding]
    if not any(pads):
        return codes
    axes = codes.ty.ndim - 2
    pads *= 2 * axes // len(pads)
    width = [0, 0, 0, 0]
    for before, after in zip(pads[:axes], pads[axes:], strict=True):
        width += [before, after]
    return context.emit(relax.op.nn.pad(codes, width, "constant", float(value)))


def product(context: Context, call: relax.Call) -> Sums | relax.Expr | None:
    """With a constant matrix or with a computed one."""
    left = context.coded(call.args[0])
    if left is None or left.grid is None:
        return shifted_product(context, call)
    weights = _weights(context, call.args[1])
    if weights is None:
        return _computed(context, call)
    if weights.array.ndim != 2 or (weights.scales.size > 1 and weights.axis % 2 != 1):
        return None
    array = weights.array.astype(np.int64)
    most = int(np.abs(array).sum(axis=0).max()) * REACH
    if most >= MOST or call.args[0].ty.ndim < 2:
        return None
    total = relax.op.matmul(
        context.as_codes(left), relax.const(weights.array, "int8"), out_dtype="int32"
    )
    offset = -left.grid.zero * array.sum(axis=0)
    scales = np.float64(left.grid.scale) * weights.scales
    return Sums(context.emit(total), offset, scales, call.ty.ndim - 1, most)


def _computed(context: Context, call: relax.Call) -> Sums | None:
    """sum (a - za)(b - zb) = sum ab - zb sum a - za sum b + k za zb; b in int8."""
    left, right = context.coded(call.args[0]), context.coded(call.args[1])
    if left is None or right is None or left.grid is None or right.grid is None:
        return None
    depth = call.args[0].ty.shape.values[-1]
    if not isinstance(depth, tvm.tirx.IntImm) or min(a.ty.ndim for a in call.args) < 2:
        return None
    most = int(depth) * REACH * REACH
    if most >= MOST:
        return None
    op, moved = relax.op, 128 if right.grid.dtype == "uint8" else 0
    a, b = context.as_codes(left), context.turned(context.as_codes(right), "int8")
    za, zb = left.grid.zero, right.grid.zero - moved
    total = context.emit(op.matmul(a, b, out_dtype="int32"))
    for codes, zero, axis in ((a, zb, -1), (b, za, -2)):
        if zero:
            sums = op.sum(op.astype(codes, "int32"), axis=axis, keepdims=True)
            total = op.subtract(total, op.multiply(sums, relax.const(zero, "int32")))
    offset = np.array([int(depth) * za * zb], np.int64)
    scales = np.array([left.grid.scale * right.grid.scale], np.float64)
    return Sums(context.emit(total), offset, scales, -1, most)


def mean(context: Context, call: relax.Call) -> Sums | None:
    """Over axes of known length."""
    data = context.coded(call.args[0])
    shape = call.args[0].ty.shape
    if data is None or data.grid is None or call.attrs.axis is None:
        return None
    axes = [int(axis) for axis in call.attrs.axis]
    sizes = [shape.values[axis] for axis in axes]
    if not all(isinstance(size, tvm.tirx.IntImm) for size in sizes):
        return None
    count = math.prod(int(size) for size in sizes)
    if count * REACH >= MOST:
        return None
    wide = relax.op.astype(context.as_codes(data), "int32")
    total = relax.op.sum(wide, axis=axes, keepdims=bool(call.attrs.keepdims))
    offset = np.array([-data.grid.zero * count], np.int64)
    scales = np.array([data.grid.scale / count], np.float64)
    return Sums(context.emit(total), offset, scales, -1, count * REACH)


def avg_pool(context: Context, call: relax.Call) -> Sums | None:
    """A depthwise convolution with ones, where padding counts or is none."""
    data, attrs = context.coded(call.args[0]), call.attrs
    if data is None or data.grid is None or str(attrs.layout) != "NCHW":
        return None
    pads = [int(pad) for pad in attrs.padding]
    if attrs.ceil_mode or (any(pads) and not attrs.count_include_pad):
        return None
    channels = call.args[0].ty.shape.values[1]
    kernel = [int(size) for size in attrs.pool_size]
    count = math.prod(kernel)
    if not isinstance(channels, tvm.tirx.IntImm) or count * REACH >= MOST:
        return None
    codes = padded(context, context.as_codes(data), attrs.padding, data.grid.zero)
    total = relax.op.nn.conv2d(
        codes,
        relax.const(np.ones((int(channels), 1, *kernel), np.int8), "int8"),
        strides=[int(step) for step in attrs.strides],
        dilation=[int(step) for step in attrs.dilation],
        groups=int(channels),
        out_dtype="int32",
    )
    offset = np.array([-data.grid.zero * count], np.int64)
    scales = np.array([data.grid.scale / count], np.float64)
    return Sums(context.emit(total), offset, scales, -1, count * REACH)


def _weights(context: Context, expr: relax.Expr) -> _Weights | None:
    """Constant weights as they were before they were dequantised, in int8."""
    turned = context.made_by(expr, "relax.permute_dims")
    source = turned.args[0] if turned is not None else expr
    call = context.made_by(source, "relax.dequantize")
    if call is None:
        return None
    array, scales, zeros = (context.array(arg) for arg in call.args)
    if array is None or scales is None or zeros is None or array.dtype not in (np.int8, np.uint8):
        return None
    axis = int(call.attrs.axis) % array.ndim
    moved = array.astype(np.int64) - along(zeros.astype(np.int64), axis, array.ndim)
    if moved.min() < -128 or moved.max() > 127 or np.min(scales) <= 0:
        return None
    if turned is not None:
        axes = turned.attrs.axes
        order = [*range(array.ndim)][::-1] if axes is None else [int(one) for one in axes]
        moved, axis = moved.transpose(order), order.index(axis)
    packed = np.ascontiguousarray(moved.astype(np.int8))
    return _Weights(packed, scales.astype(np.float64).reshape(-1), axis)
