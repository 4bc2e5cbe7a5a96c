"""The larger and the smaller of two numbers in one instruction, where a core has it.

before: max(x, 0)                 a comparison and a choice: two instructions on ARM
after:  tvmedge.maximum(x, 0)     fmax

TVM's max answers its second argument where either is NaN; fmax answers NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tvm
from tvm import tirx
from tvm.ir.op import register_op_attr
from tvm_ffi import structural_map

from tvmedge.targeting.core import Core

_INTRINSICS: Mapping[str, str] = {"maximum": "llvm.maximum", "minimum": "llvm.minimum"}


@dataclass(frozen=True)
class NativeExtremes:
    """Rewrites float32 in every kernel, for a core that has the instructions."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        if not self.core.extremes:
            return module
        functions = {
            name: _rewritten(function) if isinstance(function, tirx.PrimFunc) else function
            for name, function in module.functions.items()
        }
        return tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)


def _rewritten(function: tirx.PrimFunc) -> tirx.PrimFunc:
    body = structural_map(
        function.body,
        [
            (tirx.Max, lambda node: _call("maximum", node)),
            (tirx.Min, lambda node: _call("minimum", node)),
        ],
    )
    return function.with_body(body)


def _call(name: str, node: tirx.Max | tirx.Min) -> tvm.ir.Expr:
    if str(node.ty.dtype) != "float32":
        return node
    return tirx.call_intrin("float32", f"tvmedge.{name}", node.a, node.b)


def _register(name: str, intrinsic: str) -> None:
    operator = f"tvmedge.{name}"
    register_op_attr(operator, "TCallEffectKind", tirx.CallEffectKind.Pure.value)
    register_op_attr(operator, "TVectorizable", True)
    register_op_attr(operator, "TScriptPrinterName", f"tvmedge_{name}")
    tirx.register_intrin_lowering(
        operator,
        target="default",
        f=lambda call: tirx.call_llvm_pure_intrin(call.ty.dtype, intrinsic, *call.args),
    )


for _name, _intrinsic in _INTRINSICS.items():
    _register(_name, _intrinsic)
