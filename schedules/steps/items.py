"""Loops as work-items of a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tvm import s_tir, tirx
from tvmedge.schedules.steps.access import moves
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.elementwise import reduces
from tvmedge.schedules.steps.loops import Loop, extent

from tvmedge.scheduling.knobs import Knobs

AXES = "xyz"
GROUP, MOST_ITEMS = 64, 256  # of a work-group: wanted, and allowed by every device
NARROW = 4  # items that a group beside another costs: those of one run together
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def picked_group(knobs: Knobs, sizes: Sequence[int]) -> list[int]:
    """Items of a group along each axis, innermost first: as many of the first as there are, and
    of the next what fills a group. The last group may hang over the edge of an axis."""
    group: list[int] = []
    for axis, size in zip(AXES, sizes, strict=False):
        left = MOST_ITEMS // math.prod(group)
        options = [s for s in SIZES if s <= left and s < 2 * size]
        options = sorted({*options, *([size] if size <= left else [])})
        wanted = max(1, GROUP // math.prod(group))
        fits = [s for s in options if s <= wanted]
        default = min(fits, key=lambda s: -(-size // s) * (s + NARROW))
        group.append(knobs.pick(f"items_{axis}", options, default))
    return group


def bind_group(schedule: s_tir.Schedule, loop: Loop, size: int, axis: int = 0) -> Loop:
    """A loop as groups of ``size`` items along ``axis``; the loop over a group's items."""
    groups, items = schedule.split(loop, [None, size])
    schedule.bind(groups, f"blockIdx.{AXES[axis]}")
    schedule.bind(items, f"threadIdx.{AXES[axis]}")
    return items


def spread_items(schedule: s_tir.Schedule, block: Block, lanes: int, group: int = GROUP) -> None:
    """One item for each element of what ``block`` writes, or for a vector of ``lanes`` of them
    where they lie side by side; sums are an item's own.

    before: for i, k: y[i] += x[i, k]     after: items i: y[i] = 0; for k: y[i] += x[i, k]
    """
    loops = schedule.get_loops(block)
    kinds = [axis.iter_type for axis in schedule.get(block).iter_vars]
    if len(kinds) != len(loops):  # axes that are no loop of their own: one item does it all
        whole = schedule.add_unit_loop(loops[0] if loops else block)
        bind_group(schedule, whole, 1)
        return
    spatial = [x for x, kind in zip(loops, kinds, strict=True) if kind == tirx.IterVar.DataPar]
    reduced = [x for x in loops if not any(x.same_as(y) for y in spatial)]
    vector = _vector(schedule, block, lanes)
    schedule.reorder(*spatial, *reduced)
    inner: list[Loop] = []
    if vector:
        *spatial, last = spatial
        last, within = schedule.split(last, [None, lanes])
        spatial.append(last)
        inner = [within]
    if not spatial:
        spatial = [schedule.add_unit_loop(loops[0] if loops else block)]
    fused = schedule.fuse(*spatial)
    bind_group(schedule, fused, min(group, extent(schedule, fused) or group))
    for loop in inner:
        schedule.vectorize(loop)


def _vector(schedule: s_tir.Schedule, block: Block, lanes: int) -> bool:
    """Whether the last axis moves through all memory in steps of one or none."""
    loops, body = schedule.get_loops(block), schedule.get(block)
    if not loops or reduces(body) or (extent(schedule, loops[-1]) or 1) % lanes:
        return False
    if any(str(region.source.dtype) != "float32" for region in (*body.reads, *body.writes)):
        return False
    known = moves(schedule, block, loops)
    if known is None or known.steps[0][-1] != 1:
        return False
    return all(step[-1] in (0, 1) for step in known.steps)


def bind_grid(schedule: s_tir.Schedule, axes: Sequence[tuple[Loop, int]]) -> Loop:
    """Up to three loops, innermost first, each in groups of a size; the innermost loop."""
    items = [
        bind_group(schedule, loop, size, axis)
        for axis, (loop, size) in reversed(list(enumerate(axes)))
    ]
    return items[-1]
