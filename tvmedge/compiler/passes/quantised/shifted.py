"""Products of codes whose zero point is computed while the model runs.

before: matmul(dequantize(a, 1, za), dequantize(b, 1, zb))                (b, zb constant)
after:  astype(matmul(a, b, out int32) - za * (sum b - k zb) - zb * sum a, float32)

That is how what is quantised dynamically comes out of ``prepare``; the sums are exact either way.
"""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.passes.constants import array_of
from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.fixed import MOST
from tvmedge.compiler.passes.quantised.values import Array

HALF = 128  # from the codes of uint8 to those of int8


def shifted_product(context: Context, call: relax.Call) -> relax.Expr | None:
    """float32 of the new function, None where it is no such product with a constant matrix."""
    left, right = (context.made_by(arg, "relax.dequantize") for arg in call.args)
    if left is None or right is None or not (_is_shift(left) and _is_shift(right)):
        return None
    weights, zeros = (array_of(arg) for arg in (right.args[0], right.args[2]))
    codes = left.args[0]
    if str(codes.ty.dtype) not in ("uint8", "int8") or codes.ty.ndim < 2 or weights.ndim != 2:
        return None
    if (zeros.size > 1 and int(right.attrs.axis) % 2 != 1) or _is_known(left.args[2]):
        return None
    moved = HALF if weights.dtype == np.uint8 else 0
    matrix = weights.astype(np.int64) - moved
    if 4 * matrix.shape[0] * 255 * 255 >= MOST:  # each of the terms is smaller
        return None
    return _emit(context, left, matrix, zeros.astype(np.int64).reshape(-1) - moved)


def _emit(context: Context, left: relax.Call, matrix: Array, zeros: Array) -> relax.Expr:
    """``left`` dequantised times ``matrix`` less ``zeros``, one or one for each column."""
    op = relax.op
    given = context.visit(left.args[0])
    codes = context.turned(given, context.unit.dtype)
    zero = op.astype(context.visit(left.args[2]), "int32")
    if codes is not given:
        turn = HALF if context.unit.dtype == "uint8" else -HALF
        zero = op.add(zero, relax.const(turn, "int32"))
    total = context.emit(
        op.matmul(codes, relax.const(matrix.astype(np.int8), "int8"), out_dtype="int32")
    )
    columns = (matrix.sum(axis=0) - matrix.shape[0] * zeros).astype(np.int32)
    total = op.subtract(total, op.multiply(relax.const(columns, "int32"), zero))
    if np.any(zeros):
        rows = context.emit(op.sum(op.astype(codes, "int32"), axis=-1, keepdims=True))
        factors = relax.const(zeros.astype(np.int32), "int32")
        total = op.subtract(total, op.multiply(rows, factors))
    return op.astype(total, "float32")


def _is_shift(call: relax.Call) -> bool:
    """Whether ``call`` dequantises by ones: by zero points of the whole tensor, or constant."""
    scale, zero = call.args[1:3]
    if not isinstance(scale, tvm.ir.GenericConst) or np.any(array_of(scale) != 1):
        return False
    return _is_known(zero) == _is_known(call.args[0]) and (_is_known(zero) or zero.ty.ndim == 0)


def _is_known(expr: relax.Expr) -> bool:
    return isinstance(expr, tvm.ir.GenericConst)
