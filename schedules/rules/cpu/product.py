"""Matrix products whose columns come in blocks of a vector.

before: for ..., m, c, i, k: sum
after:  parallel ..., c / V:
          for m / T:
            T x V vectors of sums = 0                              (in registers)
            for k / 4: unrolled 4: T x V multiply-adds
            bias, activation, store
"""

from __future__ import annotations

from tvm import tirx
from tvmedge.schedules.rules.cpu.inner import picked_inner
from tvmedge.schedules.rules.cpu.tiles import picked_tile, product_tile
from tvmedge.schedules.steps.blocks import anchor, scheduled
from tvmedge.schedules.steps.elementwise import spread
from tvmedge.schedules.steps.loops import extent
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core


class Product:
    """Register tiles over a product."""

    name = "product"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a product in blocks."""
        found = scheduled(func, "product")
        if found is None:
            return None
        schedule, main = found
        *lead, m, c, i, k = schedule.get_loops(main)
        rows, blocks, block, reduced = (extent(schedule, loop) for loop in (m, c, i, k))
        if block != core.lanes:
            return None
        tile = product_tile(core, blocks, rows)
        if blocks is not None:
            tile = picked_tile(knobs, core, tile, blocks, 1, rows)
        inside = picked_inner(knobs, core, reduced)
        several = rows is None or rows > tile.columns
        rows_first = several and knobs.pick("rows_first", (False, True), False)
        knobs.settle()
        kernel = anchor(schedule, main)
        m, m_in = schedule.split(m, [None, tile.columns])
        c, c_in = schedule.split(c, [None, tile.vectors])
        k, k_in, lanes = inside.split(schedule, k)
        if kernel.pad is not None:
            spread(schedule, kernel.pad)
        outer, inner = ((*lead, m), (c,)) if rows_first else ((*lead, c), (m,))
        loops = Sums(outer, inner, (k,), (k_in,), (*inside.order((m_in,), c_in), i), lanes)
        keep_in_registers(schedule, kernel, loops, core.lanes)
        return Plan(schedule, f"{tile.vectors} vectors x {tile.columns} rows", tile.peak)
