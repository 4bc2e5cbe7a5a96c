"""Depthwise convolutions and pools in blocks of channels.

before: for n, c, oh, ow, i, kh, kw: sum
after:  parallel n, c:
          pad one plane
          for oh / R, ow / C:
            R x C vectors of sums, kh and kw written out where they are small
            bias, activation, store
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.steps.blocks import anchor, find
from tvmedge.schedules.steps.loops import divisors, extent, unroll, vectorize

from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

MOST_SUMS = 14
MOST_SUMS_LOADED = 7  # where data takes registers too: fourteen spill on NEON with a stride
ENOUGH_SUMS = 8  # hide the latency of a multiply-add; more only save loads
SMALL_WINDOW = 5


class Window:
    """Vectors of sums over a plane."""

    name = "window"

    def apply(self, func: tirx.PrimFunc, core: Core) -> Plan | None:
        """None for anything but a blocked depthwise convolution or pool of images of known
        size."""
        schedule = s_tir.Schedule(func)
        main = find(schedule, "depthwise", "pool")
        if main is None:
            return None
        loops = schedule.get_loops(main)
        sizes = [extent(schedule, loop) for loop in loops]
        if None in sizes[1:] or sizes[4] != core.lanes:
            return None
        _, _, rows, columns, _, kh_size, kw_size = sizes
        kernel = anchor(schedule, main)
        most = MOST_SUMS if core.memory_operand else MOST_SUMS_LOADED
        height, width = _tile(rows, columns, most)
        n, c, oh, ow, i = schedule.get_loops(kernel.epilogue)
        oh, oh_in = schedule.split(oh, [None, height])
        ow, ow_in = schedule.split(ow, [None, width])
        schedule.reorder(n, c, oh, ow, oh_in, ow_in, i)
        plane = schedule.fuse(n, c) if kernel.pad is not None else schedule.fuse(n, c, oh)
        schedule.parallel(plane)
        schedule.compute_at(main, ow, preserve_unit_loops=True)
        if kernel.pad is not None:
            schedule.compute_at(kernel.pad, plane, preserve_unit_loops=True)
            vectorize(schedule, schedule.get_loops(kernel.pad)[-1], core.lanes)
        *inner, i = schedule.get_loops(kernel.epilogue)[-3:]
        unroll(schedule, inner)
        vectorize(schedule, i, core.lanes)
        depth = 3 if kernel.pad is not None else 2
        _, c, oh, ow, i, kh, kw = schedule.get_loops(main)[depth:]
        schedule.reorder(kh, kw, oh, ow, c, i)
        if kw_size <= SMALL_WINDOW:
            schedule.unroll(kw)
            if kh_size <= SMALL_WINDOW and kh_size * kw_size <= 9:
                schedule.unroll(kh)
        unroll(schedule, [oh, ow, c])
        vectorize(schedule, i, core.lanes)
        start = schedule.decompose_reduction(main, kh)
        *inner, i = schedule.get_loops(start)[depth:]
        unroll(schedule, inner)
        vectorize(schedule, i, core.lanes)
        return Plan(schedule, f"{height}x{width} vectors")


def _tile(rows: int, columns: int, most: int) -> tuple[int, int]:
    tiles = [(h, w) for h in (1, 2) if rows % h == 0 for w in divisors(columns) if h * w <= most]
    return max(tiles, key=lambda tile: (min(tile[0] * tile[1], ENOUGH_SUMS), *tile))
