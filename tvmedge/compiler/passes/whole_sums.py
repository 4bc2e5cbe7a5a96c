"""Sums of products of codes are whole numbers: nobody asks whether they are finite.

before: s = conv2d(dequantize(x, 1, zx), dequantize(w, 1, zw))
        astype(astype(where(less(abs(s), inf), s, 0), int64), int32)
after:  astype(s, int32)

``prepare`` makes such of ConvInteger and MatMulInteger, and cuts sums that float32 cannot hold.
"""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.passes.constants import array_of
from tvmedge.compiler.passes.functions import rewrite_calls

SUMS = ("relax.nn.conv1d", "relax.nn.conv2d", "relax.nn.conv3d", "relax.matmul")


class WholeSums:
    """Rewrites every function of a module."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return rewrite_calls(module, ("relax.astype",), _cast)


def _cast(builder: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
    wide = _made(builder, call.args[0], "relax.astype")
    if wide is None or (str(call.ty.dtype), str(wide.ty.dtype)) != ("int32", "int64"):
        return call
    chosen = _made(builder, wide.args[0], "relax.where")
    finite = None if chosen is None else _made(builder, chosen.args[0], "relax.less")
    size = None if finite is None else _made(builder, finite.args[0], "relax.abs")
    if chosen is None or finite is None or size is None:
        return call
    sums = chosen.args[1]
    if not size.args[0].same_as(sums) or not np.isposinf(_number(finite.args[1])):
        return call
    return relax.op.astype(sums, "int32") if _is_whole(builder, sums) else call


def _is_whole(builder: relax.BlockBuilder, sums: relax.Expr) -> bool:
    for name in SUMS:
        if (made := _made(builder, sums, name)) is not None:
            factors = [_made(builder, arg, "relax.dequantize") for arg in made.args]
            return all(one is not None and _number(one.args[1]) == 1 for one in factors)
    return False


def _made(builder: relax.BlockBuilder, expr: relax.Expr, name: str) -> relax.Call | None:
    """The call of the operator ``name`` that ``expr`` is bound to, if it is."""
    made = builder.lookup_binding(expr) if isinstance(expr, relax.Var) else expr
    return made if isinstance(made, relax.Call) and getattr(made.op, "name", "") == name else None


def _number(expr: relax.Expr) -> float:
    """The number that a constant has everywhere; not a number for anything else."""
    array = array_of(expr) if isinstance(expr, tvm.ir.GenericConst) else np.array(np.nan)
    number = float(array.reshape(-1)[0]) if array.size else np.nan
    return number if np.all(array == number) else np.nan
