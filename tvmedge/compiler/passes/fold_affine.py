"""Fold what scales and shifts a convolution's channels into its weights.

before: multiply(add(conv2d(x, w), b), k)       (b, k constants of one value a channel)
after:  add(conv2d(x, w * k), b * k)

Only where nothing else reads the values between. Sums are formed in float64 and
rounded once. Models that round to whole numbers are left alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax

from tvmedge.compiler.passes.blocked.layout import constant, image_sizes
from tvmedge.compiler.passes.exact import rounds
from tvmedge.compiler.passes.functions import graph_functions, rewrite

# The axis of their weights that is the output channels (of one group).
CONVOLUTIONS = {
    **{f"relax.nn.conv{n}d": 0 for n in (1, 2, 3)},
    **{f"relax.nn.conv{n}d_transpose": 1 for n in (1, 2)},
}
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Folded:
    """``conv`` with other weights, and then ``bias`` (one value a channel) added."""

    conv: relax.Call
    weight: Array
    bias: Array | None = None


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
        self.pending: dict[relax.Var, _Folded] = {}
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

    def _fold(self, value: relax.Expr) -> _Folded | None:
        if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.Op):
            return None
        name = value.op.name
        if name in CONVOLUTIONS:
            return _unfolded(value)
        if name not in ("relax.add", "relax.subtract", "relax.multiply", "relax.divide"):
            return None
        left, right = value.args
        if right in self.pending and name in ("relax.add", "relax.multiply"):
            left, right = right, left
        array = constant(right)
        if left not in self.pending or self.uses[left] != 1 or array is None:
            return None
        factor = _one_a_channel(array, image_sizes(value))
        if factor is None or image_sizes(value) != image_sizes(left):
            return None
        folded = _apply(name, self.pending[left], factor)
        if folded is not None:
            del self.pending[left]
        return folded

    def _emit(self, folded: _Folded) -> relax.Var:
        call = folded.conv
        weight = relax.const(folded.weight.astype(np.float32))
        result = relax.Call(call.op, [self.visit_expr(call.args[0]), weight], call.attrs)
        if folded.bias is None or not folded.bias.any():
            return self.builder_.emit(result)
        spatial = folded.weight.ndim - 2
        bias = folded.bias.astype(np.float32).reshape(1, -1, *[1] * spatial)
        return self.builder_.emit(relax.op.add(self.builder_.emit(result), relax.const(bias)))


def _unfolded(conv: relax.Call) -> _Folded | None:
    weight = constant(conv.args[1])
    if weight is None or (CONVOLUTIONS[conv.op.name] == 1 and int(conv.attrs.groups) != 1):
        return None
    return _Folded(conv, weight.astype(np.float64))


def _one_a_channel(array: npt.NDArray[np.float32], shape: tuple[int, ...] | None) -> Array | None:
    """``array`` as one value a channel of a result of ``shape``, if it is that."""
    if shape is None or array.ndim > len(shape):
        return None
    whole = array.astype(np.float64).reshape((1,) * (len(shape) - array.ndim) + array.shape)
    sizes: tuple[int, ...] = whole.shape
    if sizes[1] != whole.size or sizes[1] not in (1, shape[1]):
        return None
    return np.broadcast_to(whole.reshape(-1), (shape[1],))


def _apply(name: str, folded: _Folded, factor: Array) -> _Folded | None:
    bias = np.zeros_like(factor) if folded.bias is None else folded.bias
    if name == "relax.add":
        return replace(folded, bias=bias + factor)
    if name == "relax.subtract":
        return replace(folded, bias=bias - factor)
    if name == "relax.divide":
        if not factor.all():
            return None
        factor = 1 / factor
    axis = CONVOLUTIONS[folded.conv.op.name]
    scale = factor.reshape(-1, *[1] * (folded.weight.ndim - 1 - axis))
    return replace(folded, weight=folded.weight * scale, bias=bias * factor)
