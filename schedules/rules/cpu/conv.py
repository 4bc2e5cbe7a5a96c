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
from tvmedge.schedules.rules.cpu.tiles import Room, image_tile, picked_tile
from tvmedge.schedules.steps.blocks import Block, anchor, find
from tvmedge.schedules.steps.loops import Loop, divisors, extent, vectorize
from tvmedge.schedules.steps.sums import Sums, keep_in_registers

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import GROUPS, PLANES, Plan
from tvmedge.targeting.core import Core

SMALL_ROW = 7
UNROLL_INPUT = 4  # input channels written out: sixteen halve the speed (measured)
MOST_UNROLLED = 8


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
        estimate = image_tile(core, outs // groups, together, columns, Room(products=reduced))
        tile = picked_tile(knobs, core, estimate, outs // groups, together, columns)
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        oh, oh_in = schedule.split(oh, [None, tile.rows])
        ow, ow_in = schedule.split(ow, [None, tile.columns])
        block_in = extent(schedule, ii)
        ii, ii_in, lanes = split_inputs(schedule, ii, core, knobs)
        row = extent(schedule, kw) or 1
        plane = core.lane_operand and block_in == 1 and row <= SMALL_ROW
        if knobs.pick("row_written_out", (False, True), plane) if row > 1 else plane:
            schedule.unroll(kw)
            lanes = kh if plane else lanes  # a row of a plane, used by the whole window
        if rows is None or columns is None:  # how far a tile reads is no number then
            lanes = None
        pixels = pixels_first(core, knobs)
        sums = (oh_in, ow_in, oc_in) if pixels else (oc_in, oh_in, ow_in)
        image_first = outs > tile.vectors and knobs.pick("image_first", (False, True), False)
        outer = (n, oh, oc) if image_first else (n, oc, oh)
        whole = (extent(schedule, kh), extent(schedule, kw)) == (1, 1)
        by_tap = not whole and lanes is not kh and knobs.pick("by_tap", (False, True), False)
        reduced_loops = (kh, kw, ic, ii) if by_tap else (ic, kh, kw, ii)
        loops = Sums(outer, (ow,), reduced_loops, (ii_in,), (*sums, o), lanes)
        if kernel.pad is not None:
            pad_planes(schedule, kernel.pad, core)
        keep_in_registers(schedule, kernel, loops, core.lanes)
        return Plan(schedule, str(tile), tile.peak)


def split_inputs(
    schedule: s_tir.Schedule, ii: Loop, core: Core, knobs: Knobs, most: int = UNROLL_INPUT
) -> tuple[Loop, Loop, Loop | None]:
    """The loop over a block's input channels in two, the inner one to write out, and the
    one in a turn of which data is loaded as vectors, if any."""
    steps = divisors(extent(schedule, ii) or 1)
    estimate = max(d for d in steps if d <= most)
    step = knobs.pick("inputs", [d for d in steps if d <= MOST_UNROLLED], estimate)
    outer, inner = schedule.split(ii, [None, step])
    by_lane = core.lane_operand and step == core.lanes
    if by_lane and knobs.pick("data_in_lanes", (False, True), True):
        return outer, inner, outer
    return outer, inner, None


def pixels_first(core: Core, knobs: Knobs) -> bool:
    """Whether a tile's sums go by pixel, each with all vectors of weights, or the other way."""
    # A broadcast from memory is used at once; one through a register serves all vectors.
    return knobs.pick("pixels_first", (False, True), core.memory_operand)


def pad_planes(schedule: s_tir.Schedule, pad: Block, core: Core) -> None:
    """The padded copy: planes in parallel, whole vectors of channels."""
    *planes, w, i = schedule.get_loops(pad)
    size = extent(schedule, i) or 1
    if size % core.lanes == 0:
        vectorize(schedule, i, core.lanes)
    elif extent(schedule, w) is not None:  # TVM mixes 32 and 64 bits in partitions else
        schedule.annotate(w, "pragma_loop_partition_hint", 1)
    schedule.parallel(schedule.fuse(*planes))
