"""Multiply by the reciprocal of what constants would divide by.

before: divide(x, 6)    after: multiply(x, 1 / 6)

A result is at most two units in the last place off. Models that round are left alone.
"""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax

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
    divisor = constant(call.args[1])
    if divisor is None:
        return call
    with np.errstate(divide="ignore", over="ignore"):
        inverse = (1 / divisor.astype(np.float64)).astype(np.float32)
    smallest = np.finfo(np.float32).tiny
    if not np.isfinite(inverse).all() or (np.abs(inverse) < smallest).any():
        return call
    return relax.op.multiply(call.args[0], relax.const(inverse))
