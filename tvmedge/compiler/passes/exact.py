"""Whether a model rounds: what is one unit in the last place off may then be a step off."""

from __future__ import annotations

import tvm
from tvm import relax

ROUNDING = {"relax.round", "relax.floor", "relax.ceil", "relax.trunc", "relax.quantize"}


def rounds(module: tvm.IRModule) -> bool:
    """Whether any operator of ``module`` rounds to whole numbers."""
    found = False

    def look(expr: relax.Expr) -> None:
        nonlocal found
        if isinstance(expr, relax.Call) and isinstance(expr.op, tvm.ir.Op):
            found = found or expr.op.name in ROUNDING

    for _, function in module.functions_items():
        if isinstance(function, relax.Function):
            relax.analysis.post_order_visit(function, look)
    return found
