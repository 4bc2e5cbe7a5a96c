"""What the rewrites of quantised operators share.

Integer arithmetic is written with a DequantizeLinear of scale 1: the float32
it gives is the integer ``x - zero`` exactly, and the int8 tensor stays in the
graph for the passes that compute in int8.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import const, constant

FLOAT = int(ir.DataType.FLOAT)
INT32 = int(ir.DataType.INT32)


def dims(value: ir.Value | None) -> tuple[int, ...] | None:
    """The static shape, else None."""
    if value is None or value.shape is None or not value.shape.is_static():
        return None
    return tuple(dim for dim in value.shape if isinstance(dim, int))


def is_single(value: ir.Value | None) -> bool:
    """Left out, or one element for the whole tensor."""
    if value is None:
        return True
    shape = dims(value)
    return shape is not None and math.prod(shape) == 1


def scalar(tape: Tape, value: ir.Value) -> ir.Value:
    """A single element without dimensions."""
    if dims(value) == ():
        return value
    return tape.op("Reshape", [value, constant(tape, np.zeros(0), "int64")])


def as_float(tape: Tape, value: ir.Value) -> ir.Value:
    """Cast to float32, where it is not that yet."""
    if value.dtype == ir.DataType.FLOAT:
        return value
    return tape.op("Cast", [value], {"to": FLOAT})


def shifted(tape: Tape, x: ir.Value, zero: ir.Value | None, axis: int) -> ir.Value | None:
    """The integers ``x - zero`` as float32; None while ``zero``'s shape is unknown.

    ``zero`` is left out, one element, or one along ``axis``.
    """
    if zero is None or is_single(zero):
        inputs = [x, constant(tape, 1, "float32")]
        if zero is not None:
            inputs.append(scalar(tape, zero))
        return tape.op("DequantizeLinear", inputs)
    shape = dims(zero)
    if shape is None or len(shape) != 1:
        return None
    ones = constant(tape, np.ones(shape), "float32")
    return tape.op("DequantizeLinear", [x, ones, zero], {"axis": axis})


def dequantized(
    tape: Tape, x: ir.Value, scale: ir.Value, zero: ir.Value | None, axis: int = 0
) -> ir.Value | None:
    """DequantizeLinear in float32; None while a shape is unknown."""
    if dims(scale) is None or (zero is not None and dims(zero) is None):
        return None
    scale = as_float(tape, scale)
    if is_single(scale) and is_single(zero):
        inputs = [x, scalar(tape, scale)]
        if zero is not None:
            inputs.append(scalar(tape, zero))
        return tape.op("DequantizeLinear", inputs)
    size = max(math.prod(dims(v) or ()) for v in (scale, zero) if v is not None)
    inputs = [x, spread(tape, scale, size)]
    if zero is not None:
        inputs.append(spread(tape, zero, size))
    return tape.op("DequantizeLinear", inputs, {"axis": axis})


def quantized(
    tape: Tape, x: ir.Value, scale: ir.Value, zero: ir.Value | None, like: ir.DataType | None
) -> ir.Value:
    """QuantizeLinear to the type of ``zero``, of ``like`` where that is left out."""
    if zero is None:
        kind = (like or ir.DataType.UINT8).numpy()
        zero = constant(tape, 0, kind)
    else:
        zero = scalar(tape, zero)
    return tape.op("QuantizeLinear", [x, scalar(tape, as_float(tape, scale)), zero])


def spread(tape: Tape, value: ir.Value, size: int) -> ir.Value:
    """``size`` elements in one dimension, repeated where there is one."""
    flat = tape.op("Reshape", [value, constant(tape, [-1], "int64")])
    if not is_single(value) or size == 1:
        return flat
    return tape.op("Expand", [flat, constant(tape, [size], "int64")])


def farthest(dtype: ir.DataType, zero: ir.Value | None) -> int:
    """The largest ``|x - zero|`` of an 8-bit ``x`` of ``dtype``."""
    limits = np.iinfo(dtype.numpy())
    known = np.zeros((), dtype.numpy()) if zero is None else const(zero)
    if known is None:
        return int(limits.max) - int(limits.min)
    low, high = int(known.min()), int(known.max())
    return max(int(limits.max) - low, high - int(limits.min))
