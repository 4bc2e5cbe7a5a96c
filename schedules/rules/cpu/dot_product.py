"""Products of 8-bit integers with packed matrices.

before: for ..., m, c, o, k, j: sum
after:  parallel ..., c / V:
          for m / T:
            T x V vectors of sums = 0                              (in registers)
            for k: T x V dot products of j
            bias, factor, shift, limits, store
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.dot_inner import PixelRow, innermost
from tvmedge.schedules.rules.cpu.dot_tiles import dot_tile
from tvmedge.schedules.rules.cpu.tiles import Room, picked_tile
from tvmedge.schedules.steps.blocks import anchor, find, has
from tvmedge.schedules.steps.elementwise import spread
from tvmedge.schedules.steps.loops import extent
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core, DotKind


class DotProduct:
    """Register tiles over a product of integers."""

    name = "dot_product"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but such a product in blocks of the core's vectors."""
        unit = core.integer
        if unit is None or unit.kind is DotKind.VRMPY or not has(func, "dot_product"):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, "dot_product")
        if main is None:
            return None
        *lead, m, c, o, k, j = schedule.get_loops(main)
        rows, blocks, block, steps = (extent(schedule, loop) for loop in (m, c, o, k))
        if blocks is None or block != unit.lanes or extent(schedule, j) != unit.depth:
            return None
        estimate = dot_tile(unit, blocks, 1, rows, Room(products=steps or 0))
        plain = Core(unit.lanes, unit.registers)
        tile = picked_tile(knobs, plain, estimate, blocks, 1, rows)
        knobs.settle()
        kernel = anchor(schedule, main)
        m, m_in = schedule.split(m, [None, tile.columns])
        c, c_in = schedule.split(c, [None, tile.vectors])
        if kernel.pad is not None:
            spread(schedule, kernel.pad)
        inner = innermost(schedule, unit, (m_in, o), PixelRow(-3, 1, beside=False))
        loops = Sums((*lead, c), (m,), (k,), (), (inner.pixels, c_in, *inner.lanes))
        keep_in_registers(schedule, kernel, loops, unit.lanes, inner.instruction)
        return Plan(schedule, f"{tile.vectors} vectors x {tile.columns} rows", tile.peak)
