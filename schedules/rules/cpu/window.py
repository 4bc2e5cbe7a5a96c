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
from tvmedge.schedules.steps.blocks import Anchored, anchor, find
from tvmedge.schedules.steps.loops import divisors, extent, unroll, vectorize

from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

MOST_SUMS = 14
MOST_SUMS_LOADED = 7  # where data takes some of sixteen registers
ENOUGH_SUMS = 8  # hide the latency of a multiply-add; more only save loads
SMALL_WINDOW = 5
TILE_OVERHEAD = 6  # loads that moving on to the next tile is worth
MOST_WRITTEN_OUT = 9  # multiply-adds for a sum: a row of a larger window at a time


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
        step = _step(schedule, kernel, columns, kw_size)
        written_out = kw_size <= SMALL_WINDOW and kh_size * kw_size <= MOST_WRITTEN_OUT
        height, width = _tile(core, (rows, columns), (kh_size, kw_size), step, written_out)
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
        # Where data takes registers, each vector of it is used up before the next.
        schedule.reorder(kh, *((oh, ow, kw) if core.lane_operand else (kw, oh, ow)), c, i)
        if written_out:
            schedule.unroll(kh)
        if kw_size <= SMALL_WINDOW or core.lane_operand:
            schedule.unroll(kw)
        unroll(schedule, [oh, ow, c])
        vectorize(schedule, i, core.lanes)
        start = schedule.decompose_reduction(main, kh)
        *inner, i = schedule.get_loops(start)[depth:]
        unroll(schedule, inner)
        vectorize(schedule, i, core.lanes)
        return Plan(schedule, f"{height}x{width} vectors")


def _step(schedule: s_tir.Schedule, kernel: Anchored, columns: int, kernel_columns: int) -> int:
    """How far the window moves from a sum to the next, in columns of the image."""
    image = schedule.get(kernel.main).reads[0].source
    return max(1, (int(image.shape[3]) - kernel_columns) // max(1, columns - 1))


def _tile(
    core: Core, sums: tuple[int, int], kernel: tuple[int, int], step: int, written_out: bool
) -> tuple[int, int]:
    """Rows and columns of a tile of ``sums`` whose registers do not spill.

    Where data and weights pass through registers, that which loads least for each sum.
    """
    (rows, columns), (kh, kw) = sums, kernel
    most = MOST_SUMS if core.memory_operand else MOST_SUMS_LOADED
    if core.lane_operand:
        weights = kh * kw if written_out else kw
        most = min(MOST_SUMS, core.accumulators - weights - kw)
        most = max(MOST_SUMS_LOADED, most // step if written_out else most)
    tiles = [(h, w) for h in (1, 2) if rows % h == 0 for w in divisors(columns) if h * w <= most]
    if not core.lane_operand:
        return max(tiles, key=lambda tile: (min(tile[0] * tile[1], ENOUGH_SUMS), *tile))

    def loads(tile: tuple[int, int]) -> float:
        height, width = tile
        rows_read = (height - 1) * step + kh if written_out else height * kh
        return (rows_read * ((width - 1) * step + kw) + TILE_OVERHEAD) / (height * width)

    return min(tiles, key=loads)
