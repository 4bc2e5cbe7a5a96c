"""Operators that become kernels of ours, for ``LegalizeOps``: exponentials as polynomials."""

from __future__ import annotations

from collections.abc import Callable, Collection

import tvm
from tvm import relax, te, tirx

from tvmedge.compiler.kernels import elementary

Legalize = Callable[[relax.BlockBuilder, relax.Call], relax.Expr]
# None: TVM's own kernel serves.
Attempt = Callable[[relax.BlockBuilder, relax.Call], relax.Expr | None]
HALF_ROOT = 0.7071067811865476  # 1 / sqrt(2)


def exponentials() -> dict[str, Legalize]:
    """By the name of the Relax operator; other types than float32 are left to TVM."""
    return of_float32(
        {
            "exp": _elementwise("exp", elementary.exp),
            "sigmoid": _elementwise("sigmoid", elementary.sigmoid),
            "tanh": _elementwise("tanh", elementary.tanh),
            "erf": _elementwise("erf", elementary.erf),
            "cosh": _elementwise("cosh", elementary.cosh),
            "sinh": _elementwise("sinh", elementary.sinh),
            "nn.silu": _elementwise("silu", lambda x: x * elementary.sigmoid(x)),
            "nn.gelu": _elementwise("gelu", _gelu),
        }
    )


def of_float32(ours: dict[str, Attempt]) -> dict[str, Legalize]:
    """``ours`` by full names, for tensors of float32; TVM's kernels for the rest."""
    return of_types(ours, ("float32",))


def of_types(ours: dict[str, Attempt], types: Collection[str]) -> dict[str, Legalize]:
    """``ours`` by full names, for tensors of ``types``; TVM's kernels for the rest."""
    return {f"relax.{name}": _only(f"relax.{name}", ours[name], types) for name in ours}


def _only(name: str, ours: Attempt, types: Collection[str]) -> Legalize:
    default = tvm.ir.Op.get(name).get_attr("FLegalize")

    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        known = str(call.args[0].ty.dtype) in types and call.args[0].ty.ndim > 0
        made = ours(bb, call) if known else None
        return default(bb, call) if made is None else made

    return legalize


def _elementwise(name: str, function: Callable[[tvm.ir.Expr], tvm.ir.Expr]) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        return bb.call_te(
            lambda x: te.compute(x.shape, lambda *i: function(x(*i)), name=name),
            call.args[0],
            primfunc_name_hint=name,
        )

    return legalize


def _gelu(x: tvm.ir.Expr) -> tvm.ir.Expr:
    half, one = tirx.const(0.5, "float32"), tirx.const(1.0, "float32")
    return half * x * (one + elementary.erf(x * tirx.const(HALF_ROOT, "float32")))
