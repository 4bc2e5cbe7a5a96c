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
from tvmedge.compiler.passes.functions import rewrite


class Reciprocals:
    """Rewrites every function of a module."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        if rounds(module):
            return module
        return rewrite(module, _Mutator(module))


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):  # type: ignore[misc]
    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        if not isinstance(call.op, tvm.ir.Op) or call.op.name != "relax.divide":
            return call
        divisor = constant(call.args[1])
        if divisor is None:
            return call
        with np.errstate(divide="ignore", over="ignore"):
            inverse = (1 / divisor.astype(np.float64)).astype(np.float32)
        smallest = np.finfo(np.float32).tiny
        if not np.isfinite(inverse).all() or (np.abs(inverse) < smallest).any():
            return call
        return relax.op.multiply(call.args[0], relax.const(inverse))
