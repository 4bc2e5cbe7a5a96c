"""Parts of a value in blocks: of its rows and columns, or of its channels."""

from __future__ import annotations

import math

import tvm
from tvm import relax

from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.images import image_shape
from tvmedge.compiler.passes.blocked.layout import Blocked, Order, static_shape


def strided_slice(context: Context, call: relax.Call) -> Blocked | None:
    """Of an image: rows and columns in any step, channels that follow each other."""
    data, axes, begin, _, *steps = call.args
    after = static_shape(call)
    if not context.is_blocked(data) or after is None or len(after) != 4:
        return None
    value = context.any_blocked(data)
    firsts, every = _whole_numbers(begin), _whole_numbers(steps[0]) if steps else None
    along = _whole_numbers(axes)
    if firsts is None or along is None:
        return None
    for axis, first, step in zip(along, firsts, every or [1] * len(along), strict=True):
        size = value.shape[axis]
        if axis == 0 or step < 1 or not -size <= first < size or (axis == 1 and step > 1):
            return None
        if axis == 1:
            value = _channels(context, value, first % size, after[1])
        else:
            value = _pixels(context, value, axis, range(first % size, size, step)[: after[axis]])
    return value


def part(context: Context, item: relax.TupleGetItem) -> Blocked | None:
    """One of the parts that split cuts channels into."""
    call = context.made_by(item.tuple_value, "relax.split")
    if call is None or not context.is_blocked(call.args[0]):
        return None
    value, result = context.any_blocked(call.args[0]), image_shape(item)
    if int(call.attrs.axis) % len(static_shape(call.args[0]) or ()) != 1 or result is None:
        return None
    counts = [int(field.shape.values[1]) for field in call.ty.fields[: item.index]]
    return _channels(context, value, sum(counts), result[1])


def take(context: Context, call: relax.Call) -> Blocked | None:
    """Rows or columns by constant indices."""
    data, indices = call.args
    shape, after = static_shape(data), static_shape(call)
    if not context.is_blocked(data) or shape is None or after is None or len(shape) != 4:
        return None
    axis = None if call.attrs.axis is None else int(call.attrs.axis) % 4
    if axis not in (2, 3) or len(after) != 4 or not isinstance(indices, tvm.ir.GenericConst):
        return None
    value = context.any_blocked(data)
    taken = relax.op.take(value.expr, indices, axis=axis, mode=str(call.attrs.mode))
    return Blocked(context.emit(taken), (*value.shape[:2], after[2], after[3]), value.groups)


def _pixels(context: Context, value: Blocked, axis: int, kept: range) -> Blocked:
    ends = {"begin": [kept.start], "end": [kept[-1] + 1], "strides": [kept.step]}
    cut = relax.op.strided_slice(value.expr, axes=[axis], **ends)
    batch, channels, height, width = value.shape
    sizes = (len(kept), width) if axis == 2 else (height, len(kept))
    return Blocked(context.emit(cut), (batch, channels, *sizes), value.groups)


def _channels(context: Context, value: Blocked, first: int, count: int) -> Blocked:
    if first == 0 and count == value.shape[1]:
        return value
    run = math.gcd(first, count, context.layout.block)
    if value.groups > 1:
        run = math.gcd(run, value.per_group)
    order = Order(lambda unit: unit + first // run, run)
    return context.layout.gather(value, count, order=order)


def _whole_numbers(expr: relax.Expr) -> list[int] | None:
    """The integers of a tuple of constants."""
    fields = getattr(expr, "fields", ())
    known = all(isinstance(field, tvm.tirx.IntImm) for field in fields)
    return [int(field) for field in fields] if known and fields else None
