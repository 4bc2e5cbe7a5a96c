"""Where float32 becomes codes and codes become float32."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tvm import relax

from tvmedge.compiler.passes.quantised.concat import concat
from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.fixed import (
    Result,
    fixed,
    requantised,
    rounded,
    scaled,
    terms,
)
from tvmedge.compiler.passes.quantised.softmax import softmax
from tvmedge.compiler.passes.quantised.values import Added, Array, Coded, Grid, Sums, along


def quantize(context: Context, call: relax.Call) -> Coded | None:
    """float32 -> codes of a grid, from what is known of it or by rounding."""
    grid = grid_of(context, call, str(call.attrs.out_dtype))
    value = context.values.get(call.args[0])
    if grid is None:
        return _by_channel(context, call, value) if isinstance(value, Sums) else None
    codes = None
    if isinstance(value, Coded):
        return Coded(value.source, grid.reals[_at(grid, value)], grid)
    if isinstance(value, Sums):
        codes = _of_sums(value, value.scales / np.float64(grid.scale), grid)
    elif isinstance(value, Added):
        codes = _of_added(context, value, grid)
    elif (join := context.made_by(call.args[0], "relax.concat")) is not None:
        codes = concat(context, join, grid)
    elif (rows := context.made_by(call.args[0], "relax.nn.softmax")) is not None:
        codes = softmax(context, rows, grid)
    if codes is not None:
        context.kept.pop(call.args[0], None)
    else:
        scale = relax.const(np.float32(grid.scale))
        zero = relax.const(grid.zero, grid.dtype)
        turned = context.made_by(call.args[0], "relax.permute_dims")
        source = call.args[0] if turned is None else turned.args[0]
        codes = relax.op.quantize(context.visit(source), scale, zero, axis=0, out_dtype=grid.dtype)
        if turned is not None:  # codes are moved sooner than floats
            codes = relax.Call(turned.op, [context.emit(codes)], turned.attrs)
    return Coded(context.emit(codes), grid.reals, grid)


def _by_channel(context: Context, call: relax.Call, value: Sums) -> Coded | None:
    """Sums of integers, each channel of its own scale, as codes of one that comes later."""
    scale, zero = (context.array(arg) for arg in call.args[1:3])
    dtype, axis = str(call.attrs.out_dtype), int(call.attrs.axis)
    if scale is None or zero is None or dtype not in ("uint8", "int8"):
        return None
    dims = value.total.ty.ndim
    same = value.scales.size == 1 or value.axis % dims == axis % dims
    if np.min(scale) <= 0 or np.min(zero) != np.max(zero) or not same:
        return None
    if not {value.low, value.high} <= {-np.inf, 0.0, np.inf}:
        return None
    grid = context.grid(1.0, int(np.min(zero)), dtype)
    ratios = value.scales / scale.astype(np.float64)
    offset = np.broadcast_to(value.offset, ratios.shape)
    codes = _of_sums(replace(value, offset=offset, axis=axis), ratios, grid)
    return None if codes is None else Coded(context.emit(codes), grid.reals, grid)


def dequantize(context: Context, call: relax.Call) -> Coded | None:
    """Codes -> what they stand for, which need not be what they were made of."""
    data = call.args[0]
    dtype = str(data.ty.dtype)
    if not isinstance(data, relax.Var) or dtype not in ("uint8", "int8"):
        return None
    grid = grid_of(context, call, dtype)
    if grid is None:
        return None
    if (known := context.codes.get(data)) is not None and known.grid is not None:
        return known if known.grid == grid else Coded(context.as_codes(known), grid.reals, grid)
    return Coded(context.turned(context.visit(data), grid.dtype), grid.reals, grid)


def grid_of(context: Context, call: relax.Call, dtype: str) -> Grid | None:
    """The grid of a (de)quantize call, None where it is not one of 8 bits known for the whole
    tensor."""
    scale, zero = (context.array(arg) for arg in call.args[1:3])
    if scale is None or zero is None or scale.size != 1 or zero.size != 1:
        return None
    if dtype not in ("uint8", "int8") or scale.dtype != np.float32 or not scale.item() > 0:
        return None
    return context.grid(scale.item(), int(zero.item()), dtype)


def _at(grid: Grid, value: Coded) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return grid.nearest(value.reals).astype(np.int64) - int(np.iinfo(grid.dtype).min)


def _result(grid: Grid, low: float, high: float) -> Result:
    least, most = grid.nearest(np.array([low, high], np.float32))
    return Result(grid.zero, int(least), int(most), grid.dtype)


def _of_sums(value: Sums, ratios: Array, grid: Grid) -> relax.Expr | None:
    form = fixed(ratios)
    if form is None:
        return None
    dims = value.total.ty.ndim
    shape = along(form.factors, value.axis, dims).shape
    return requantised(_total(value), form, shape, _result(grid, value.low, value.high))


def _total(value: Sums) -> relax.Expr:
    if not np.any(value.offset):
        return value.total
    offset = along(value.offset.astype(np.int32), value.axis, value.total.ty.ndim)
    return relax.op.add(value.total, relax.const(offset, "int32"))


def _of_added(context: Context, value: Added, grid: Grid) -> relax.Expr | None:
    sides = (value.left, value.right)
    grids = [side.grid for side in sides if isinstance(side, Coded) and side.grid is not None]
    found = terms(tuple(side.scale / grid.scale for side in grids))
    if found is None:
        return None
    factors, shift = found
    offset = -sum(one.zero * factor for one, factor in zip(grids, factors, strict=True))
    left = list(factors)
    products = []
    for side in sides:
        if isinstance(side, Sums):
            product = _scaled(side, shift, grid)
        else:
            wide = relax.op.astype(context.as_codes(side), "int32")
            product = relax.op.multiply(wide, relax.const(left.pop(0), "int32"))
        if product is None:
            return None
        products.append(product)
    total = relax.op.add(*products)
    return rounded(total, shift, _result(grid, value.low, value.high), offset)


def _scaled(value: Sums, shift: int, grid: Grid) -> relax.Expr | None:
    """Sums in steps of ``grid`` / 2^``shift``, below 2^29: what is clipped is beyond all codes."""
    form = fixed(value.scales / np.float64(grid.scale) * 2.0**shift)
    if form is None:
        return None
    shape = along(form.factors, value.axis, value.total.ty.ndim).shape
    return scaled(_total(value), form, shape)
