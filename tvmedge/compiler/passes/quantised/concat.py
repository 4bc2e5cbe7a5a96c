"""Concatenation: all parts on the result's grid."""

from __future__ import annotations

from tvm import relax

from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.values import Coded, Grid


def concat(context: Context, call: relax.Call, grid: Grid) -> relax.Expr | None:
    """The codes on ``grid`` of parts that have codes of any grid."""
    fields = list(call.args[0].fields) if isinstance(call.args[0], relax.Tuple) else []
    parts = [context.values.get(part) for part in fields]
    codes = [
        context.as_codes(Coded(part.source, part.reals, grid))
        for part in parts
        if isinstance(part, Coded)
    ]
    if not codes or len(codes) != len(parts):
        return None
    return relax.op.concat(codes, axis=int(call.attrs.axis))
