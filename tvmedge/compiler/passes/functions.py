"""Rewriting every Relax function of a module that is still in the graph's own terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

import tvm
from tvm import relax


def graph_functions(module: tvm.IRModule) -> list[tuple[tvm.ir.GlobalVar, relax.Function]]:
    """All but those that fusion made."""
    return [
        (variable, function)
        for variable, function in module.functions_items()
        if isinstance(function, relax.Function) and "Primitive" not in (function.attrs or {})
    ]


def called(module: tvm.IRModule) -> Counter[str]:
    """How often each function is called in the text of the model, as kernels are: by
    ``call_tir``."""
    found: Counter[str] = Counter()

    def visit(expr: relax.Expr) -> None:
        if isinstance(expr, relax.Call):
            found.update(
                str(arg.name_hint) for arg in expr.args[:1] if isinstance(arg, tvm.ir.GlobalVar)
            )

    for _, function in module.functions_items():
        if isinstance(function, relax.Function):
            relax.analysis.post_order_visit(function, visit)
    return found


def rewrite(module: tvm.IRModule, mutator: relax.PyExprMutator) -> tvm.IRModule:
    """``module`` after ``mutator`` (made with it), new kernels among its functions."""
    for variable, function in graph_functions(module):
        mutator.builder_.update_func(variable, mutator.visit_expr(function))
    return mutator.builder_.get()


Handler = Callable[[relax.BlockBuilder, relax.Call], relax.Expr]


def rewrite_calls(
    module: tvm.IRModule, operators: Collection[str], handler: Handler
) -> tvm.IRModule:
    """``module`` with each call of ``operators`` as ``handler`` gives it: another expression,
    or the call itself, whose arguments are rewritten already."""
    return rewrite(module, _Calls(module, operators, handler))


@relax.expr_functor.mutator
class _Calls(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(self, module: tvm.IRModule, operators: Collection[str], handler: Handler) -> None:
        super().__init__(module)
        self.operators, self.handler = operators, handler

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        if not isinstance(call.op, tvm.ir.Op) or call.op.name not in self.operators:
            return call
        return self.handler(self.builder_, call)
