"""Transposed convolution in blocks of four channels, phase by phase.

before: for n, oc, h, ph, w, pw, o, ic, jh, jw, ii: sum;  for n, oc, oh, ow, o: epilogue
after:  pad, a kernel of its own where windows see pixels again
        items (h, ph, w / C, pw), (n, oc / V):
          V x C vectors of sums = 0                                (registers)
          for ic, jh, jw:
            C vectors of data
            for ii: V vectors of weights; V x C multiply-adds of four
          bias, activation, store to columns SW apart

Items side by side are phases of the same pixels: together they write whole rows.
"""

from __future__ import annotations

import math

from tvm import tirx
from tvmedge.schedules.rules.cpu.tiles import Room, picked_tile, register_tile
from tvmedge.schedules.rules.cpu.transposed import by_phase
from tvmedge.schedules.steps.blocks import anchor, scheduled
from tvmedge.schedules.steps.item_sums import ItemSums, sums_of_item
from tvmedge.schedules.steps.items import bind_grid, picked_group, spread_items
from tvmedge.schedules.steps.loops import extent

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core


class Transposed:
    """Register tiles over the columns of one phase."""

    name = "transposed"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked transposed convolution of static shape."""
        found = scheduled(func, "transposed")
        if found is None:
            return None
        schedule, main = found
        n, oc, h, ph, w, pw, o, ic, jh, jw, ii = schedule.get_loops(main)
        sizes = [extent(schedule, loop) for loop in (n, oc, h, ph, w, pw)]
        if None in sizes or extent(schedule, o) != core.lanes:
            return None
        batch, outs, rows, row_phases, columns, phases = (size or 1 for size in sizes)
        products = math.prod(extent(schedule, loop) or 0 for loop in (ic, jh, jw, ii))
        tile = register_tile(core, outs, 1, columns, Room(products=products))
        tile = picked_tile(knobs, core, tile, outs, 1, columns)
        across = rows * row_phases * -(-columns // tile.columns) * phases
        group = picked_group(knobs, (across, batch * outs // tile.vectors))
        taps = (extent(schedule, jh) or 1) * (extent(schedule, jw) or 1)
        apart = knobs.pick("pad_apart", (False, True), taps > 1)
        knobs.settle()
        kernel = anchor(schedule, main, lambda s, b: spread_items(s, b, core.lanes))
        kernel = by_phase(schedule, kernel, lambda s, b: spread_items(s, b, core.lanes))
        if kernel.pad is not None and apart:
            spread_items(schedule, kernel.pad, core.lanes)
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        w, w_in = schedule.split(w, [None, tile.columns])
        schedule.reorder(n, oc, h, ph, w, pw, ic, jh, jw, ii, oc_in, w_in, o)
        axes = schedule.fuse(h, ph, w, pw), schedule.fuse(n, oc)
        place = bind_grid(schedule, list(zip(axes, group, strict=True)))
        data = jw if extent(schedule, ii) == core.lanes else None
        pad = None if apart else kernel.pad
        sums_of_item(schedule, kernel, place, ItemSums(ic, ii, (oc_in, w_in, o), data, pad))
        return Plan(schedule, f"{tile}, groups of {group[0]}x{group[1]}")
