"""Convolutions of bytes, dense or grouped, any window, in blocks of 32 channels.

before: for n, oc, oh, ow, o, ic, kh, kw, ii, j: sum
after:  parallel n, oc / V, oh / R:
          for ow / C:
            V x R x C vectors of 32 sums = 0                       (in registers)
            for ic, kh, kw, ii: R x C times four bytes of data; V x R x C vrmpy
            requantise, activation; bytes of four pixels a store

By weights without a sign, data stay in general registers; else they are copied into all lanes.
"""

from __future__ import annotations

import math

from tvm import s_tir, tirx
from tvmedge.schedules.rules.hexagon.intrinsics import LANES, dots
from tvmedge.schedules.rules.hexagon.narrow import end_tile, in_rows, narrow_anchor
from tvmedge.schedules.rules.hexagon.pads import pad_bytes
from tvmedge.schedules.rules.hexagon.tiles import Extents, picked_dot_tile
from tvmedge.schedules.steps.blocks import find, has
from tvmedge.schedules.steps.loops import extent, unroll

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import GROUPS, Plan
from tvmedge.targeting.core import Core


class DotConv:
    """Register tiles over a packed convolution of bytes."""

    name = "vrmpy_conv"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a convolution of bytes in blocks, of known size."""
        if not has(func, "dot_conv"):
            return None
        schedule = s_tir.Schedule(func)
        main = find(schedule, "dot_conv")
        if main is None:
            return None
        sizes = [extent(schedule, loop) for loop in schedule.get_loops(main)]
        if None in sizes or sizes[4] != LANES:
            return None
        _, outs, rows, columns, _, *summed, _ = (size or 0 for size in sizes)
        groups = int(schedule.get(main).annotations.get(GROUPS, 1))
        weights = str(schedule.get(main).reads[1].source.dtype)
        turns, inside = math.prod(summed), summed[-1]
        extents = Extents(outs // groups, rows, columns, turns, inside, weights == "uint8")
        tile = picked_dot_tile(knobs, extents)
        pixels_first = knobs.pick("pixels_first", (False, True), True)
        image_first = outs // groups > tile.vectors and knobs.pick(
            "image_first", (False, True), False
        )
        knobs.settle()
        kernel, narrow = narrow_anchor(schedule, "dot_conv")
        n, oc, oh, ow, o, ic, kh, kw, ii, j = schedule.get_loops(main)
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        oh, oh_in = schedule.split(oh, [None, tile.rows])
        ow, ow_in = schedule.split(ow, [None, tile.columns])
        inside = (oh_in, ow_in, oc_in) if pixels_first else (oc_in, oh_in, ow_in)
        outer = (n, oh, oc) if image_first else (n, oc, oh)
        schedule.reorder(*outer, ow, ic, kh, kw, ii, *inside, o, j)
        whole = schedule.fuse(*outer)
        schedule.parallel(whole)
        unroll(schedule, inside)
        end_tile(schedule, kernel, narrow, ow, 2)
        in_rows(schedule, schedule.decompose_reduction(main, ic), 2)
        schedule.tensorize(o, dots(weights))
        if kernel.pad is not None:
            pad_bytes(schedule, kernel.pad)
        return Plan(schedule, str(tile), tile.peak)
