"""Move large constants out of the code, into arguments of ``main``.

before: main(x):               conv(x, const[64, 3, 7, 7])
after:  main(x, w_1f0c...):    conv(x, w_1f0c...)

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

MIN_BYTES = 4096


@dataclass(frozen=True)
class Lifted:
    """``weights`` maps argument name to tensor, in the order of the arguments
    that follow the model's inputs."""

    module: tvm.IRModule
    weights: dict[str, npt.NDArray[np.generic]]


def lift_weights(module: tvm.IRModule) -> Lifted:
    """Lift constants of 4 KiB and more from ``main``."""
    main = module["main"]
    lifter = _Lifter()
    body = lifter.visit_expr(main.body)
    if not lifter.weights:
        return Lifted(module, {})
    function = relax.Function(
        [*main.params, *lifter.params.values()],
        body,
        main.ret_ty,
        main.is_pure,
        main.attrs,
        main.span,
    ).with_attr("num_input", len(main.params))
    module = tvm.IRModule(dict(module.functions.items()), attrs=module.attrs)
    module["main"] = function
    return Lifted(module, lifter.weights)


@relax.expr_functor.mutator
class _Lifter(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.params: dict[str, relax.Var] = {}
        self.weights: dict[str, npt.NDArray[np.generic]] = {}

    def visit_generic_const_(self, op: tvm.ir.GenericConst) -> relax.Expr:
        if not isinstance(op.ty, relax.TensorType):
            return op
        array = op.value.numpy()
        if array.nbytes < MIN_BYTES:
            return op
        name = _content_name(array)
        if name not in self.params:
            self.params[name] = relax.Var(name, op.ty)
            self.weights[name] = array
        return self.params[name]


def _content_name(array: npt.NDArray[np.generic]) -> str:
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return "w_" + digest.hexdigest()[:32]
