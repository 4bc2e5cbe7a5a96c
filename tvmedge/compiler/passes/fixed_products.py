"""Products of which the upper bits are kept, as one operator: HVX has instructions for it.

before: astype(right_shift(multiply(astype(x, int64), factors: int64), 31), int32)
after:  scaled(x, factors: int32)
"""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax, te

from tvmedge.compiler.kernels import ELEMWISE
from tvmedge.compiler.kernels.fixed_point import scaled
from tvmedge.compiler.passes.blocked.layout import numbers
from tvmedge.compiler.passes.functions import rewrite
from tvmedge.targeting.core import Core, DotKind

_BITS = 31


class FixedProducts:
    """Rewrites every function of a module for a ``core`` with HVX."""

    def __init__(self, core: Core) -> None:
        self.wanted = core.integer is not None and core.integer.kind is DotKind.VRMPY

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        return rewrite(module, _Mutator(module)) if self.wanted else module


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):  # type: ignore[misc]
    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        shifted = self._argument(call, "relax.astype", "int32")
        product = self._argument(shifted, "relax.right_shift", "int64")
        if shifted is None or product is None or _number(shifted.args[1]) != _BITS:
            return call
        wide = self._argument(product, "relax.multiply", "int64")
        if wide is None or (factors := numbers(product.args[1])) is None:
            return call
        if not isinstance(wide, relax.Call) or _dtype(wide.args[0]) != "int32":
            return call
        if np.abs(factors).max() >= 1 << _BITS:
            return call
        return self.builder_.call_te(
            _scaled,
            wide.args[0],
            relax.const(factors.astype(np.int32), "int32"),
            primfunc_name_hint="scaled",
            primfunc_attrs={"op_pattern": ELEMWISE},
        )

    def _argument(self, call: object, operator: str, dtype: str) -> relax.Expr | None:
        """What the first argument of ``call`` of ``operator`` is bound to, if it is such a call
        and gives ``dtype``."""
        if not isinstance(call, relax.Call) or getattr(call.op, "name", "") != operator:
            return None
        if _dtype(call) != dtype:
            return None
        value = call.args[0]
        bound = self.lookup_binding(value) if isinstance(value, relax.Var) else value
        return bound if isinstance(bound, relax.Call) else None


def _scaled(x: te.Tensor, factors: te.Tensor) -> te.Tensor:
    """``factors`` broadcast as ONNX does."""
    first = len(x.shape) - len(factors.shape)
    ones = [int(size) == 1 for size in factors.shape]

    def element(*axes: tvm.tirx.Var) -> tvm.ir.Expr:
        at = [0 if one else axis for one, axis in zip(ones, axes[first:], strict=True)]
        return scaled(x[axes], factors[tuple(at)] if at else factors())

    return te.compute(x.shape, element, name="scaled")


def _dtype(expr: relax.Expr) -> str:
    return str(getattr(expr.ty, "dtype", ""))


def _number(expr: relax.Expr) -> int | None:
    array = numbers(expr)
    return int(array.reshape(-1)[0]) if array is not None and array.size == 1 else None
