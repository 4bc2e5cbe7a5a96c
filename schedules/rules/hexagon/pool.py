"""Largest bytes of windows, four pixels of 32 channels at a time.

before: for n, c, h, w, i, kh, kw: largest
after:  parallel n, c, h:
          for w / 4:
            vector of 128 = least                                  (in a register)
            for kh: for all kw: vector of 128 over four w and i
            what is done to it, bytes of four pixels a store
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.rules.hexagon.narrow import PIXELS, byte_vectors
from tvmedge.schedules.rules.hexagon.pads import pad_bytes
from tvmedge.schedules.steps.blocks import anchor, find, has, shape
from tvmedge.schedules.steps.loops import extent

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

KIND = "byte_pool"
WRITTEN_OUT = 16  # vectors of a window, at most


class Pool:
    """Four pixels of 32 channels at a time."""

    name = "byte_pool"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a pool of bytes over whole fours of columns."""
        if not has(func, KIND):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, KIND)
        if main is None:
            return None
        kh_size, kw_size = (extent(schedule, x) or 1 for x in schedule.get_loops(main)[-2:])
        written_out = knobs.pick(
            "window_written_out", (False, True), kh_size * kw_size <= WRITTEN_OUT
        )
        knobs.settle()
        kernel = anchor(schedule, main)
        n, c, h, w, i, kh, kw = schedule.get_loops(main)
        w, four = schedule.split(w, [None, PIXELS])
        schedule.reorder(n, c, h, w, kh, kw, four, i)
        row = schedule.fuse(n, c, h)
        schedule.parallel(row)
        place = w if shape(schedule, kernel.epilogue)[-2] % PIXELS == 0 else row
        schedule.reverse_compute_at(kernel.epilogue, place, preserve_unit_loops=True)
        byte_vectors(schedule, kernel.epilogue, len(schedule.get_loops(kernel.epilogue)) - 2)
        schedule.vectorize(schedule.fuse(four, i))
        start = schedule.decompose_reduction(main, kh)
        schedule.vectorize(schedule.get_loops(start)[-1])
        if written_out:
            schedule.unroll(kh)
        if written_out or kw_size <= WRITTEN_OUT:
            schedule.unroll(kw)
        if kernel.pad is not None:
            pad_bytes(schedule, kernel.pad)
        return Plan(schedule, f"{PIXELS} pixels")
