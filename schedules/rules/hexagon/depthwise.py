"""Depthwise convolutions of bytes, four pixels of 32 channels at a time.

before: for n, c, h, w, i, kh, kw: sum
after:  parallel n, c, h:
          for w / 4:
            128 sums = 0                                       (in registers, as vmpy leaves them)
            for kh: for all kw: 128 products, added up in pairs
            sums in their order
          requantise, activation; bytes of four pixels a store

Weights stand four times side by side, once for each pixel.
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.rules.hexagon.depthwise_intrinsics import depthwise_row, in_order
from tvmedge.schedules.rules.hexagon.narrow import (
    PIXELS,
    byte_vectors,
    end_tile,
    in_rows,
    narrow_anchor,
)
from tvmedge.schedules.rules.hexagon.pads import pad_bytes
from tvmedge.schedules.steps.blocks import find, has, shape
from tvmedge.schedules.steps.loops import divisors, extent

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import MOVES, Plan
from tvmedge.targeting.core import Core

KIND = "dot_depthwise"
STRIDES = (1, 2)
WRITTEN_OUT = 8  # vectors that are requantised side by side


class Depthwise:
    """Four pixels of 32 channels at a time."""

    name = "dot_depthwise"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a depthwise convolution of bytes over whole fours of columns."""
        if not has(func, KIND):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, KIND)
        if main is None:
            return None
        stride, dilation = (int(x) for x in schedule.get(main).annotations[MOVES])
        taps = extent(schedule, schedule.get_loops(main)[-1]) or 1
        if stride not in STRIDES or dilation != 1:
            return None
        rows_written_out = knobs.pick("rows_written_out", (False, True), True)
        knobs.settle()
        kernel, narrow = narrow_anchor(schedule, KIND)
        ordered = schedule.cache_write(main, 0, "global")
        n, c, h, w, i, kh, kw = schedule.get_loops(main)
        w, four = schedule.split(w, [None, PIXELS])
        schedule.reorder(n, c, h, w, kh, four, i, kw)
        row = schedule.fuse(n, c, h)
        schedule.parallel(row)
        schedule.reverse_compute_at(ordered, w, preserve_unit_loops=True)
        if shape(schedule, kernel.epilogue)[-2] % PIXELS == 0:
            end_tile(schedule, kernel, narrow, w, 2)
        else:
            schedule.reverse_compute_at(kernel.epilogue, row, preserve_unit_loops=True)
            _in_turns(schedule, kernel.epilogue)
            if narrow is not None:
                schedule.reverse_compute_at(narrow, row, preserve_unit_loops=True)
                byte_vectors(schedule, narrow, len(schedule.get_loops(narrow)) - 2)
        in_rows(schedule, schedule.decompose_reduction(main, kh), 2)
        if rows_written_out:
            schedule.unroll(kh)
        schedule.tensorize(four, depthwise_row(taps, stride))
        schedule.tensorize(schedule.get_loops(ordered)[-2], in_order())
        if kernel.pad is not None:
            pad_bytes(schedule, kernel.pad)
        return Plan(schedule, f"{PIXELS} pixels")


def _in_turns(schedule: s_tir.Schedule, epilogue: s_tir.schedule.SBlockRV) -> None:
    """A row of sums, some pixels written out."""
    *_, pixels, lanes = schedule.get_loops(epilogue)
    schedule.vectorize(lanes)
    steps = divisors(extent(schedule, pixels) or 1)
    _, turn = schedule.split(pixels, [None, max(s for s in steps if s <= WRITTEN_OUT)])
    schedule.unroll(turn)
