"""Loops that no sum runs through."""

from __future__ import annotations

from tvm import s_tir

Block = s_tir.schedule.SBlockRV


def spread(schedule: s_tir.Schedule, block: Block) -> None:
    """Outer axes in parallel, the innermost left to LLVM's vectoriser."""
    loops = schedule.get_loops(block)
    if len(loops) > 1:
        schedule.parallel(schedule.fuse(*loops[:-1]))
