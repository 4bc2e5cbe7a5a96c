"""Blocks that compute each element from elements: inlined where that costs nothing, or spread."""

from __future__ import annotations

import math
from typing import TypeAlias

import tvm
from tvm import s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvm_ffi import structural_walk

from tvmedge.scheduling.choices import choices
from tvmedge.scheduling.plan import KERNEL

Block: TypeAlias = s_tir.schedule.SBlockRV
MAX_COPIED_LOADS = 64
WRITTEN_OUT = 32
"""Iterations of a loop, at most, that LLVM may write out."""
# What takes tens of instructions, and is not formed again for every use.
COSTLY = ("exp", "exp2", "exp10", "log", "log2", "log10", "log1p", "pow", "sigmoid", "tanh", "erf")


def inline(
    schedule: s_tir.Schedule, block: Block, *, into_sums: bool = False, again: bool = False
) -> bool:
    """Inline an elementwise block into elementwise consumers, reductions among them where
    ``into_sums``; says whether it went. Blocks that a rule knows by annotation stay, and what
    costs much to form ``again`` for each use."""
    body = schedule.get(block)
    consumers = [schedule.get(consumer) for consumer in schedule.get_consumers(block)]
    if not consumers or reduces(body) or KERNEL in body.annotations:
        return False
    if not into_sums and any(reduces(item) for item in consumers):
        return False
    copied = _copied_loads(body, consumers, again=again)
    if copied > MAX_COPIED_LOADS:
        return False
    try:
        schedule.compute_inline(block)
    except s_tir.ScheduleError:
        return False
    return True


def spread(schedule: s_tir.Schedule, block: Block) -> None:
    """Outer axes in parallel, the innermost left to LLVM's vectoriser, unless it is short: LLVM
    would write that out and gather vectors of the axis around it."""
    loops = schedule.get_loops(block)
    if len(loops) > 1:
        schedule.parallel(schedule.fuse(*loops[:-1]))
    extent = schedule.get(loops[-1]).extent
    short = isinstance(extent, tirx.IntImm) and 1 < int(extent) <= WRITTEN_OUT
    if short and not reduces(schedule.get(block)) and not choices(schedule.get(block).body):
        schedule.vectorize(loops[-1])


def _copied_loads(
    block: s_tir.SBlock, consumers: list[s_tir.SBlock], *, again: bool = False
) -> float:
    """How many loads inlining makes of the block's own; 0 where it only moves them.

    A value that each of a row of blocks reads twice would be copied 2, 4, 8, ... times.
    A name bound inside an expression must not stand twice, nor should an exponential.
    """
    written = block.writes[0].source
    uses = sum(
        load.source.same_as(written) for consumer in consumers for load in _loads(consumer.body)
    )
    if uses <= 1:
        return 0
    return (
        float("inf")
        if _binds(block.body) or (costs(block.body) and not again)
        else uses * len(_loads(block.body))
    )


def _loads(body: tirx.Stmt) -> list[TensorLoad]:
    loads: list[TensorLoad] = []
    structural_walk(body, (TensorLoad, loads.append))
    return loads


def _binds(body: tirx.Stmt) -> bool:
    found: list[tirx.Let] = []
    structural_walk(body, (tirx.Let, found.append))
    return bool(found)


def costs(body: tirx.Stmt) -> bool:
    """Whether a function is asked for that takes tens of instructions."""
    calls: list[tvm.ir.Call] = []
    structural_walk(body, (tvm.ir.Call, calls.append))
    names = [call.op.name for call in calls if isinstance(call.op, tvm.ir.Op)]
    return any(name.rpartition(".")[2] in COSTLY for name in names)


def reduces(block: s_tir.SBlock) -> bool:
    """Whether ``block`` forms a sum or the like."""
    return any(axis.iter_type == tirx.IterVar.CommReduce for axis in block.iter_vars)


def sums(block: s_tir.SBlock) -> int:
    """How many values ``block`` folds into each of its results."""
    reduced = [axis for axis in block.iter_vars if axis.iter_type == tirx.IterVar.CommReduce]
    return math.prod(int(axis.dom.extent) for axis in reduced)
