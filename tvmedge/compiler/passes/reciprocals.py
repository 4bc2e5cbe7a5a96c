"""Multiply by reciprocals: of what constants would divide by, and of what is one number a row.

before: divide(x, 6)                                      after: multiply(x, 1 / 6)
        divide(x[N, K], sqrt(v)[N, 1])                    multiply(x, divide(1, sqrt(v)))

A result is at most two units in the last place off. A root is no divisor whose reciprocal is
beyond float32. Models that round are left alone.
"""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax, tirx

from tvmedge.compiler.passes.blocked.layout import constant
from tvmedge.compiler.passes.exact import rounds
from tvmedge.compiler.passes.functions import rewrite_calls


class Reciprocals:
    """Rewrites every function of a module."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        if rounds(module):
            return module
        return rewrite_calls(module, ("relax.divide",), _multiplied)


def _multiplied(builder: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
    if _a_root_a_row(builder, *call.args):
        one = relax.const(np.float32(1))
        return relax.op.multiply(call.args[0], builder.emit(relax.op.divide(one, call.args[1])))
    divisor = constant(call.args[1])
    if divisor is None:
        return call
    with np.errstate(divide="ignore", over="ignore"):
        inverse = (1 / divisor.astype(np.float64)).astype(np.float32)
    smallest = np.finfo(np.float32).tiny
    if not np.isfinite(inverse).all() or (np.abs(inverse) < smallest).any():
        return call
    return relax.op.multiply(call.args[0], relax.const(inverse))


def _a_root_a_row(builder: relax.BlockBuilder, data: relax.Expr, divisor: relax.Expr) -> bool:
    """Whether ``divisor`` is a square root of float32 for each row of ``data``."""
    made = builder.lookup_binding(divisor) if isinstance(divisor, relax.Var) else divisor
    if not isinstance(made, relax.Call) or getattr(made.op, "name", "") != "relax.sqrt":
        return False
    if str(divisor.ty.dtype) != "float32":
        return False
    wide, narrow = (_last(side) for side in (data, divisor))
    return narrow == 1 and wide != 1


def _last(value: relax.Expr) -> int:
    """The size of the last axis, 0 where it is open, 1 where there is none."""
    shape = value.ty.shape
    if not isinstance(shape, relax.ShapeExpr):
        return 0
    size = shape.values[-1] if len(shape.values) else 1
    return int(size) if isinstance(size, int | tirx.IntImm) else 0
