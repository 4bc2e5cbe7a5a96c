"""Convolution in blocks of channels, dense or grouped, any window.

before: for n, oc, oh, ow, o, ic, kh, kw, ii: sum
after:  parallel n, oc / V, oh / R:
          for ow / C:
            V x R x C vectors of sums = 0                          (in registers)
            for ic, kh, kw, ii / 4: unrolled 4: V x R x C multiply-adds
            bias, residual, activation, store

V, R, C come from the core's registers (tiles.py).
"""

from __future__ import annotations

import math

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.tiles import Room, image_tile
from tvmedge.schedules.steps.blocks import Block, anchor, find
from tvmedge.schedules.steps.loops import Loop, divisors, extent, vectorize
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import GROUPS, PLANES, Plan
from tvmedge.targeting.core import Core

SMALL_ROW = 7
UNROLL_INPUT = 4  # input channels written out: sixteen halve the speed (measured)


class Conv:
    """Register tiles over a packed convolution."""

    name = "conv"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked convolution."""
        schedule = s_tir.Schedule(func)
        main = find(schedule, "conv")
        if main is None:
            return None
        n, oc, oh, ow, o, ic, kh, kw, ii = schedule.get_loops(main)
        outs, rows, columns, block = (extent(schedule, loop) for loop in (oc, oh, ow, o))
        if outs is None or block != core.lanes:
            return None
        annotations = schedule.get(main).annotations
        groups, planes = (int(annotations.get(key, 1)) for key in (GROUPS, PLANES))
        kernel = anchor(schedule, main)
        reduced = math.prod(extent(schedule, loop) or 0 for loop in (ic, kh, kw, ii))
        together = rows if planes == 1 else 1
        tile = image_tile(core, outs // groups, together, columns, Room(products=reduced))
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        oh, oh_in = schedule.split(oh, [None, tile.rows])
        ow, ow_in = schedule.split(ow, [None, tile.columns])
        block_in = extent(schedule, ii)
        ii, ii_in, lanes = split_inputs(schedule, ii, core)
        if core.lane_operand and block_in == 1 and (extent(schedule, kw) or 0) <= SMALL_ROW:
            schedule.unroll(kw)  # a row of a plane, used by the whole window
            lanes = kh
        if rows is None or columns is None:  # how far a tile reads is no number then
            lanes = None
        # A broadcast from memory is used at once; one through a register serves all vectors.
        pixels_first = (oh_in, ow_in, oc_in) if core.memory_operand else (oc_in, oh_in, ow_in)
        loops = Sums((n, oc, oh), (ow,), (ic, kh, kw, ii), (ii_in,), (*pixels_first, o), lanes)
        if kernel.pad is not None:
            pad_planes(schedule, kernel.pad, core)
        keep_in_registers(schedule, kernel, loops, core.lanes)
        return Plan(schedule, str(tile), tile.peak)


def split_inputs(schedule: s_tir.Schedule, ii: Loop, core: Core) -> tuple[Loop, Loop, Loop | None]:
    """The loop over a block's input channels in two, the inner one to write out, and the
    one in a turn of which data is loaded as vectors, if any."""
    step = max(d for d in divisors(extent(schedule, ii) or 1) if d <= UNROLL_INPUT)
    outer, inner = schedule.split(ii, [None, step])
    return outer, inner, outer if core.lane_operand and step == core.lanes else None


def pad_planes(schedule: s_tir.Schedule, pad: Block, core: Core) -> None:
    """The padded copy: planes in parallel, whole vectors of channels."""
    *planes, w, i = schedule.get_loops(pad)
    size = extent(schedule, i) or 1
    if size % core.lanes == 0:
        vectorize(schedule, i, core.lanes)
    elif extent(schedule, w) is not None:  # TVM mixes 32 and 64 bits in partitions else
        schedule.annotate(w, "pragma_loop_partition_hint", 1)
    schedule.parallel(schedule.fuse(*planes))
