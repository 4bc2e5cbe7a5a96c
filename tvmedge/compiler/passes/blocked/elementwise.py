"""Elementwise operators in blocks.

What stands in the unused rest of a last block must stay finite: a later
convolution multiplies it by zero.
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.layout import Blocked, constant, static_shape

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
    value = context.blocked(call.args[0])
    if call.op.name.removeprefix("relax.") in WILD and context.layout.ragged(value.shape[1]):
        return None
    changed = relax.Call(call.op, [value.expr, *call.args[1:]], call.attrs)
    return Blocked(context.emit(changed), value.shape)


def binary(context: Context, call: relax.Call) -> Blocked | None:
    """Two tensors, or a tensor and a constant, broadcast as ONNX does."""
    left, right = call.args
    blocked = [arg for arg in (left, right) if context.is_blocked(arg)]
    result = static_shape(call)
    if not blocked or result is None or len(result) != 4:
        return None
    channels = context.blocked(blocked[0]).shape[1]
    divides = call.op.name == "relax.divide"
    if channels != result[1]:
        return None
    if divides and constant(right) is None and context.layout.ragged(channels):
        return None
    operands = [_operand(context, arg, channels) for arg in (left, right)]
    if None in operands:
        return None
    changed = relax.Call(call.op, operands, call.attrs)
    batch, _, height, width = result
    return Blocked(context.emit(changed), (batch, channels, height, width))


def _operand(context: Context, arg: relax.Expr, channels: int) -> relax.Expr | None:
    """``arg`` in a shape of five axes that broadcasts in blocks; None where none does."""
    array = constant(arg)
    if array is not None:
        return _constant(context, array, channels)
    shape = static_shape(arg)
    if shape == ():
        return context.visit(arg)
    if shape is None or len(shape) != 4 or shape[1] not in (1, channels):
        return None
    if shape[1] == channels:
        return context.blocked(arg).expr
    return context.emit(relax.op.reshape(context.visit(arg), (*shape, 1)))


def _constant(
    context: Context, array: np.ndarray[tuple[int, ...], np.dtype[np.float32]], channels: int
) -> relax.Expr | None:
    if array.size == 1:
        return relax.const(array.reshape(()))
    if array.ndim > 4:
        return None
    whole = array.reshape((1,) * (4 - array.ndim) + array.shape)
    sizes: tuple[int, ...] = whole.shape
    if sizes[1] == 1:
        return relax.const(whole[..., None])
    if sizes[1] == channels:
        return relax.const(context.layout.pack_channels(whole, rest=1.0))
    return None
