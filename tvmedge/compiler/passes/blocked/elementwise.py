"""Elementwise operators in blocks.

What stands in the unused rest of a last block must stay finite: a later
convolution multiplies it by zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tvm import relax, te

from tvmedge.compiler.kernels.blocks import Blocks
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.images import as_image, open_image
from tvmedge.compiler.passes.blocked.layout import INTEGERS, Blocked, constant, numbers, open_sizes

# Finite wherever their argument is; those of the second list only for some arguments.
TAME = (
    *("abs", "clip", "negative", "sigmoid", "tanh", "floor", "ceil", "round", "sign", "erf"),
    *("nn.relu", "nn.silu", "nn.leakyrelu", "nn.gelu", "nn.gelu_tanh", "nn.relu6"),
)
WILD = ("exp", "log", "sqrt", "rsqrt", "sin", "cos", "nn.softplus")
UNARY = tuple(f"relax.{name}" for name in (*TAME, *WILD))
BINARY = tuple(
    f"relax.{name}" for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum")
)


def unary(context: Context, call: relax.Call) -> Blocked | None:
    """One tensor in, more arguments are scalars of the operator."""
    if not context.is_blocked(call.args[0]):
        return None
    value = context.any_blocked(call.args[0])
    if call.op.name.removeprefix("relax.") in WILD and context.layout.of(value).ragged:
        return None
    changed = relax.Call(call.op, [value.expr, *call.args[1:]], call.attrs)
    return replace(value, expr=context.emit(changed))


def cast(context: Context, call: relax.Call) -> Blocked | None:
    """Integers to other integers, and those that float32 holds."""
    types = {str(call.ty.dtype), str(call.args[0].ty.dtype)}
    known = types <= set(INTEGERS) or types == {"int32", "float32"}
    return unary(context, call) if known else None


def to_grid(context: Context, call: relax.Call) -> Blocked | None:
    """quantize and dequantize by one scale and zero point, which may be computed."""
    scale, zero = call.args[1:]
    if not context.is_blocked(call.args[0]) or scale.ty.ndim or zero.ty.ndim:
        return None
    value = context.any_blocked(call.args[0])
    parameters = [context.visit(arg) for arg in (scale, zero)]
    changed = relax.Call(call.op, [value.expr, *parameters], call.attrs)
    return replace(value, expr=context.emit(changed))


def look_up(context: Context, call: relax.Call) -> Blocked | None:
    """Entries of a constant table by indices in blocks, which are read as they were before they
    were made wider: a kernel of its own (in that of a sum, lanes would be taken apart)."""
    table, indices = call.args
    if not context.is_blocked(indices) or numbers(table) is None or table.ty.ndim != 1:
        return None
    wider = context.made_by(indices, "relax.astype")
    narrow = wider is not None and context.is_blocked(wider.args[0])
    value = context.any_blocked(wider.args[0] if wider is not None and narrow else indices)
    taken = context.layout.builder.emit_te(
        lambda rows, at: te.compute(
            at.shape, lambda *i: rows[at[i].astype("int32")], name="look_up"
        ),
        table,
        value.expr,
        primfunc_name_hint="look_up",
    )
    return replace(value, expr=taken)


def binary(context: Context, call: relax.Call) -> Blocked | None:
    """Two tensors, or a tensor and a constant, broadcast as ONNX does."""
    left, right = call.args
    blocked = [arg for arg in (left, right) if context.is_blocked(arg)]
    shape, image = open_sizes(call), open_image(call)
    if not blocked or shape is None or image is None:
        return None
    blocks = context.layout.of(context.any_blocked(blocked[0]))
    divides = call.op.name == "relax.divide"
    if blocks.count != image[1]:
        return None
    if divides and constant(right) is None and blocks.ragged:
        return None
    operands = [_operand(context, arg, shape, blocks) for arg in (left, right)]
    if None in operands:
        return None
    changed = relax.Call(call.op, operands, call.attrs)
    return Blocked(context.emit(changed), image, blocks.groups)


def _operand(
    context: Context, arg: relax.Expr, result: tuple[int, ...], blocks: Blocks
) -> relax.Expr | None:
    """``arg`` in a shape of five axes that broadcasts in blocks; None where none does."""
    array = numbers(arg)
    if array is not None:
        return _constant(array, result, blocks)
    shape = open_sizes(arg)
    if shape is None:
        return None
    if shape == ():
        return context.visit(arg)
    image = as_image(shape, result)
    if image is None or image[1] not in (1, blocks.count):
        return None
    if image[1] == blocks.count:
        return context.blocked(arg, blocks.groups).expr
    return context.emit(relax.op.reshape(context.visit(arg), (*image, 1)))


def _constant(
    array: np.ndarray[tuple[int, ...], np.dtype[Any]],
    result: tuple[int, ...],
    blocks: Blocks,
) -> relax.Expr | None:
    if array.size == 1:
        return relax.const(array.reshape(()), array.dtype.name)
    sizes: tuple[int, ...] = (1,) * (len(result) - array.ndim) + array.shape
    image = as_image(sizes, result)
    if image is None:
        return None
    whole = array.reshape(image)
    if image[1] == 1:
        return relax.const(whole[..., None], array.dtype.name)
    if image[1] == blocks.count:
        return relax.const(blocks.pack(whole, rest=1.0), array.dtype.name)
    return None
