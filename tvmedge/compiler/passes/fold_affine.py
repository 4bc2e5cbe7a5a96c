"""Fold what scales and shifts channels into one step, or into a convolution's weights.

before: multiply(add(conv2d(x, w), b), k)       (b, k constants of one value a channel)
after:  add(conv2d(x, w * k), b * k)

before: add(multiply(add(multiply(x, a), b), c), d)
after:  add(multiply(x, a * c), b * c + d)

Only where nothing else reads the values between. Sums are formed in float64 and
rounded once. Models that round to whole numbers are left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax

from tvmedge.compiler.passes.blocked.layout import constant, open_sizes
from tvmedge.compiler.passes.blocked.layout import same as alike
from tvmedge.compiler.passes.exact import rounds
from tvmedge.compiler.passes.functions import graph_functions, rewrite

# The axis of their weights that is the output channels (of one group).
CONVOLUTIONS = {
    **{f"relax.nn.conv{n}d": 0 for n in (1, 2, 3)},
    **{f"relax.nn.conv{n}d_transpose": 1 for n in (1, 2)},
}
Array = npt.NDArray[np.float64]
Operator = Callable[[relax.Expr, relax.Expr], relax.Call]


@dataclass(frozen=True)
class _Affine:
    """``source``, a convolution or any value, of which each channel is scaled and shifted.

    ``only`` is the operator that does it, if it is one.
    """

    source: relax.Expr
    scale: Array
    bias: Array
    only: relax.Call | None = None


class FoldAffine:
    """Rewrites every function of a module."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        if rounds(module):
            return module
        return rewrite(module, _Mutator(module))


def _uses(module: tvm.IRModule) -> Counter[relax.Var]:
    """How many bindings and results read each variable."""
    uses: Counter[relax.Var] = Counter()
    for _, function in graph_functions(module):
        for block in function.body.blocks:
            for binding in block.bindings:
                uses.update(set(relax.analysis.all_vars(binding.value)))
        uses.update(set(relax.analysis.all_vars(function.body.body)))
    return uses


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self.uses = _uses(module)
        self.pending: dict[relax.Var, _Affine] = {}
        self.emitted: dict[relax.Var, relax.Var] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        inner = isinstance(binding.var, relax.DataflowVar)
        folded = self._fold(binding.value) if inner else None
        if folded is None:
            super().visit_var_binding_(binding)
        else:
            self.pending[binding.var] = folded

    def visit_dataflow_var_(self, variable: relax.DataflowVar) -> relax.Expr:
        if variable in self.pending:
            self.emitted[variable] = self._emit(self.pending.pop(variable))
        if variable in self.emitted:
            return self.emitted[variable]
        return super().visit_dataflow_var_(variable)

    def _fold(self, value: relax.Expr) -> _Affine | None:
        if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.Op):
            return None
        name, shape = value.op.name, open_sizes(value)
        if name in CONVOLUTIONS:
            return _convolution(value, shape)
        if name not in ("relax.add", "relax.subtract", "relax.multiply", "relax.divide"):
            return None
        left, right = value.args
        if constant(left) is not None and name in ("relax.add", "relax.multiply"):
            left, right = right, left
        array = constant(right)
        factor = None if array is None else _one_a_channel(array, shape)
        if factor is None or not alike(shape or (), open_sizes(left) or ()):
            return None
        before = self.pending.get(left) if self.uses[left] == 1 else None
        if before is None:
            before = _Affine(left, np.ones_like(factor), np.zeros_like(factor))
            return _apply(name, replace(before, only=value), factor)
        after = _apply(name, replace(before, only=None), factor)
        if after is not None:
            del self.pending[left]
        return after

    def _emit(self, affine: _Affine) -> relax.Expr:
        if affine.only is not None:
            return self.builder_.emit(self.visit_expr(affine.only))
        if isinstance(affine.source, relax.Call):
            value = self._scaled(affine.source, affine.scale)
        else:
            value = self._step(relax.op.multiply, affine.source, affine.scale, nothing=1.0)
        return self._step(relax.op.add, value, affine.bias, nothing=0.0)

    def _scaled(self, conv: relax.Call, scale: Array) -> relax.Var:
        weight = constant(conv.args[1])
        assert weight is not None
        factor = scale.reshape(-1, *[1] * (weight.ndim - 1 - CONVOLUTIONS[conv.op.name]))
        whole = relax.const((weight * factor).astype(np.float32))
        data = self.visit_expr(conv.args[0])
        return self.builder_.emit(relax.Call(conv.op, [data, whole], conv.attrs))

    def _step(
        self, operator: Operator, value: relax.Expr, factor: Array, *, nothing: float
    ) -> relax.Expr:
        if (factor == nothing).all():
            return self.visit_expr(value)
        rank = len(open_sizes(value) or ())
        same = (factor == factor[0]).all()
        array = factor[0] if same else factor.reshape(1, -1, *[1] * (rank - 2))
        number = relax.const(array.astype(np.float32))
        return self.builder_.emit(operator(self.visit_expr(value), number))


def _convolution(conv: relax.Call, shape: tuple[int, ...] | None) -> _Affine | None:
    if shape is None or constant(conv.args[1]) is None:
        return None
    if CONVOLUTIONS[conv.op.name] == 1 and int(conv.attrs.groups) != 1:
        return None
    return _Affine(conv, np.ones(shape[1]), np.zeros(shape[1]))


def _one_a_channel(array: npt.NDArray[np.float32], shape: tuple[int, ...] | None) -> Array | None:
    """``array`` as one value a channel of a result of ``shape``, if it is that."""
    if shape is None or len(shape) < 2 or array.ndim > len(shape):
        return None
    whole = array.astype(np.float64).reshape((1,) * (len(shape) - array.ndim) + array.shape)
    sizes: tuple[int, ...] = whole.shape
    if sizes[1] != whole.size or sizes[1] not in (1, shape[1]):
        return None
    return np.broadcast_to(whole.reshape(-1), (shape[1],))


def _apply(name: str, affine: _Affine, factor: Array) -> _Affine | None:
    if name == "relax.add":
        return replace(affine, bias=affine.bias + factor)
    if name == "relax.subtract":
        return replace(affine, bias=affine.bias - factor)
    if name == "relax.divide":
        if not factor.all():
            return None
        factor = 1 / factor
    return replace(affine, scale=affine.scale * factor, bias=affine.bias * factor)
