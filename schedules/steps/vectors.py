"""Elementwise blocks in vectors, whatever their length.

before: for i in 43: y[i] = f(x[i])
after:  for i in 2: for vector 16: y = f(x);  for vector 11: y = f(x)
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm import s_tir
from tvmedge.schedules.steps.access import moves
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.loops import Loop, extent
from tvmedge.schedules.steps.registers import keep

from tvmedge.targeting.core import Core


def in_vectors(
    schedule: s_tir.Schedule,
    block: Block,
    loops: Sequence[Loop],
    lanes: int,
    core: Core | None = None,
) -> None:
    """The innermost of ``loops`` in vectors, and those around it through which ``block``
    moves as through one. The loops are all that is around the block inside of others'. A
    ``core`` may keep the loop over vectors."""
    known, first = moves(schedule, block, loops), len(loops) - 1
    while known is not None and first > 0 and known.as_one(first - 1):
        first -= 1
    inner = schedule.fuse(*loops[first:]) if first < len(loops) - 1 else loops[-1]
    size = extent(schedule, inner)
    if size is None or size == 1:
        return
    if size > lanes and size % lanes:
        inner, rest = schedule.loop_partition(inner, [size // lanes * lanes, None])
        schedule.vectorize(rest)
    if size >= 2 * lanes:
        turn, inner = schedule.split(inner, [None, lanes])
        if core is not None:
            keep(schedule, turn, core)
    schedule.vectorize(inner)
