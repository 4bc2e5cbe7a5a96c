"""Convolution of 8-bit integers in blocks of channels.

before: for n, oc, oh, ow, o, ic, kh, kw, ii, j: sum
after:  parallel n, oc / V, oh / R:
          for ow / C:
            V x R x C vectors of sums = 0                          (in registers)
            for ic, kh, kw, ii: V x R x C dot products of j
            bias, factor, shift, limits, store
"""

from __future__ import annotations

import math
from dataclasses import replace

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.conv import pad_planes
from tvmedge.schedules.rules.cpu.dot_inner import PixelRow, innermost
from tvmedge.schedules.rules.cpu.dot_tiles import RAGGED, dot_tile
from tvmedge.schedules.rules.cpu.tiles import picked_tile
from tvmedge.schedules.steps.blocks import anchor, find, has
from tvmedge.schedules.steps.loops import extent
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import MOVES, Plan
from tvmedge.targeting.core import Core, DotKind


class DotConv:
    """Register tiles over a packed convolution of integers."""

    name = "dot_conv"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but such a convolution in blocks of the core's vectors."""
        unit = core.integer
        if unit is None or unit.kind is DotKind.VRMPY or not has(func, "dot_conv"):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, "dot_conv")
        if main is None:
            return None
        n, oc, oh, ow, o, ic, kh, kw, ii, j = schedule.get_loops(main)
        outs, rows, columns, block = (extent(schedule, loop) for loop in (oc, oh, ow, o))
        if outs is None or block != unit.lanes or extent(schedule, j) != unit.depth:
            return None
        steps = extent(schedule, ii)
        products = math.prod(extent(schedule, loop) or 1 for loop in (ic, kh, kw, ii))
        estimate = dot_tile(unit, outs, rows, columns, replace(RAGGED, products=products))
        plain = Core(unit.lanes, unit.registers)
        tile = picked_tile(knobs, plain, estimate, outs, rows, columns)
        knobs.settle()
        kernel = anchor(schedule, main)
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        oh, oh_in = schedule.split(oh, [None, tile.rows])
        ow, ow_in = schedule.split(ow, [None, tile.columns])
        stride = int(schedule.get(main).annotations[MOVES][0])
        inner = innermost(schedule, unit, (ow_in, o), PixelRow(-2, stride, steps == 1))
        tile_loops = (oh_in, inner.pixels, oc_in, *inner.lanes)
        loops = Sums((n, oc, oh), (ow,), (ic, kh, kw, ii), (), tile_loops)
        keep_in_registers(schedule, kernel, loops, unit.lanes, inner.instruction)
        if kernel.pad is not None:
            pad_planes(schedule, kernel.pad, core)
        return Plan(schedule, str(tile), tile.peak)
