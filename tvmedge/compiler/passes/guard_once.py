"""What items beyond the edge must not do is asked once an item.

before: for groups, items:                        after: for groups, items:
          if inside: sums = 0                              if inside:
          for k: if inside: sums += ...                      sums = 0
          if inside: y = sums                                for k: sums += ...
                                                             y = sums

So that a group may have any number of items. TVM writes the question at every block, and with
loops written out at every statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tvm
from tvm import tirx
from tvm.s_tir.stmt import SBlockRealize
from tvm_ffi import structural_equal, structural_map

from tvmedge.compiler.library.statements import conjuncts, found

THREADS = "threadIdx."


@dataclass(frozen=True)
class GuardOnce:
    """For scheduled kernels of GPUs."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = module.clone()
        for variable, function in module.functions_items():
            if isinstance(function, tirx.PrimFunc):
                body = structural_map(function.body, (tirx.For, _guarded))
                result[variable] = function.with_body(body)
        return result


def _guarded(loop: tirx.For) -> tirx.For:
    """``loop`` with one question in it, if it is the innermost over items."""
    if not _over_items(loop) or any(_over_items(inner) for inner in found(loop.body, tirx.For)):
        return loop
    inner = [each.loop_var for each in found(loop.body, tirx.For)]
    blocks = found(loop.body, SBlockRealize)
    # An item that does not fill its registers writes nothing: what it asks before it writes may
    # say so in other words. What fills them may ask less, if it is for nothing.
    fills = [block for block in blocks if _in_registers(block)]
    asked: list[tvm.ir.Expr] = []
    for block in fills or blocks:
        for part in _parts(block.predicate):
            if not _uses(part, inner) and not _among(part, asked):
                asked.append(part)
    others = [] if fills else [_parts(block.predicate) for block in blocks]
    if not asked or any(not _among(part, parts) for parts in others for part in asked):
        return loop
    body = structural_map(loop.body, (SBlockRealize, lambda block: _without(block, asked)))
    return tirx.For(
        loop.loop_var,
        loop.min,
        loop.extent,
        loop.kind,
        tirx.IfThenElse(tirx.all(*asked), body, None),
        loop.thread_binding,
        loop.annotations,
    )


def _over_items(loop: tirx.For) -> bool:
    bound = loop.thread_binding
    return bound is not None and str(bound.thread_tag).startswith(THREADS)


def _in_registers(block: SBlockRealize) -> bool:
    return all(region.source.scope() == "local" for region in block.block.writes)


def _parts(predicate: tvm.ir.Expr) -> list[tvm.ir.Expr]:
    """``a and b and c`` as three; what is always true as none."""
    return [part for part in conjuncts(predicate) if not isinstance(part, tirx.IntImm)]


def _uses(part: tvm.ir.Expr, variables: Sequence[tirx.Var]) -> bool:
    used = tirx.analysis.undefined_vars(part)
    return any(one.same_as(variable) for one in used for variable in variables)


def _among(part: tvm.ir.Expr, parts: Sequence[tvm.ir.Expr]) -> bool:
    return any(structural_equal(part, other) for other in parts)


def _without(block: SBlockRealize, asked: Sequence[tvm.ir.Expr]) -> SBlockRealize:
    """``block`` where ``asked`` is known."""
    left = [part for part in _parts(block.predicate) if not _among(part, asked)]
    predicate = tirx.all(*left) if left else tirx.const(True, "bool")
    return SBlockRealize(block.iter_values, predicate, block.block)
