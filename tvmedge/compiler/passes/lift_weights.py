"""Move large constants out of the code, into arguments of ``main``.

before: main(x):               conv(x, const[64, 3, 7, 7])
after:  main(x, w_1f0c...):    conv(x, w_1f0c...)

A private function, such as the step of a loop, takes what it needs as arguments
too, and its callers hand it on.

A weight is named by the hash of its content, so equal tensors are stored once
and an update ships only what changed. Small constants stay: an argument more
costs more than the bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax

from tvmedge.compiler.passes.constants import array_of
from tvmedge.types import CpuKernel

MIN_BYTES = 4096


@dataclass(frozen=True)
class Lifted:
    """``weights`` maps argument name to tensor, in the order of the arguments
    that follow the model's inputs; ``on_cpu`` are kernels that do not run on the target's GPU;
    ``plain`` is the module with its kernels before they were scheduled, if somebody kept it."""

    module: tvm.IRModule
    weights: dict[str, npt.NDArray[np.generic]]
    on_cpu: tuple[CpuKernel, ...] = ()
    plain: tvm.IRModule | None = None


def lift_weights(module: tvm.IRModule) -> Lifted:
    """Lift constants of 4 KiB and more from ``main`` and the functions it calls."""
    lifting = _Lifting(module)
    main, params = lifting.function("main")
    if not lifting.weights:
        return Lifted(module, {})
    lifting.module["main"] = main.with_attr("num_input", len(main.params) - params)
    return Lifted(lifting.module, lifting.weights)


class _Lifting:
    """The module that comes out, the weights found so far, and the private
    functions as they were rewritten, by the names they had."""

    def __init__(self, module: tvm.IRModule) -> None:
        self.module = module.clone()
        self.weights: dict[str, npt.NDArray[np.generic]] = {}
        self.types: dict[str, tvm.ir.Type] = {}
        self._given = module
        self._private: dict[str, tuple[tvm.ir.GlobalVar, tuple[str, ...]]] = {}

    def function(self, name: str) -> tuple[relax.Function, int]:
        """A function with the weights it needs as more parameters, and their number."""
        given = self._given[name]
        lifter = _Lifter(self)
        body = lifter.visit_expr(given.body)
        params = [*given.params, *lifter.params.values()]
        result = relax.Function(params, body, given.ret_ty, given.is_pure, given.attrs, given.span)
        return result, len(lifter.params)

    def private(self, variable: tvm.ir.GlobalVar) -> tuple[tvm.ir.GlobalVar, tuple[str, ...]]:
        """What to call in place of ``variable``, and the weights to give it."""
        name = variable.name_hint
        if name not in self._private:
            function, count = self.function(name)
            names = tuple(param.name for param in function.params[len(function.params) - count :])
            self._private[name] = self._renewed(variable, function) if count else variable, names
        return self._private[name]

    def _renewed(self, old: tvm.ir.GlobalVar, function: relax.Function) -> tvm.ir.GlobalVar:
        """A variable's type is that of its function: other parameters, another variable."""
        new = tvm.ir.GlobalVar(old.name_hint)
        relax.expr._update_type(new, function.ty)
        del self.module[old]
        self.module[new] = function
        return new

    def calls(self, op: object) -> bool:
        """Whether a call of ``op`` is one of a Relax function."""
        if not isinstance(op, tvm.ir.GlobalVar):
            return False
        return isinstance(self._given[op.name_hint], relax.Function)


@relax.expr_functor.mutator
class _Lifter(relax.PyExprMutator):  # type: ignore[misc]
    """One function."""

    def __init__(self, lifting: _Lifting) -> None:
        super().__init__()
        self.lifting = lifting
        self.params: dict[str, relax.Var] = {}

    def visit_generic_const_(self, op: tvm.ir.GenericConst) -> relax.Expr:
        if not isinstance(op.ty, relax.TensorType):
            return op
        array = array_of(op)
        if array.nbytes < MIN_BYTES:
            return op
        name = content_name(array)
        self.lifting.weights.setdefault(name, array)
        self.lifting.types.setdefault(name, op.ty)
        return self._param(name)

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = super().visit_call_(call)
        if not self.lifting.calls(call.op):
            return call
        function, names = self.lifting.private(call.op)
        if not names:
            return call
        weights = [self._param(name) for name in names]
        return relax.Call(function, [*call.args, *weights], call.attrs, call.ty_args)

    def _param(self, name: str) -> relax.Var:
        return self.params.setdefault(name, relax.Var(name, self.lifting.types[name]))


def content_name(array: npt.NDArray[np.generic]) -> str:
    """What a weight is called: its type, shape and content decide, nothing else."""
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    digest.update(array.reshape(-1).view(np.uint8).data)
    return "w_" + digest.hexdigest()[:32]
