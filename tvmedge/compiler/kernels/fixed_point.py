"""Products of 32-bit integers of which the upper bits are kept.

An operator of TIR until TVM lowers intrinsics, like those of ``elementary``: written out, it
needs 64 bits, which vector units of 32-bit lanes do not have; HVX forms it in two instructions
of its own (Qualcomm Hexagon V66 HVX Programmer's Reference Manual, "Multiply 32x16"):

    high = vmpye(x, m.uh):             (x * low half of m) >> 16
    high += vmpyo(x, m.h):<<1:sat:shift   (high + x * upper half of m) >> 15
"""

from __future__ import annotations

from typing import TypeAlias

import tvm
from tvm import te, tirx
from tvm.ir.op import register_op_attr

Expr: TypeAlias = tvm.ir.Expr

HVX_LANES = 32
_NAME = "tvmedge.scaled"


def scaled(x: Expr, factor: Expr) -> Expr:
    """floor(``x`` * ``factor`` / 2^31) of int32 numbers, not both of them the least."""
    given = [a.asobject() if isinstance(a, te.TensorSlice) else a for a in (x, factor)]
    return tirx.call_intrin("int32", _NAME, *given)


def _lowered(call: tvm.ir.Call) -> Expr:
    x, factor = call.args
    lanes = int(tvm.runtime.DataType(str(call.ty.dtype)).lanes)
    if lanes % HVX_LANES == 0 and has_hvx(tvm.target.Target.current(allow_none=True)):
        return _in_vectors(x, factor, lanes)
    wide, narrow = (_vector(kind, lanes) for kind in ("int64", "int32"))
    product = tirx.Cast(wide, x) * tirx.Cast(wide, factor)
    return tirx.Cast(narrow, product >> tirx.const(31, wide))


def _in_vectors(x: Expr, factor: Expr, lanes: int) -> Expr:
    """Halves until they are vectors of HVX."""
    if lanes == HVX_LANES:
        return _hvx("vmpyowh.sacc", _hvx("vmpyewuh", x, factor), x, factor)
    half, kind = lanes // 2, _vector("int32", lanes // 2)

    def part(which: str) -> Expr:
        operator = f"tirx.vector{which}"
        left, right = (tirx.call_intrin(kind, operator, whole) for whole in (x, factor))
        return _in_vectors(left, right, half)

    combined = _vector("int32", lanes)
    return tirx.call_intrin(combined, "tirx.vectorcombine", part("low"), part("high"))


def _vector(kind: str, lanes: int) -> str:
    return f"{kind}x{lanes}" if lanes > 1 else kind


def _hvx(name: str, *arguments: Expr) -> Expr:
    kind = f"int32x{HVX_LANES}"
    return tirx.call_llvm_pure_intrin(kind, f"llvm.hexagon.V6.{name}.128B", *arguments)


def has_hvx(target: tvm.target.Target | None) -> bool:
    """Whether code for ``target`` may use Hexagon's vectors of 128 bytes."""
    return target is not None and "+hvx-length128b" in map(str, target.attrs.get("mattr", ()))


register_op_attr(_NAME, "TCallEffectKind", tirx.CallEffectKind.Pure.value)
register_op_attr(_NAME, "TVectorizable", True)
register_op_attr(_NAME, "TScriptPrinterName", "tvmedge_scaled")
tirx.register_intrin_lowering(_NAME, target="default", f=_lowered)
