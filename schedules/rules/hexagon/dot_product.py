"""Products of matrices of bytes whose columns come in blocks of 32.

before: for ..., m, c, o, k, j: sum
after:  parallel ..., c / V:
          for m / T:
            T x V vectors of 32 sums = 0                           (in registers)
            for k: T times four bytes of data, splat; T x V vrmpy
            requantise, activation; bytes of four blocks a store
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.rules.hexagon.intrinsics import LANES, dots
from tvmedge.schedules.rules.hexagon.narrow import end_tile, in_rows, narrow_anchor
from tvmedge.schedules.rules.hexagon.tiles import Extents, picked_dot_tile
from tvmedge.schedules.steps.blocks import find, has
from tvmedge.schedules.steps.loops import extent, unroll

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

WRITTEN_OUT = 8  # values of data in a turn of the loop


class DotProduct:
    """Register tiles over a product of bytes."""

    name = "vrmpy_product"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a product of bytes in blocks, of known size."""
        if not has(func, "dot_product"):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, "dot_product")
        if main is None:
            return None
        *lead, m, c, o, k, j = schedule.get_loops(main)
        rows, blocks, block, turns = (extent(schedule, loop) for loop in (m, c, o, k))
        if rows is None or blocks is None or turns is None or block != LANES:
            return None
        inside = max(d for d in range(1, WRITTEN_OUT + 1) if turns % d == 0)
        tile = picked_dot_tile(knobs, Extents(blocks, 1, rows, turns, inside))
        rows_first = knobs.pick("pixels_first", (False, True), True)
        knobs.settle()
        kernel, narrow = narrow_anchor(schedule, "dot_product")
        c, c_in = schedule.split(c, [None, tile.vectors])
        m, m_in = schedule.split(m, [None, tile.columns])
        k, k_in = schedule.split(k, [None, inside])
        sums = (m_in, c_in) if rows_first else (c_in, m_in)
        schedule.reorder(*lead, c, m, k, k_in, *sums, o, j)
        schedule.parallel(schedule.fuse(*lead, c))
        unroll(schedule, sums)
        end_tile(schedule, kernel, narrow, m, 2)
        in_rows(schedule, schedule.decompose_reduction(main, k), 2)
        schedule.tensorize(o, dots("int8"))
        return Plan(schedule, f"{tile.vectors} vectors x {tile.columns} rows", tile.peak)
