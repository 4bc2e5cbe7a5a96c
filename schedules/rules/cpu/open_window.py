"""Depthwise convolutions and pools in blocks of channels over images of open size.

before: for n, c, oh, ow, i, kh, kw: sum
after:  pad the image
        parallel n, c, oh:
          for ow / W:
            W vectors of sums, kw written out where it is small
            bias, activation, store
"""

from __future__ import annotations

from tvm import tirx
from tvmedge.schedules.rules.cpu.conv import pad_planes
from tvmedge.schedules.rules.cpu.tiles import window_width
from tvmedge.schedules.steps.blocks import anchor, scheduled
from tvmedge.schedules.steps.loops import divisors, extent
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

SMALL_WINDOW = 5


class OpenWindow:
    """Vectors of sums over a row."""

    name = "open-window"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked depthwise convolution or pool."""
        found = scheduled(func, "depthwise", "pool")
        if found is None:
            return None
        schedule, main = found
        n, c, oh, ow, i, kh, kw = schedule.get_loops(main)
        columns, block, taps = (extent(schedule, loop) for loop in (ow, i, kw))
        if block != core.lanes or taps is None:
            return None
        width = window_width(core)
        if columns is not None:
            widths = [d for d in divisors(columns) if d <= core.registers]
            width = knobs.pick("columns", widths, max(d for d in widths if d <= width))
        knobs.settle()
        kernel = anchor(schedule, main)
        ow, ow_in = schedule.split(ow, [None, width])
        if kernel.pad is not None:
            pad_planes(schedule, kernel.pad, core)
        written_out = (kw,) if taps <= SMALL_WINDOW else ()
        reduced = (kh,) if written_out else (kh, kw)
        loops = Sums((n, c, oh), (ow,), reduced, written_out, (ow_in, i))
        keep_in_registers(schedule, kernel, loops, core.lanes)
        return Plan(schedule, f"1x{width} vectors")
