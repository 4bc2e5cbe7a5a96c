"""Convolution in blocks of four channels.

before: for n, oc, oh, ow, o, ic, kh, kw, ii: sum
after:  pad, a kernel of its own where windows see pixels again
        items (oh / R, ow / C), (n, oc / V):
          V x R x C vectors of sums = 0                            (registers)
          for ic, kh, kw:
            R x C vectors of data
            for ii: V vectors of weights; V x R x C multiply-adds of four
          bias, residual, activation, store

Everything moves in vectors of four, of which data multiplies lane by lane. Local memory is
not used: on Mali it is ordinary memory.
"""

from __future__ import annotations

import math

from tvm import tirx
from tvmedge.schedules.rules.cpu.tiles import Room, image_tile, picked_tile
from tvmedge.schedules.steps.blocks import anchor, scheduled
from tvmedge.schedules.steps.item_sums import ItemSums, sums_of_item
from tvmedge.schedules.steps.items import bind_grid, picked_group, picked_turns, spread_items
from tvmedge.schedules.steps.loops import extent

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import GROUPS, PLANES, Plan
from tvmedge.targeting.core import Core


class Conv:
    """Register tiles over a packed convolution."""

    name = "conv"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked convolution of known size."""
        found = scheduled(func, "conv")
        if found is None:
            return None
        schedule, main = found
        n, oc, oh, ow, o, ic, kh, kw, ii = schedule.get_loops(main)
        outs, rows, columns, block = (extent(schedule, loop) for loop in (oc, oh, ow, o))
        if outs is None or rows is None or columns is None or block != core.lanes:
            return None
        annotations = schedule.get(main).annotations
        groups = int(annotations.get(GROUPS, 1))
        together = rows if int(annotations.get(PLANES, 1)) == 1 else 1
        summed = math.prod(extent(schedule, loop) or 0 for loop in (ic, kh, kw, ii))
        batch = extent(schedule, n) or 1
        room = Room(products=summed, images=batch * groups)
        estimate = image_tile(core, outs // groups, together, columns, room)
        tile = picked_tile(knobs, core, estimate, outs // groups, together, columns)
        tiles = tile.pixels(rows, columns), batch * outs // tile.vectors
        group = picked_group(knobs, tiles)
        window = (extent(schedule, kh) or 1) * (extent(schedule, kw) or 1)
        apart = knobs.pick("pad_apart", (False, True), window > 1)
        taps = extent(schedule, kw) or 1
        turns = picked_turns(knobs, taps if taps > 1 else extent(schedule, ic) or 1)
        knobs.settle()
        kernel = anchor(schedule, main, lambda s, b: spread_items(s, b, core.lanes))
        if kernel.pad is not None and apart:
            spread_items(schedule, kernel.pad, core.lanes)
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        oh, oh_in = schedule.split(oh, [None, tile.rows])
        ow, ow_in = schedule.split(ow, [None, tile.columns])
        if taps > 1:
            kw, written = schedule.split(kw, [None, turns])
            summed_over = [ic, kh, kw, written, ii]
        else:
            ic, written = schedule.split(ic, [None, turns])
            summed_over = [ic, written, kh, kw, ii]
        schedule.reorder(n, oc, oh, ow, *summed_over, oc_in, oh_in, ow_in, o)
        axes = schedule.fuse(oh, ow), schedule.fuse(n, oc)
        place = bind_grid(schedule, list(zip(axes, group, strict=True)))
        data = summed_over[-2] if extent(schedule, ii) == core.lanes else None
        pad = None if apart else kernel.pad
        loops = ItemSums(ic, ii, (oc_in, oh_in, ow_in, o), data, pad, written)
        sums_of_item(schedule, kernel, place, loops)
        return Plan(schedule, f"{tile}, groups of {group[0]}x{group[1]}")
