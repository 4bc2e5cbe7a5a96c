"""Models of quantised tensors compute in integers from end to end.

before: dequantize(x, sx, zx) -> conv2d(., dequantize(w, sw)) -> add(., b) -> relu -> quantize
after:  pad(x, zx) -> conv2d(., w, out int32) -> add(., b') -> fixed-point factor -> clip -> uint8

before: dequantize -> sigmoid -> quantize        after: take(table, x)

A float32 value is known by what it is in integers (``values.py``) until somebody wants it in
float32; what computes with such is named by a warning. Quantised tensors are kept in the type
that the core's dot product takes, whatever the model has.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

import tvm
from tvm import relax

from tvmedge.compiler.passes.functions import rewrite
from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.operators import OPERATORS
from tvmedge.compiler.passes.quantised.values import Coded
from tvmedge.targeting.core import Core, DotUnit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StayInteger:
    """For a ``core`` that has dot products of integers; others keep float32."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        if self.core.integer is None or not _quantises(module):
            return module
        mutator = _Mutator(module, self.core.integer)
        module = rewrite(module, mutator)
        if kept := mutator.context.kept:
            counts = Counter(kept.values())
            named = (f"{name} ({count})" for name, count in counts.items())
            log.warning("operators of quantised tensors that run in float32: %s", ", ".join(named))
        # Weights in float32 that nobody reads would be computed by FoldConstants next.
        return relax.transform.DeadCodeElimination()(module)


def _quantises(module: tvm.IRModule) -> bool:
    found = False

    def look(expr: relax.Expr) -> None:
        nonlocal found
        if isinstance(expr, relax.Call) and isinstance(expr.op, tvm.ir.Op):
            found = found or expr.op.name == "relax.dequantize"

    for _, function in module.functions_items():
        if isinstance(function, relax.Function):
            relax.analysis.post_order_visit(function, look)
    return found


def _operands(call: relax.Call) -> list[relax.Var]:
    fields = [arg.fields if isinstance(arg, relax.Tuple) else (arg,) for arg in call.args]
    return [one for arg in fields for one in arg if isinstance(one, relax.Var)]


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(self, module: tvm.IRModule, unit: DotUnit) -> None:
        super().__init__(module)
        self.context = Context(self.builder_, unit, self.visit_expr)

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        value, context = binding.value, self.context
        context.bindings[binding.var] = value
        if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.Op):
            super().visit_var_binding_(binding)
            return
        operator = OPERATORS.get(value.op.name)
        made = operator(context, value) if operator else None
        if made is None:
            if any(arg in context.values for arg in _operands(value)):
                context.kept[binding.var] = value.op.name.removeprefix("relax.")
            super().visit_var_binding_(binding)
            return
        if isinstance(made, relax.Expr):
            real = self.builder_.normalize(made)
            self.builder_.emit_normalized(relax.VarBinding(binding.var, real))
            return
        if value.op.name == "relax.quantize" and isinstance(made, Coded):
            context.codes[binding.var] = made
        else:
            context.values[binding.var] = made
        if not isinstance(binding.var, relax.DataflowVar):
            plain = self._plain(binding.var)
            self.builder_.emit_normalized(relax.VarBinding(binding.var, plain))

    def visit_dataflow_var_(self, variable: relax.DataflowVar) -> relax.Expr:
        if variable in self.context.values or variable in self.context.codes:
            return self._plain(variable)
        return super().visit_dataflow_var_(variable)

    def _plain(self, variable: relax.Var) -> relax.Expr:
        """A known value as the original function has it."""
        context = self.context
        if variable in context.values:
            return context.real(variable)
        return context.turned(context.as_codes(context.codes[variable]), str(variable.ty.dtype))


__all__ = ["Coded", "StayInteger"]
