"""Softmax and reductions across rows of memory: every lane of a vector is a column of its own.

before: for n, w, k: sum of x[n, k, w]
after:  parallel n, w / V:
          for k / 4: four times V vectors of sums            (fewer where V is two or more)
          one of the four, and what is formed of it for k
"""

from __future__ import annotations

import math

from tvm import s_tir, tirx
from tvmedge.schedules.steps.blocks import Block, blocks, find, find_all, has, shape
from tvmedge.schedules.steps.elementwise import inline
from tvmedge.schedules.steps.folds import gather_at, one_pass
from tvmedge.schedules.steps.loops import Loop, divisors, extent, leading, unroll, vectorize

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

VECTORS = 4  # of columns that a loop takes at a time
MOST_VECTORS = 8


class Columns:
    """Vectors of columns."""

    name = "columns"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but folds of columns, and where the result is not made column by
        column."""
        if not has(func, "columns"):
            return None
        schedule = s_tir.Schedule(func)
        folded = find_all(schedule, "columns")
        places = {(math.prod(s[:-2]), s[-1]) for s in (shape(schedule, b) for b in folded)}
        if len(places) != 1 or find(schedule, "lanes"):
            return None
        rows, columns = places.pop()
        widths = _of_items(columns, core.lanes) if core.items else _widths(columns, core.lanes)
        width = knobs.pick("columns", widths, max(w for w in widths if w <= VECTORS * core.lanes))
        knobs.settle()
        for block in blocks(schedule):
            inline(schedule, block, into_sums=True, again=core.items > 0)
        *before, last = blocks(schedule)
        tile = _tiles(schedule, last, rows, columns, width)
        if tile is None:
            return None
        if not gather_at(schedule, before, tile):
            return None
        if any(extent(schedule, schedule.get_loops(block)[-2]) != width for block in folded):
            return None
        one_pass(schedule, (*before, last), tile, 1, _sum, core)
        return Plan(schedule, f"{width} columns")


def _widths(columns: int, lanes: int) -> list[int]:
    """Columns of a tile: what divides them, whole vectors if there are any."""
    fits = [size for size in divisors(columns) if size <= MOST_VECTORS * lanes]
    whole = [size for size in fits if size % lanes == 0]
    return whole or [size for size in fits if size <= VECTORS * lanes]


def _of_items(columns: int, lanes: int) -> list[int]:
    """The same for an item of a GPU, which others stand beside: a vector, or one."""
    return [lanes] if columns % lanes == 0 else [1]


def _tiles(
    schedule: s_tir.Schedule, block: Block, rows: int, columns: int, width: int
) -> Loop | None:
    """One loop over the rows and tiles of columns of ``block``, which is made new: rows,
    tiles, what is formed along them, columns of the tile."""
    loops = schedule.get_loops(block)
    sizes = [extent(schedule, loop) for loop in loops]
    first, last = leading(sizes, rows), leading(sizes[::-1], columns)
    if first is None or last is None or last == 0 or first + last > len(loops):
        return None
    column = schedule.fuse(*loops[len(loops) - last :])
    outer, inner = schedule.split(column, [None, width])
    between = loops[first : len(loops) - last]
    schedule.reorder(*loops[:first], outer, *between, inner)
    return schedule.fuse(*loops[:first], outer)


def _sum(schedule: s_tir.Schedule, block: Block, core: Core, outer: int) -> None:
    """for part, column, k: sum -> parts = 0; for k: for parts: for vectors of columns: sum"""
    *parts, column, k = schedule.get_loops(block)[outer:]
    schedule.reorder(k, *parts, column)
    unroll(schedule, parts)
    vectorize(schedule, column, core.lanes)
    start = schedule.decompose_reduction(block, k)
    *parts, column = schedule.get_loops(start)[outer:]
    unroll(schedule, parts)
    vectorize(schedule, column, core.lanes)
