"""A mutator over every Relax function of a module that is still in the graph's own terms."""

from __future__ import annotations

import tvm
from tvm import relax


def graph_functions(module: tvm.IRModule) -> list[tuple[tvm.ir.GlobalVar, relax.Function]]:
    """All but those that fusion made."""
    return [
        (variable, function)
        for variable, function in module.functions_items()
        if isinstance(function, relax.Function) and "Primitive" not in (function.attrs or {})
    ]


def rewrite(module: tvm.IRModule, mutator: relax.PyExprMutator) -> tvm.IRModule:
    """``module`` after ``mutator`` (made with it), new kernels among its functions."""
    for variable, function in graph_functions(module):
        mutator.builder_.update_func(variable, mutator.visit_expr(function))
    return mutator.builder_.get()
