"""Convolution in blocks of four channels.

before: for n, oc, oh, ow, o, ic, kh, kw, ii: sum
after:  pad, a kernel of its own where there is one
        items n * oc / V, oh / R, ow / C:
          V x R x C vectors of sums = 0                            (private memory)
          for ic, kh, kw, ii: unrolled: V x R x C multiply-adds of four
          bias, residual, activation, store

Weights and results move in vectors of four; data is a number that every lane of a vector
multiplies with. Local memory is not used: on Mali it is ordinary memory.
"""

from __future__ import annotations

import math

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.tiles import Room, image_tile, picked_tile
from tvmedge.schedules.steps.blocks import anchor, find
from tvmedge.schedules.steps.items import bind_grid, spread_items
from tvmedge.schedules.steps.lanes import WEIGHTS, load_as_vectors
from tvmedge.schedules.steps.loops import divisors, extent, unroll

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import GROUPS, PLANES, Plan
from tvmedge.targeting.core import Core

GROUP, MOST_ITEMS = 64, 256  # of a work-group: wanted, and allowed everywhere


class Conv:
    """Register tiles over a packed convolution."""

    name = "conv"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a blocked convolution of known size."""
        schedule = s_tir.Schedule(func)
        main = find(schedule, "conv")
        if main is None:
            return None
        n, oc, oh, ow, o, ic, kh, kw, ii = schedule.get_loops(main)
        outs, rows, columns, block = (extent(schedule, loop) for loop in (oc, oh, ow, o))
        if outs is None or rows is None or columns is None or block != core.lanes:
            return None
        annotations = schedule.get(main).annotations
        groups = int(annotations.get(GROUPS, 1))
        together = rows if int(annotations.get(PLANES, 1)) == 1 else 1
        reduced = math.prod(extent(schedule, loop) or 0 for loop in (ic, kh, kw, ii))
        room = Room(products=reduced)
        estimate = image_tile(core, outs // groups, together, columns, room)
        tile = picked_tile(knobs, core, estimate, outs // groups, together, columns)
        batch = extent(schedule, n) or 1
        tiles = (columns // tile.columns, rows // tile.rows, batch * outs // tile.vectors)
        group = _group(knobs, tiles)
        knobs.settle()
        kernel = anchor(schedule, main, lambda s, b: spread_items(s, b, core.lanes, GROUP))
        if kernel.pad is not None:
            spread_items(schedule, kernel.pad, core.lanes, GROUP)
        oc, oc_in = schedule.split(oc, [None, tile.vectors])
        oh, oh_in = schedule.split(oh, [None, tile.rows])
        ow, ow_in = schedule.split(ow, [None, tile.columns])
        schedule.reorder(n, oc, oh, ow, ic, kh, kw, ii, oc_in, oh_in, ow_in, o)
        axes = (ow, oh, schedule.fuse(n, oc))
        place = bind_grid(schedule, list(zip(axes, group, strict=True)))
        schedule.set_scope(main, 0, "local")
        schedule.reverse_compute_at(kernel.epilogue, place, preserve_unit_loops=True)
        depth = len(schedule.get_loops(main)) - 8
        _vectors(schedule, kernel.epilogue, depth)
        for loop in (ii, oc_in, oh_in, ow_in):
            schedule.unroll(loop)
        schedule.vectorize(o)
        if extent(schedule, ii) == core.lanes:
            load_as_vectors(schedule, main, kw, scope="local")
        load_as_vectors(schedule, main, ii, operand=WEIGHTS, scope="local")
        start = schedule.decompose_reduction(main, ic)
        _vectors(schedule, start, depth)
        return Plan(schedule, f"{tile}")


def _group(knobs: Knobs, sizes: tuple[int, ...]) -> list[int]:
    """Items of a group along each axis: divisors, since what hangs over an edge is asked for at
    every step of TVM's code."""
    group: list[int] = []
    for axis, size in zip("xyz", sizes, strict=True):
        left = MOST_ITEMS // math.prod(group)
        options = [d for d in divisors(size) if d <= left]
        most = GROUP // math.prod(group)
        default = max((d for d in options if d <= most), default=options[0])
        group.append(knobs.pick(f"items_{axis}", options, default))
    return group


def _vectors(schedule: s_tir.Schedule, block: s_tir.schedule.SBlockRV, depth: int) -> None:
    *inner, last = schedule.get_loops(block)[depth:]
    unroll(schedule, inner)
    schedule.vectorize(last)
