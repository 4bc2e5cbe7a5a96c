"""3x3 convolutions by Winograd's algorithm, in three kernels.

before: for all: pad; for all: down; ... images; products; up; winograd; epilogue
after:  items (tile, lane), (n, ic):
          for r columns: r pixels, zero where they are padding; r values down
          r rows across, store                                     (r * r scalars in registers)
        items (tile / T), (n, point, oc / V):
          V x T vectors of sums = 0
          for ic: T vectors of data; for ii: V vectors of weights; V x T multiply-adds of four
        items (tile, lane), (n, oc):
          for r columns: r sums; m values up
          m rows back, bias, residual, activation, store

Transforms take one lane an item: r * r vectors would be more than an item has registers. Items
of the four lanes stand beside each other, so that together they read and write vectors.
"""

from __future__ import annotations

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.tiles import Room, Tile, picked_tile, register_tile
from tvmedge.schedules.rules.cpu.winograd import Stages, stages_of
from tvmedge.schedules.steps.blocks import Anchored, Block, anchor, scheduled, shape
from tvmedge.schedules.steps.item_sums import ItemSums, sums_of_item
from tvmedge.schedules.steps.items import GROUP, bind_grid, picked_group, spread_items
from tvmedge.schedules.steps.loops import Loop, extent, unroll

from tvmedge.scheduling.knobs import Defaults, Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core


class Winograd:
    """Transforms around products, each a kernel."""

    name = "winograd"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a convolution of ``kernels/winograd.py`` in one band."""
        found = scheduled(func, "winograd")
        if found is None:
            return None
        schedule, main = found
        stages = stages_of(schedule)
        batch, bands, outs, tiles, points, lanes = shape(schedule, stages.products)
        if lanes != core.lanes or bands != 1:
            return None
        beside = int(schedule.get(stages.products).reads[-1].source.shape[4])
        outputs = shape(schedule, stages.up)[4]
        tile = register_tile(core, beside, 1, tiles, Room(images=batch * points * outs // beside))
        tile = picked_tile(knobs, core, tile, beside, 1, tiles)
        group = picked_group(knobs, (tiles // tile.columns, batch * points * outs // tile.vectors))
        knobs.settle()
        kernel = anchor(schedule, main, lambda s, b: spread_items(s, b, core.lanes))
        _back(schedule, kernel, stages.up, outputs)
        _products(schedule, stages.products, tile, group)
        _images(schedule, kernel.pad, stages, outputs + 2)
        shown = f"F({outputs}x{outputs}), {tile}, groups of {group[0]}x{group[1]}"
        return Plan(schedule, shown)


def _images(schedule: s_tir.Schedule, pad: Block | None, stages: Stages, points: int) -> None:
    """What is multiplied: each item makes all points of a tile and a lane."""
    n, g, p, c, t, lane = schedule.get_loops(stages.images)
    row, column = schedule.split(p, [None, points])
    schedule.reorder(n, g, c, t, lane, row, column)
    place = _beside(schedule, (t, lane), (n, g, c))
    unroll(schedule, (row, column))
    columns = _by_column(schedule, stages.down, place)
    if pad is not None:
        axes = len(schedule.get(pad).iter_vars)
        schedule.set_scope(pad, 0, "local")
        schedule.compute_at(pad, columns, preserve_unit_loops=True)
        unroll(schedule, schedule.get_loops(pad)[-axes:])


def _products(schedule: s_tir.Schedule, products: Block, tile: Tile, group: list[int]) -> None:
    """The sums of all points, which come to stand side by side by tile, as images do."""
    schedule.transform_layout(products, ("write", 0), lambda n, g, o, t, p, b: (n, g, p, o, t, b))
    n, g, o, t, p, lane, ic, ii = schedule.get_loops(products)
    o, o_in = schedule.split(o, [None, tile.vectors])
    t, t_in = schedule.split(t, [None, tile.columns])
    schedule.reorder(n, g, p, o, t, ic, ii, o_in, t_in, lane)
    axes = t, schedule.fuse(n, g, p, o)
    copy = schedule.cache_write(products, 0, "local")
    place = bind_grid(schedule, list(zip(axes, group, strict=True)))
    sums_of_item(
        schedule, Anchored(None, products, copy), place, ItemSums(ic, ii, (o_in, t_in, lane), ic)
    )


def _back(schedule: s_tir.Schedule, kernel: Anchored, up: Block, outputs: int) -> None:
    """The transform of sums, and what is done to them."""
    n, o, h, w, lane = schedule.get_loops(kernel.main)
    h, h_in = schedule.split(h, [None, outputs])
    w, w_in = schedule.split(w, [None, outputs])
    schedule.reorder(n, o, h, w, lane, h_in, w_in)
    place = _beside(schedule, (h, w, lane), (n, o))
    schedule.set_scope(kernel.main, 0, "local")
    schedule.reverse_compute_at(kernel.epilogue, place, preserve_unit_loops=True)
    unroll(schedule, (h_in, w_in))
    around = len(schedule.get_loops(kernel.main)) - 2
    unroll(schedule, schedule.get_loops(kernel.epilogue)[around:])
    _by_column(schedule, up, place)


def _beside(schedule: s_tir.Schedule, near: tuple[Loop, ...], far: tuple[Loop, ...]) -> Loop:
    """Items along ``near``, next to each other, and along ``far``; the innermost loop."""
    axes = schedule.fuse(*near), schedule.fuse(*far)
    sizes = [extent(schedule, loop) or 1 for loop in axes]
    group = picked_group(Defaults(), sizes, GROUP)
    return bind_grid(schedule, list(zip(axes, group, strict=True)))


def _by_column(schedule: s_tir.Schedule, block: Block, place: Loop) -> Loop:
    """``block`` in registers at ``place``, one column of a tile after the other; their loop."""
    schedule.set_scope(block, 0, "local")
    schedule.compute_at(block, place, preserve_unit_loops=True)
    *_, i, s, lane = schedule.get_loops(block)
    schedule.reorder(s, i, lane)
    unroll(schedule, (s, i))
    return s
