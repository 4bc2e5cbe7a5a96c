"""Matrix products whose columns come in blocks of four.

before: for ..., m, c, i, k: sum
after:  items (m / T), (..., c / V):
          T x V vectors of sums = 0                                (registers)
          for k / 4:
            T vectors of data
            for 4: V vectors of weights; T x V multiply-adds of four
          bias, activation, store

A product of few rows and columns has too few items to keep a GPU busy: its sums are formed in
parts by as many more, and a second kernel adds those.
"""

from __future__ import annotations

import math

from tvm import s_tir, tirx
from tvmedge.schedules.rules.cpu.tiles import Tile, picked_tile, product_tile
from tvmedge.schedules.steps.blocks import Anchored, anchor, scheduled
from tvmedge.schedules.steps.item_sums import LANES, ItemSums, depth_of, sums_of_item, write_out
from tvmedge.schedules.steps.items import (
    GROUP,
    bind_grid,
    bind_group,
    picked_group,
    picked_turns,
    spread_items,
)
from tvmedge.schedules.steps.loops import divisors, extent

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

SHORTEST = 32  # products of a part: fewer are added up sooner than a kernel starts
IDLE = 4  # a second kernel pays where less than a quarter of a GPU were busy


class Product:
    """Register tiles over a product."""

    name = "product"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a product in blocks of known size."""
        found = scheduled(func, "product")
        if found is None:
            return None
        schedule, main = found
        *lead, rows, blocks, block, depth = [extent(schedule, x) for x in schedule.get_loops(main)]
        batch = math.prod(size or 0 for size in lead)
        if not batch or not rows or not blocks or not depth or block != core.lanes:
            return None
        tile = product_tile(core, blocks, rows)
        tile = picked_tile(knobs, core, tile, blocks, 1, rows)
        tiles = rows // tile.columns, batch * blocks // tile.vectors
        parts = _picked_parts(knobs, core, tiles[0] * tiles[1], depth)
        group = picked_group(knobs, (tiles[0], tiles[1] * parts))
        per_part = depth // parts
        turns = picked_turns(knobs, per_part // LANES if per_part % LANES == 0 else per_part)
        knobs.settle()
        kernel = anchor(schedule, main, lambda s, b: spread_items(s, b, core.lanes))
        if parts > 1:
            kernel = _in_parts(schedule, kernel, parts)
        _tiled(schedule, kernel, tile, group, len(lead), turns)
        shown = f", {parts} parts" if parts > 1 else ""
        return Plan(
            schedule,
            f"{tile.vectors} vectors x {tile.columns} rows{shown}, groups of {group[0]}x{group[1]}",
        )


def _picked_parts(knobs: Knobs, core: Core, items: int, depth: int) -> int:
    """Into how many parts sums of ``depth`` products are cut, so that ``items`` keep a GPU busy."""
    wanted = core.cores * core.items
    options = [p for p in divisors(depth) if p == 1 or depth // p >= SHORTEST]
    options = [p for p in options if p == 1 or (depth // p) % core.lanes == 0]
    enough = [p for p in options if p * items >= wanted]
    default = 1 if items * IDLE >= wanted else min(enough, default=options[-1])
    picked: int = knobs.pick("parts", options, default)
    return picked


def _in_parts(schedule: s_tir.Schedule, kernel: Anchored, parts: int) -> Anchored:
    """Sums of parts, still to be tiled, and a kernel of its own that adds them.

    before: for m, c, i, k: sum;  epilogue
    after:  for m, c, i, part, k: sum of part;  items (m, c): sum of parts, epilogue
    """
    part, _ = schedule.split(schedule.get_loops(kernel.main)[-1], [parts, None])
    partial = schedule.rfactor(part, 0)
    copy = schedule.cache_write(partial, 0, "local")
    main = kernel.main
    *outer, lane, part = schedule.get_loops(main)
    schedule.reorder(*outer, part, lane)
    place = bind_group(schedule, schedule.fuse(*outer), GROUP)
    schedule.set_scope(main, 0, "local")
    schedule.reverse_compute_at(kernel.epilogue, place, preserve_unit_loops=True)
    depth = depth_of(schedule, main, place)
    write_out(schedule, schedule.get_loops(kernel.epilogue)[depth:])
    schedule.vectorize(lane)
    start = schedule.decompose_reduction(main, part)
    write_out(schedule, schedule.get_loops(start)[depth:])
    return Anchored(kernel.pad, partial, copy)


def _tiled(
    schedule: s_tir.Schedule, kernel: Anchored, tile: Tile, group: list[int], lead: int, turns: int
) -> None:
    """The items of a product whose first ``lead`` loops are no rows; ``turns`` are written out."""
    loops = schedule.get_loops(kernel.main)
    outer, (m, c, i), (*part, k) = loops[:lead], loops[lead : lead + 3], loops[lead + 3 :]
    m, m_in = schedule.split(m, [None, tile.columns])
    c, c_in = schedule.split(c, [None, tile.vectors])
    whole = (extent(schedule, k) or 1) % LANES == 0
    k, step = schedule.split(k, [None, LANES if whole else 1])
    k, written = schedule.split(k, [None, turns])
    schedule.reorder(*outer, *part, c, m, k, written, step, m_in, c_in, i)
    axes = m, schedule.fuse(*outer, *part, c)
    schedule.reorder(axes[1], m)
    place = bind_grid(schedule, list(zip(axes, group, strict=True)))
    sums = ItemSums(k, step, (m_in, c_in, i), written if whole else None, kernel.pad, written)
    sums_of_item(schedule, kernel, place, sums)
