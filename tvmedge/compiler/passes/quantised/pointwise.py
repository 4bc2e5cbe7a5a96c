"""Operators of single elements: tables of what they are for every code, terms, bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard

import numpy as np
from tvm import relax

from tvmedge.compiler.passes.quantised.context import Context, spread
from tvmedge.compiler.passes.quantised.fixed import MOST
from tvmedge.compiler.passes.quantised.values import Added, Array, Coded, Known, Sums
from tvmedge.compiler.passes.quantised.weighted import weighted_sum

MOST_DROPPED = 8  # bits of a sum below its bias

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


UNARY: dict[str, Callable[[Array], Array]] = {
    "relax.nn.relu": lambda x: np.maximum(x, 0),
    "relax.nn.relu6": lambda x: np.clip(x, 0, 6),
    "relax.sigmoid": _sigmoid,
    "relax.tanh": np.tanh,
    "relax.exp": np.exp,
    "relax.erf": _erf,
    "relax.nn.silu": lambda x: x * _sigmoid(x),
    "relax.nn.gelu": lambda x: x * 0.5 * (1 + _erf(x / math.sqrt(2))),
    "relax.negative": np.negative,
    "relax.abs": np.abs,
    "relax.sqrt": np.sqrt,
}
BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "relax.add": np.add,
    "relax.subtract": np.subtract,
    "relax.multiply": np.multiply,
    "relax.divide": np.divide,
    "relax.maximum": np.maximum,
    "relax.minimum": np.minimum,
    "relax.power": np.power,
}


def unary(context: Context, call: relax.Call) -> Known | None:
    """A function of one number."""
    value = context.values.get(call.args[0])
    name = call.op.name
    if isinstance(value, Coded):
        return _tabled(value, UNARY[name])
    bounds = {"relax.nn.relu": (0.0, np.inf), "relax.nn.relu6": (0.0, 6.0)}
    return None if value is None or name not in bounds else _bounded(value, *bounds[name])


def leaky_relu(context: Context, call: relax.Call) -> Known | None:
    """x, or alpha * x where x is negative."""
    value, alpha = context.values.get(call.args[0]), float(call.attrs.alpha)
    if not isinstance(value, Coded):
        return None
    return _tabled(value, lambda x: np.where(x < 0, alpha * x, x))


def clip(context: Context, call: relax.Call) -> Known | None:
    """Between two numbers."""
    value = context.values.get(call.args[0])
    low, high = (float(limit.value) for limit in call.args[1:3])
    if isinstance(value, Coded):
        return _tabled(value, lambda x: np.clip(x, low, high))
    return None if value is None else _bounded(value, low, high)


def binary(context: Context, call: relax.Call) -> Known | None:
    """Two functions of the same codes; codes and a number; sums and numbers; two of codes."""
    if call.op.name == "relax.add" and (sums := weighted_sum(context, call)) is not None:
        return sums
    left, right = (context.values.get(arg) for arg in call.args)
    if isinstance(left, Coded) and isinstance(right, Coded) and left.source.same_as(right.source):
        return _finite(left, BINARY[call.op.name](_wide(left), _wide(right)))
    if call.op.name == "relax.add" and _addable(left) and _addable(right):
        return Added(left, right)
    if isinstance(left, Coded) and isinstance(right, Coded):
        return _product(context, left, right) if call.op.name == "relax.multiply" else None
    known, other = (right, call.args[0]) if left is None else (left, call.args[1])
    number = context.array(other)
    if known is None or number is None:
        return None
    return _with_number(context, call, (known, number), reverse=left is None)


def _with_number(
    context: Context, call: relax.Call, terms: tuple[Known, Array], *, reverse: bool
) -> Known | None:
    """What is known and a number, which stands first if ``reverse``."""
    known, number = terms
    name, function = call.op.name, BINARY[call.op.name]
    if isinstance(known, Coded):
        if number.size != 1:
            return None
        single = number.reshape(()).astype(np.float64)
        return _tabled(known, lambda x: function(single, x) if reverse else function(x, single))
    if name in ("relax.maximum", "relax.minimum") and number.size == 1:
        bound = float(number.item())
        return _bounded(known, *((bound, np.inf) if name == "relax.maximum" else (-np.inf, bound)))
    if not isinstance(known, Sums) or not _fits(call, known, number):
        return None
    if reverse and name in ("relax.subtract", "relax.divide"):
        return None
    return _of_sums(context, name, known, number)


def _fits(call: relax.Call, value: Sums, number: Array) -> bool:
    """Whether ``number`` is a single one, or one for each element of the axis of sums."""
    dims = value.total.ty.ndim
    if number.size == 1 or call.ty.ndim != dims or number.ndim > dims:
        return number.size == 1
    shape = (1,) * (dims - number.ndim) + number.shape
    axis = value.axis % dims
    size = value.total.ty.shape.values[axis]
    others = all(length == 1 for at, length in enumerate(shape) if at != axis)
    return others and hasattr(size, "value") and shape[axis] == int(size)


def _of_sums(context: Context, name: str, value: Sums, number: Array) -> Sums | None:
    """A bias is so many of the sums' own steps; positive factors are part of the scales."""
    if np.isfinite(value.low) or np.isfinite(value.high):
        return None
    flat = number.astype(np.float64).reshape(-1)
    if name in ("relax.add", "relax.subtract"):
        return _biased(context, value, flat if name == "relax.add" else -flat)
    if name in ("relax.multiply", "relax.divide") and np.all(flat > 0):
        scales = value.scales * flat if name == "relax.multiply" else value.scales / flat
        return replace(value, scales=scales)
    return None


