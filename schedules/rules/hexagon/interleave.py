"""Images of few channels, pixel by pixel.

before: for n, h, w, i: y[n, 0, h, w, i] = quantised(x[n, i, h, w])     (or x[n, h, w, i])
after:  vectors of 128 over all of x: q = quantised(x)
        for n, h: vectors of 128 over w and i: y = q, shuffled
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.rules.hexagon.elementwise import in_vectors, side_by_side
from tvmedge.schedules.rules.hexagon.narrow import BYTES
from tvmedge.schedules.steps.blocks import blocks, find, has
from tvmedge.schedules.steps.elementwise import inline
from tvmedge.schedules.steps.loops import extent

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

KIND = "interleave"


class Interleave:
    """Whole vectors of pixels."""

    name = "interleave"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but bytes that are interleaved, and what vectors form of their
        sources."""
        if not has(func, KIND):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, KIND)
        if main is None or schedule.get_consumers(main):
            return None
        for block in blocks(schedule):
            if not _makes_codes(schedule.get(block)):
                inline(schedule, block)
        *before, main = blocks(schedule)
        inner = [side_by_side(schedule, block) for block in before]
        if 0 in inner:
            return None
        knobs.settle()
        for block, count in zip(before, inner, strict=True):
            in_vectors(schedule, block, count)
        *_, w, i = schedule.get_loops(main)
        pixels = schedule.fuse(w, i)
        size = extent(schedule, pixels) or 0
        if size % BYTES and size > BYTES:
            name, variable = schedule.get(main).name_hint, schedule.get(pixels).loop_var.name
            schedule.loop_partition(pixels, [size // BYTES * BYTES, None])
            pixels = schedule.get_loops(schedule.get_sblock(f"{name}_{variable}0"))[-1]
        if size >= BYTES:
            schedule.vectorize(schedule.split(pixels, [None, BYTES])[1])
        return Plan(schedule)


def _makes_codes(block: s_tir.SBlock) -> bool:
    """Whether bytes are made of other numbers."""
    types = {str(region.source.dtype) for region in block.reads}
    return str(block.writes[0].source.dtype) in ("uint8", "int8") and not types <= {"uint8", "int8"}
