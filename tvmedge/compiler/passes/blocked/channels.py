"""Operators on whole channels in blocks: concat along them, means over the image,
and any other order of them."""

from __future__ import annotations

from tvm import relax

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels.fours import sum_fours
from tvmedge.compiler.passes.blocked.context import Context, in_fours
from tvmedge.compiler.passes.blocked.images import open_image
from tvmedge.compiler.passes.blocked.layout import (
    Blocked,
    Order,
    image_sizes,
    open_sizes,
    static_shape,
)


def mean(context: Context, call: relax.Call) -> Blocked | None:
    """Mean or sum over height and width, kept as axes of one."""
    shape = open_sizes(call.args[0])
    if not context.is_blocked(call.args[0]) or shape is None or not call.attrs.keepdims:
        return None
    if sorted(int(axis) % len(shape) for axis in call.attrs.axis or ()) != [*range(2, len(shape))]:
        return None
    value = context.any_blocked(call.args[0])
    batch, channels, _, _ = value.shape
    if (summed := _of_bytes(context, call)) is not None:
        return Blocked(summed, (batch, channels, 1, 1), value.groups)
    fold = relax.op.sum if call.op.name == "relax.sum" else relax.op.mean
    pooled = context.emit(fold(value.expr, axis=[2, 3], keepdims=True))
    return Blocked(pooled, (batch, channels, 1, 1), value.groups)


def extreme(context: Context, call: relax.Call) -> relax.Expr | None:
    """The least or greatest number of all, as an expression of the new function: where the last
    block is not full, of those of each channel."""
    if not context.is_blocked(call.args[0]) or call.attrs.axis is not None or call.attrs.keepdims:
        return None
    value = context.any_blocked(call.args[0])
    fold = relax.op.min if call.op.name == "relax.min" else relax.op.max
    if not context.layout.of(value).ragged:
        return fold(value.expr)
    batch, channels, _, _ = value.shape
    by_channel = context.emit(fold(value.expr, axis=[2, 3], keepdims=True))
    plain = context.layout.unpack(Blocked(by_channel, (batch, channels, 1, 1), value.groups))
    return fold(plain)


def _of_bytes(context: Context, call: relax.Call) -> relax.Var | None:
    """The sum of bytes that were made wider first, where vectors of the core hold four pixels."""
    wider = context.made_by(call.args[0], "relax.astype")
    if wider is None or not context.is_blocked(wider.args[0]) or not in_fours(context):
        return None
    data = context.any_blocked(wider.args[0]).expr
    shape = static_shape(data)
    if shape is None or str(data.ty.dtype) != "uint8" or str(call.ty.dtype) != "int32":
        return None
    batch, blocks, height, width, block = shape
    row = context.emit(relax.op.reshape(data, (batch, blocks, 1, height * width, block)))
    return context.layout.builder.emit_te(
        sum_fours,
        row,
        primfunc_name_hint="byte_sum",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )


def shuffle(context: Context, call: relax.Call) -> Blocked | None:
    """Channels of G groups in turns: reshape to [N, G, C / G, H, W], its axes 1 and 2
    exchanged, and back."""
    turned = context.made_by(call.args[0], "relax.permute_dims")
    parted = context.made_by(turned.args[0], "relax.reshape") if turned is not None else None
    if turned is None or parted is None or not context.is_blocked(parted.args[0]):
        return None
    if [int(axis) for axis in turned.attrs.axes or ()] != [0, 2, 1, 3, 4]:
        return None
    value = context.any_blocked(parted.args[0])
    shape = image_sizes(parted)
    batch, channels, height, width = value.shape
    if image_sizes(call) != value.shape or shape is None:
        return None
    groups, each = shape[1:3]
    if shape != (batch, groups, each, height, width):
        return None
    order = Order(lambda c: c % groups * each + c // groups, 1)
    return context.layout.gather(value, channels, order=order)


def concat(context: Context, call: relax.Call) -> Blocked | None:
    """Along channels."""
    shape = open_sizes(call)
    if shape is None or open_image(call) is None or not isinstance(call.args[0], relax.Tuple):
        return None
    parts = list(call.args[0].fields)
    if call.attrs.axis is None or int(call.attrs.axis) % len(shape) != 1:
        return None
    if not any(context.is_blocked(part) for part in parts):
        return None
    return context.layout.concat([context.blocked(part) for part in parts])
