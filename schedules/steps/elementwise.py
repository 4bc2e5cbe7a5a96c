"""Blocks that compute each element from elements: inlined where that costs nothing, or spread."""

from __future__ import annotations

from typing import TypeAlias

from tvm import s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvm_ffi import structural_walk

Block: TypeAlias = s_tir.schedule.SBlockRV
MAX_COPIED_LOADS = 64


def inline(schedule: s_tir.Schedule, block: Block) -> bool:
    """Inline an elementwise block into elementwise consumers; says whether it went."""
    body = schedule.get(block)
    consumers = [schedule.get(consumer) for consumer in schedule.get_consumers(block)]
    if not consumers or any(_reduces(item) for item in (body, *consumers)):
        return False
    if _copied_loads(body, consumers) > MAX_COPIED_LOADS:
        return False
    try:
        schedule.compute_inline(block)
    except s_tir.ScheduleError:
        return False
    return True


def spread(schedule: s_tir.Schedule, block: Block) -> None:
    """Outer axes in parallel, the innermost left to LLVM's vectoriser."""
    loops = schedule.get_loops(block)
    if len(loops) > 1:
        schedule.parallel(schedule.fuse(*loops[:-1]))


def _copied_loads(block: s_tir.SBlock, consumers: list[s_tir.SBlock]) -> float:
    """How many loads inlining makes of the block's own; 0 where it only moves them.

    A value that each of a row of blocks reads twice would be copied 2, 4, 8, ... times.
    A name bound inside an expression must not stand twice.
    """
    written = block.writes[0].source
    uses = sum(
        load.source.same_as(written) for consumer in consumers for load in _loads(consumer.body)
    )
    if uses <= 1:
        return 0
    return float("inf") if _binds(block.body) else uses * len(_loads(block.body))


def _loads(body: tirx.Stmt) -> list[TensorLoad]:
    loads: list[TensorLoad] = []
    structural_walk(body, (TensorLoad, loads.append))
    return loads


def _binds(body: tirx.Stmt) -> bool:
    found: list[tirx.Let] = []
    structural_walk(body, (tirx.Let, found.append))
    return bool(found)


def _reduces(block: s_tir.SBlock) -> bool:
    return any(axis.iter_type == tirx.IterVar.CommReduce for axis in block.iter_vars)
