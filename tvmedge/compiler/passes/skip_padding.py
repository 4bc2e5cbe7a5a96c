"""A turn of a loop over a window's rows does nothing where its row is padding.

before: for kh {skips}:                          after: for kh:
          for w: sum[w] += (x[h + kh, w]                  if h + kh is inside:
                 if h + kh and w are inside                 for w: sum[w] += (x[h + kh, w]
                 else 0) * ...                                     if w is inside else 0) * ...

So that no padded copy is made. What is padded with changes no sum and no largest element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import tirx
from tvm.s_tir.stmt import SBlockRealize
from tvm_ffi import structural_equal, structural_map, structural_walk

from tvmedge.compiler.library.statements import for_loop
from tvmedge.compiler.passes.module_copy import copied
from tvmedge.scheduling.plan import SKIPS

_CHOICE = "tirx.if_then_else"


@dataclass(frozen=True)
class SkipPadding:
    """Comes after rules that say where."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = copied(module)
        for variable, function in module.functions_items():
            if isinstance(function, tirx.PrimFunc):
                body = structural_map(function.body, (tirx.For, _skipping))
                result[variable] = function.with_body(body)
        return result


def _skipping(loop: tirx.For) -> tirx.For:
    if SKIPS not in loop.annotations:
        return loop
    realize: Any = None
    inner: list[Any] = []

    def see(node: SBlockRealize) -> None:
        nonlocal realize
        realize = node

    structural_walk(loop.body, (SBlockRealize, see))
    structural_walk(loop.body, (tirx.For, lambda node: inner.append(node.loop_var)))
    axes = {a.var: v for a, v in zip(realize.block.iter_vars, realize.iter_values, strict=True)}
    asked: list[tvm.ir.Expr] = []

    def ask(call: tvm.ir.Call) -> tvm.ir.Expr:
        if call.op.name != _CHOICE:
            return call
        left = []
        for part in _parts(call.args[0]):
            outside = structural_map(part, (tirx.Var, lambda v: axes.get(v, v)))
            if any(u.same_as(i) for u in tirx.analysis.undefined_vars(outside) for i in inner):
                left.append(part)
            else:
                asked.append(outside)
        if not left:
            return call.args[1]
        return tirx.if_then_else(tirx.all(*left), call.args[1], call.args[2])

    body = structural_map(loop.body, (tvm.ir.Call, ask))
    if not asked:
        return loop
    return for_loop(loop, tirx.IfThenElse(tirx.all(*asked), body, None))


def _parts(condition: tvm.ir.Expr) -> list[tvm.ir.Expr]:
    if isinstance(condition, tirx.And):
        return [*_parts(condition.a), *_parts(condition.b)]
    return [condition]
