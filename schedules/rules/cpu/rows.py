"""Softmax, normalisations and reductions along rows of memory.

before: for rows: sums;  for rows: means;  for rows, k: y        (each over the whole tensor)
after:  parallel rows:
          for k / 64: four vectors of sums                       (a row stays in L1)
          half of them, a quarter, ... , one
          for k: y, in vectors
"""

from __future__ import annotations

import math

from tvm import s_tir, tirx
from tvmedge.schedules.steps.blocks import Block, blocks, find, find_all, shape
from tvmedge.schedules.steps.elementwise import inline, sums
from tvmedge.schedules.steps.folds import gather_at, one_pass
from tvmedge.schedules.steps.loops import Loop, extent, leading, vectorize

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

WRITTEN_OUT = 4  # steps of a sum
VECTORS = (1, 2, 4)  # that are computed side by side


class Rows:
    """One pass over a row for everything that is formed of it."""

    name = "rows"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but folds in lanes, and where the result is not made row by row."""
        schedule = s_tir.Schedule(func)
        folded = find_all(schedule, "lanes")
        outers = {math.prod(shape(schedule, block)[:-1]) for block in folded}
        if len(outers) != 1 or find(schedule, "columns"):
            return None
        wide = knobs.pick("vectors", VECTORS, 1)
        knobs.settle()
        for block in blocks(schedule):
            inline(schedule, block, into_sums=True)
        *before, last = blocks(schedule)
        row = _row(schedule, last, outers.pop())
        if row is None:
            return None
        if not gather_at(schedule, before, row):
            return None
        if any(not _one_row(schedule, block) for block in folded):
            return None
        one_pass(schedule, (*before, last), row, (core.lanes, wide * core.lanes), _sum)
        return Plan(schedule)


def _row(schedule: s_tir.Schedule, block: Block, rows: int) -> Loop | None:
    """The outermost loops of ``block``, ``rows`` iterations in all, as one."""
    loops = schedule.get_loops(block)
    count = leading([extent(schedule, loop) for loop in loops], rows)
    if count is None:
        return None
    if count == 0:
        return schedule.add_unit_loop(loops[0] if loops else block)
    return schedule.fuse(*loops[:count])


def _one_row(schedule: s_tir.Schedule, block: Block) -> bool:
    """Whether ``block`` computes what it holds of one row only, inside the loop over rows."""
    inside = [extent(schedule, loop) or 0 for loop in schedule.get_loops(block)[1:]]
    width = shape(schedule, block)[-1]
    return bool(math.prod(inside) == width * sums(schedule.get(block)))


def _sum(schedule: s_tir.Schedule, block: Block, lanes: int) -> None:
    """for lane, k: sum -> lanes = 0; for k: for vectors of lanes: sum"""
    *_, lane, k = schedule.get_loops(block)
    schedule.reorder(k, lane)
    if (extent(schedule, k) or 0) <= WRITTEN_OUT:
        schedule.unroll(k)
    vectorize(schedule, lane, lanes)
    start = schedule.decompose_reduction(block, k)
    vectorize(schedule, schedule.get_loops(start)[-1], lanes)
