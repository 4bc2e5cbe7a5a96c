"""Private functions believe what they are called with.

before: step(h: [4]):  check_tensor_info(h, ..); match_shape(h, .., 4); ..
after:  step(h: [4]):  ..

The types of their arguments were derived when the module was built; checking
them again in every iteration of a loop costs time, and the messages code. What
reads an open size into the function stays, and so does the check of a match_cast.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm import relax

CHECKS = frozenset(
    f"vm.builtin.check_{kind}_info" for kind in ("func", "prim_value", "shape", "tensor", "tuple")
)
MATCHES = "vm.builtin.match_shape"
PARAM = "loc=param["  # in the message of a check; a match_cast's has another
STORE = 1  # MatchShapeCode::kStoreToHeap


@dataclass(frozen=True)
class TrustPrivate:
    """Comes after VMShapeLower, which writes the checks, and before functions get symbols."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = module.clone()
        for variable, function in module.functions_items():
            if isinstance(function, relax.Function) and "global_symbol" not in function.attrs:
                result[variable] = _without_checks(function)
        return result


def _without_checks(function: relax.Function) -> relax.Function:
    blocks = [
        relax.BindingBlock([binding for binding in block.bindings if not _is_check(binding)])
        for block in function.body.blocks
    ]
    body = relax.SeqExpr(blocks, function.body.body)
    relax.expr._update_type(body, function.body.ty)
    return relax.Function(
        function.params, body, function.ret_ty, function.is_pure, function.attrs, function.span
    )


def _is_check(binding: relax.Binding) -> bool:
    call = binding.value if isinstance(binding, relax.VarBinding) else None
    if not isinstance(call, relax.Call) or not isinstance(call.op, relax.ExternFunc):
        return False
    name = str(call.op.global_symbol)
    if PARAM not in str(getattr(call.args[-1], "value", "")):
        return False
    if name != MATCHES:
        return name in CHECKS
    codes = call.args[3:-1:2]
    return not any(int(code) == STORE for code in codes)