def _biased(context: Context, value: Sums, bias: Array) -> Sums | None:
    """Channels whose own steps are so small that their bias is billions of them take larger
    ones: what their sums lose is less than 2^-20 of the bias."""
    steps = bias / value.scales
    if not np.all(np.isfinite(steps)):
        return None
    over = np.maximum(np.abs(steps) / (MOST - value.most), 2.0**-1)
    shifts = np.maximum(np.ceil(np.log2(over)), 0).astype(np.int64)
    if np.any(shifts > MOST_DROPPED):
        return None
    total, offset, scales = value.total, value.offset, value.scales
    if np.any(shifts):
        total = context.emit(
            relax.op.right_shift(total, spread(shifts.astype(np.int32), value.axis, total.ty.ndim))
        )
        offset, scales = offset >> shifts, scales * 2.0**shifts
    whole = np.rint(bias / scales).astype(np.int64)
    most = value.most + int(np.abs(whole).max())
    return replace(value, total=total, offset=offset + whole, scales=scales, most=most)


def _addable(value: Known | None) -> TypeGuard[Coded | Sums]:
    if isinstance(value, Sums):
        return not np.isfinite(value.low) and not np.isfinite(value.high)
    return isinstance(value, Coded) and value.grid is not None


def _product(context: Context, left: Coded, right: Coded) -> Sums | None:
    if left.grid is None or right.grid is None:
        return None
    factors = []
    for side, zero in ((left, left.grid.zero), (right, right.grid.zero)):
        wide = relax.op.astype(context.as_codes(side), "int32")
        factors.append(relax.op.subtract(wide, relax.const(zero, "int32")))
    total = context.emit(relax.op.multiply(*factors))
    scales = np.array([left.grid.scale * right.grid.scale], np.float64)
    return Sums(total, np.zeros(1, np.int64), scales, -1, 255 * 255)


def _bounded(value: Known, low: float, high: float) -> Known:
    """Sums clipped further."""
    assert not isinstance(value, Coded)
    clipped = [float(np.clip(limit, low, high)) for limit in (value.low, value.high)]
    return replace(value, low=clipped[0], high=clipped[1])


def _tabled(value: Coded, function: Callable[[Array], Array]) -> Coded | None:
    return _finite(value, function(_wide(value)))


def _wide(value: Coded) -> Array:
    return value.reals.astype(np.float64)


def _finite(value: Coded, reals: Array) -> Coded | None:
    made = np.asarray(reals, np.float32)
    return Coded(value.source, made) if np.all(np.isfinite(made)) else None
