"""Softmax, normalisations and reductions along rows of memory.

before: for rows: sums;  for rows: means;  for rows, k: y        (each over the whole tensor)
after:  parallel rows:
          for k / 64: four vectors of sums                       (a row stays in L1)
          half of them, a quarter, ... , one
          for k: y, in vectors
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import tvm
from tvm import s_tir, sym, tirx
from tvmedge.schedules.steps.blocks import Block, Size, blocks, find, find_all, has, sizes
from tvmedge.schedules.steps.elementwise import inline, sums
from tvmedge.schedules.steps.folds import gather_at, one_pass
from tvmedge.schedules.steps.loops import Loop, extent, leading, vectorize
from tvmedge.schedules.steps.registers import beside, keep

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

Expr: TypeAlias = tvm.ir.Expr
Sizes: TypeAlias = Sequence[Size]

WRITTEN_OUT = 4  # steps of a sum
VECTORS = (1, 2, 4)  # that are computed side by side
MANY = 32  # registers
FOLDED = tirx.IterVar.CommReduce


class Rows:
    """One pass over a row for everything that is formed of it."""

    name = "rows"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but folds in lanes, and where the result is not made row by row."""
        if not has(func, "lanes"):
            return None
        schedule = s_tir.Schedule(func)
        folded = find_all(schedule, "lanes")
        outers = [sizes(schedule, block)[:-1] for block in folded]
        if not outers or find(schedule, "columns") or not _alike(outers):
            return None
        wide = knobs.pick("vectors", VECTORS, _side_by_side(core, folded, schedule))
        knobs.settle()
        for block in blocks(schedule):
            inline(schedule, block, into_sums=True, again=core.items > 0)
        *before, last = blocks(schedule)
        row = _row(schedule, last, outers[0])
        if row is None:
            return None
        if not gather_at(schedule, before, row):
            return None
        if any(not _one_row(schedule, block) for block in folded):
            return None
        one_pass(schedule, (*before, last), row, wide, _sum, core)
        return Plan(schedule)


def _side_by_side(core: Core, folded: Sequence[Block], schedule: s_tir.Schedule) -> int:
    """Vectors of what is formed of a row: as many as there are in a row where a core has the
    registers, since one waits for a chain of multiply-adds (softmax and norms take 0.43 to 0.55 of
    the cycles of two cores by four on NEON, 0.87 to 0.93 of the time on an AVX-512 one)."""
    if core.registers < MANY or core.items:
        return 1
    lengths = [_length(schedule, block) for block in folded]
    return max((v for v in VECTORS if v * core.lanes <= max(lengths)), default=1)


def _length(schedule: s_tir.Schedule, block: Block) -> int:
    """Of the rows that ``block`` folds, 0 where that is open."""
    axes = [axis.dom.extent for axis in schedule.get(block).iter_vars if axis.iter_type == FOLDED]
    whole = [*axes, sizes(schedule, block)[-1]]
    if not all(isinstance(size, int | tirx.IntImm) for size in whole):
        return 0
    return int(math.prod(map(int, whole)))


def _alike(outers: Sequence[Sizes]) -> bool:
    """Whether all are of as many rows."""
    first, analyzer = math.prod(outers[0]), sym.Analyzer()
    return all(analyzer.can_prove_equal(math.prod(outer), first) for outer in outers[1:])


def _row(schedule: s_tir.Schedule, block: Block, outer: Sizes) -> Loop | None:
    """The outermost loops of ``block``, over as many rows as ``outer`` has, as one."""
    loops = schedule.get_loops(block)
    if all(isinstance(size, int) for size in outer):
        count = leading([extent(schedule, loop) for loop in loops], math.prod(outer))
    else:
        count = _open_leading([schedule.get(loop).extent for loop in loops], outer)
    if count is None:
        return None
    if count == 0:
        return schedule.add_unit_loop(loops[0] if loops else block)
    return schedule.fuse(*loops[:count])


def _open_leading(extents: Sequence[Expr], outer: Sizes) -> int | None:
    """How many of the first ``extents`` are those of ``outer``, one by one."""
    analyzer = sym.Analyzer()
    if len(extents) < len(outer):
        return None
    pairs = zip(extents, outer, strict=False)
    return len(outer) if all(analyzer.can_prove_equal(*pair) for pair in pairs) else None


def _one_row(schedule: s_tir.Schedule, block: Block) -> bool:
    """Whether ``block`` computes what it holds of one row only, inside the loop over rows."""
    inside = [extent(schedule, loop) or 0 for loop in schedule.get_loops(block)[1:]]
    width = sizes(schedule, block)[-1]
    return bool(math.prod(inside) == width * sums(schedule.get(block)))


def _sum(schedule: s_tir.Schedule, block: Block, core: Core, _: int) -> None:
    """for lane, k: sum -> lanes = 0; for k: for vectors of lanes: sum"""
    *_, lane, k = schedule.get_loops(block)
    vectors = max(1, (extent(schedule, lane) or 1) // core.lanes)
    few = beside(schedule, block, core, vectors)
    if few < vectors:
        _, lane = schedule.split(lane, [None, few * core.lanes])
    schedule.reorder(k, lane)
    if (extent(schedule, k) or 0) <= WRITTEN_OUT and few == vectors:
        schedule.unroll(k)
    else:
        keep(schedule, k, core)
    vectorize(schedule, lane, core.lanes)
    start = schedule.decompose_reduction(block, k)
    vectorize(schedule, schedule.get_loops(start)[-1], core.lanes)
