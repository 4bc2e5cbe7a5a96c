"""Transposed convolution in blocks of channels, phase by phase.

before: for n, oc, h, ph, w, pw, o, ic, jh, jw, ii: sum;  for n, oc, oh, ow, o: epilogue
after:  parallel n, oc / V, h:
          for ph, w / C, pw:
            V x C vectors of sums = 0                              (in registers)
            for ic, jh, jw, ii / 4: unrolled 4: V x C multiply-adds
            bias, activation, store to columns SW apart
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.conv import pad_planes
from tvmedge.schedules.rules.cpu.inner import picked_inner
from tvmedge.schedules.rules.cpu.tiles import Room, picked_tile, register_tile
from tvmedge.schedules.steps.blocks import Anchored, Block, anchor, scheduled
from tvmedge.schedules.steps.elementwise import spread
from tvmedge.schedules.steps.loops import extent
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

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
        outs, columns, block = (extent(schedule, loop) for loop in (oc, w, o))
        if outs is None or columns is None or block != core.lanes:
            return None
        products = math.prod(extent(schedule, loop) or 0 for loop in (ic, jh, jw, ii))
        estimate = register_tile(core, outs, 1, columns, Room(products=products))
        tile = picked_tile(knobs, core, estimate, outs, 1, columns)
        inner = picked_inner(knobs, core, extent(schedule, ii))
        knobs.settle()
        kernel = by_phase(schedule, anchor(schedule, main), spread)
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        w, w_in = schedule.split(w, [None, tile.columns])
        ii, ii_in, lanes = inner.split(schedule, ii)
        sums = (*inner.order((w_in,), oc_in), o)
        loops = Sums((n, oc, h), (ph, w, pw), (ic, jh, jw, ii), (ii_in,), sums, lanes)
        keep_in_registers(schedule, kernel, loops, core.lanes)
        if kernel.pad is not None:
            pad_planes(schedule, kernel.pad, core)
        return Plan(schedule, str(tile), tile.peak)


def by_phase(
    schedule: s_tir.Schedule, kernel: Anchored, apart: Callable[[s_tir.Schedule, Block], None]
) -> Anchored:
    """An epilogue over the axes of the sums: oh becomes h, ph, and ow becomes w, pw.

    Where some of a phase is dropped no axes fit: sums are copied first, and the epilogue comes
    ``apart`` from them.
    """
    sums, values = (_sizes(schedule, block) for block in (kernel.main, kernel.epilogue))
    _, _, h, ph, _, pw, _ = sums[:7]
    if len(values) == 5 and values[2] == h * ph and values[3] % pw == 0:
        schedule.transform_block_layout(
            kernel.epilogue,
            lambda n, c, y, x, i: (n, c, y // ph, y % ph, x // pw, x % pw, i),
        )
    elif len(values) == 5:
        copy = schedule.cache_write(kernel.main, 0, "global")
        apart(schedule, kernel.epilogue)
        return replace(kernel, epilogue=copy)
    return kernel


def _sizes(schedule: s_tir.Schedule, block: Block) -> list[int]:
    return [extent(schedule, loop) or 1 for loop in schedule.get_loops(block)]
