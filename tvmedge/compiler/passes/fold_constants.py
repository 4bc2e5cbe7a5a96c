"""Operators of constants become constants.

before: multiply(const, const)    after: const

TVM's ``FoldConstant`` makes a kernel of every operator, to see whether it could be folded: half
a second for a model that has none, which is found out first here.
"""

from __future__ import annotations

import tvm
from tvm import relax
from tvm.relax import transform

from tvmedge.compiler.passes.functions import graph_functions


class FoldConstants:
    """Rewrites every function of a module."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        if not any(_foldable(function) for _, function in graph_functions(module)):
            return module
        return transform.FoldConstant()(module)


def _foldable(function: relax.Function) -> bool:
    found = False
    constants: set[relax.Var] = set()

    def known(argument: object) -> bool:
        if isinstance(argument, relax.Tuple):
            return all(map(known, argument.fields))
        return not isinstance(argument, relax.Var | relax.Call) or argument in constants

    def look(expr: relax.Expr) -> None:
        nonlocal found
        for block in expr.blocks if isinstance(expr, relax.SeqExpr) else ():
            for binding in block.bindings:
                value = getattr(binding, "value", None)
                if isinstance(value, tvm.ir.GenericConst):
                    constants.add(binding.var)
                elif isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.Op):
                    found = found or all(map(known, value.args))

    relax.analysis.post_order_visit(function, look)
    return found
