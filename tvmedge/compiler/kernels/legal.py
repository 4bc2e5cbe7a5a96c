"""Operators that become kernels of ours, for ``LegalizeOps``: float32 exponentials and softmax."""

from __future__ import annotations

from collections.abc import Callable

import tvm
from tvm import relax, te, tirx

from tvmedge.compiler.kernels import elementary

Legalize = Callable[[relax.BlockBuilder, relax.Call], relax.Expr]
HALF_ROOT = 0.7071067811865476  # 1 / sqrt(2)


def legalizations() -> dict[str, Legalize]:
    """By the name of the Relax operator; other types than float32 are left to TVM."""
    return {
        f"relax.{name}": _float32_only(f"relax.{name}", legalize)
        for name, legalize in {
            "exp": _elementwise("exp", elementary.exp),
            "sigmoid": _elementwise("sigmoid", elementary.sigmoid),
            "tanh": _elementwise("tanh", elementary.tanh),
            "erf": _elementwise("erf", elementary.erf),
            "nn.silu": _elementwise("silu", lambda x: x * elementary.sigmoid(x)),
            "nn.gelu": _elementwise("gelu", _gelu),
            "nn.softmax": _softmax,
        }.items()
    }


def _float32_only(name: str, ours: Legalize) -> Legalize:
    default = tvm.ir.Op.get(name).get_attr("FLegalize")

    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        known = str(call.args[0].ty.dtype) == "float32" and call.args[0].ty.ndim > 0
        return ours(bb, call) if known else default(bb, call)

    return legalize


def _elementwise(name: str, function: Callable[[tvm.ir.Expr], tvm.ir.Expr]) -> Legalize:
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


def _softmax(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
    axis = int(call.attrs.axis) % call.args[0].ty.ndim
    return bb.call_te(lambda x: softmax(x, axis), call.args[0], primfunc_name_hint="softmax")


def softmax(x: te.Tensor, axis: int) -> te.Tensor:
    """e^(x - max) over its sum along ``axis``."""
    rest = [size for i, size in enumerate(x.shape) if i != axis]
    j, k = (te.reduce_axis((0, x.shape[axis]), name) for name in "jk")

    def along(index: tuple[tirx.Var, ...], position: tvm.ir.Expr) -> tuple[tvm.ir.Expr, ...]:
        return (*index[:axis], position, *index[axis:])

    def without(index: tuple[tirx.Var, ...]) -> tuple[tirx.Var, ...]:
        return (*index[:axis], *index[axis + 1 :])

    largest = te.compute(rest, lambda *i: te.max(x(*along(i, j)), axis=j), name="softmax_max")
    power = te.compute(
        x.shape, lambda *i: elementary.exp(x(*i) - largest(*without(i))), name="softmax_exp"
    )
    total = te.compute(rest, lambda *i: te.sum(power(*along(i, k)), axis=k), name="softmax_sum")
    return te.compute(x.shape, lambda *i: power(*i) / total(*without(i)), name="softmax")
