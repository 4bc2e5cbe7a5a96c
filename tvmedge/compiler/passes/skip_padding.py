"""A turn of a loop over a window's rows does nothing where its row is padding.

before: for kh {skips}:                          after: for kh:
          for w: sum[w] += (x[h + kh, w]                  if h + kh is inside:
                 if h + kh and w are inside                 for w: sum[w] += (x[h + kh, w]
                 else 0) * ...                                     if w is inside else 0) * ...

So that no padded copy is made. What is padded with changes no sum and no largest element.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm import tirx
from tvm.s_tir.stmt import SBlockRealize
from tvm_ffi import structural_map

from tvmedge.compiler.library.statements import conjuncts, for_loop, found
from tvmedge.scheduling.choices import is_choice
from tvmedge.scheduling.plan import SKIPS


@dataclass(frozen=True)
class SkipPadding:
    """Comes after rules that say where."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = module.clone()
        for variable, function in module.functions_items():
            if isinstance(function, tirx.PrimFunc):
                body = structural_map(function.body, (tirx.For, _skipping))
                result[variable] = function.with_body(body)
        return result


def _skipping(loop: tirx.For) -> tirx.For:
    """``loop`` that asks once a turn what no loop inside of it decides, if it is to."""
    if SKIPS not in loop.annotations:
        return loop
    (realize,) = found(loop.body, SBlockRealize)
    axes = {a.var: v for a, v in zip(realize.block.iter_vars, realize.iter_values, strict=True)}
    within = found(loop.body, tirx.For)
    once = {one.loop_var: one.min for one in within if _single(one)}
    inner = [one.loop_var for one in within if not _single(one)]
    asked: list[tvm.ir.Expr] = []

    def answered(call: tvm.ir.Call) -> tvm.ir.Expr:
        if not is_choice(call):
            return call
        question, inside, outside = call.args
        left: list[tvm.ir.Expr] = []
        for part in conjuncts(question):
            here = structural_map(part, (tirx.Var, lambda v: axes.get(v, v)))
            here = structural_map(here, (tirx.Var, lambda v: once.get(v, v)))
            used = tirx.analysis.undefined_vars(here)
            free = not any(one.same_as(variable) for one in used for variable in inner)
            (asked if free else left).append(here if free else part)
        return tirx.if_then_else(tirx.all(*left), inside, outside) if left else inside

    body = structural_map(loop.body, (tvm.ir.Call, answered))
    return for_loop(loop, tirx.IfThenElse(tirx.all(*asked), body, None)) if asked else loop


def _single(loop: tirx.For) -> bool:
    return isinstance(loop.extent, tirx.IntImm) and int(loop.extent) == 1
