"""Reshape and transpose constants here rather than through LLVM.

before: reshape(const[64], [1, 64, 1, 1])    after: const[1, 64, 1, 1]

``FoldConstant`` builds and runs a function for each of them: 30 ms apiece, seconds for
a model whose every convolution has a bias.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.passes.constants import Array, array_of, transposed
from tvmedge.compiler.passes.functions import rewrite


class FoldViews:
    """Rewrites every function of a module."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return rewrite(module, _Mutator(module))


def _reshape(array: Array, call: relax.Call) -> Array:
    return array.reshape([int(size) for size in call.ty.shape.values])


def _permute(array: Array, call: relax.Call) -> Array:
    axes = call.attrs.axes
    return transposed(array, None if axes is None else [int(axis) for axis in axes])


VIEWS: dict[str, Callable[[Array, relax.Call], Array]] = {
    "relax.reshape": _reshape,
    "relax.expand_dims": _reshape,
    "relax.squeeze": _reshape,
    "relax.permute_dims": _permute,
}


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self.known: dict[relax.Var, tvm.ir.GenericConst] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        folded = self._fold(binding.value)
        if folded is not None and isinstance(binding.var, relax.DataflowVar):
            self.known[binding.var] = folded
        else:
            super().visit_var_binding_(binding)

    def visit_dataflow_var_(self, variable: relax.DataflowVar) -> relax.Expr:
        known = self.known.get(variable)
        return super().visit_dataflow_var_(variable) if known is None else known

    def _fold(self, value: relax.Expr) -> tvm.ir.GenericConst | None:
        if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.Op):
            return None
        view = VIEWS.get(value.op.name)
        if view is None:
            return None
        argument = self.known.get(value.args[0], value.args[0])
        if not isinstance(argument, tvm.ir.GenericConst) or not _static(value):
            return None
        array = array_of(argument)
        if array.dtype.name != str(argument.ty.dtype):
            return None  # a type that numpy lacks
        # Named, as relax.const makes float32 of float64.
        return relax.const(np.ascontiguousarray(view(array, value)), array.dtype.name)


def _static(call: relax.Call) -> bool:
    kind = call.ty
    return (
        isinstance(kind, relax.TensorType)
        and isinstance(kind.shape, relax.ShapeExpr)
        and all(isinstance(size, tvm.tirx.IntImm) for size in kind.shape.values)
    )
