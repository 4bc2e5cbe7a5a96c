"""Make every lookup stay inside its table, whatever indices arrive.

before: R.take(table, indices, axis=0, mode="fast")     reads any memory
after:  R.take(table, indices, axis=0, mode="clip")

ONNX calls an index out of bounds an error; a kernel can only be safe about it.
"""

from __future__ import annotations

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

FAST = "fast"


def bounded_takes(module: tvm.IRModule) -> tvm.IRModule:
    """``module`` with no lookup in mode "fast"."""
    takes = _Takes(module)
    for variable, function in module.functions.items():
        if isinstance(function, relax.Function):
            takes.builder_.update_func(variable, takes.visit_expr(function))
    return takes.builder_.get()


@mutator
class _Takes(PyExprMutator):  # type: ignore[misc]
    def visit_call_(self, call: relax.Call) -> relax.Expr:
        """One call; the others stay."""
        call = super().visit_call_(call)
        if call.op == tvm.ir.Op.get("relax.take") and call.attrs.mode == FAST:
            return relax.op.take(*call.args, axis=call.attrs.axis, mode="clip")
        return call
