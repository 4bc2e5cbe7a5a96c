"""Loops as work-items of a GPU."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence

from tvm import s_tir, tirx
from tvmedge.schedules.steps.access import moves
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.loops import Loop, extent

from tvmedge.scheduling.knobs import Knobs

AXES = "xyz"
GROUP, MOST_ITEMS = 64, 256  # of a work-group: wanted, and allowed by every device
TYPES = ("float32", "float16")  # what is computed with in vectors
NARROW = 4  # items that a group beside another costs: those of one run together
RUN = 16  # side by side, whose loads are one: others beside them see the same data again
MOST_TURNS = 5  # that are written out: a row of the usual windows
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def picked_group(knobs: Knobs, sizes: Sequence[int], run: int = RUN) -> list[int]:
    """Items of a group along each axis, innermost first: ``run`` of the first, where others fill
    the group. The last group may hang over the edge of an axis."""
    group: list[int] = []
    for at, (axis, size) in enumerate(zip(AXES, sizes, strict=False)):
        left = MOST_ITEMS // math.prod(group)
        options = [s for s in SIZES if s <= left and s < 2 * size]
        options = sorted({*options, *([size] if size <= left else [])})
        wanted = max(1, GROUP // math.prod(group))
        if others := math.prod(sizes[at + 1 :]):
            wanted = max(1, wanted // min(max(1, wanted // run), others))
        fits = [s for s in options if s <= wanted]
        default = min(fits, key=lambda s: -(-size // s) * (s + NARROW))
        group.append(knobs.pick(f"items_{axis}", options, default))
    return group


def picked_turns(knobs: Knobs, count: int) -> int:
    """How many of ``count`` turns of an item's loop are written out: one, unless a search finds
    better, as drivers unroll by themselves."""
    options = [turns for turns in range(1, MOST_TURNS + 1) if count % turns == 0]
    return knobs.pick("written_out", options, 1)


def bind_group(schedule: s_tir.Schedule, loop: Loop, size: int, axis: int = 0) -> Loop:
    """A loop as groups of ``size`` items along ``axis``; the loop over a group's items."""
    groups, items = schedule.split(loop, [None, size])
    schedule.bind(groups, f"blockIdx.{AXES[axis]}")
    schedule.bind(items, f"threadIdx.{AXES[axis]}")
    return items


def spread_items(schedule: s_tir.Schedule, block: Block, lanes: int, group: int = GROUP) -> None:
    """One item for each element of what ``block`` writes, or for a vector of ``lanes`` of them
    where they lie side by side; sums are an item's own.

    before: for i, k: y[i] += x[i, k]     after: items i: sum = 0; for k: sum += x[i, k]; y[i] = sum
    """
    loops, axes = schedule.get_loops(block), schedule.get(block).iter_vars
    if len(axes) != len(loops):  # axes that are no loop of their own: one item does it all
        bind_group(schedule, schedule.add_unit_loop(loops[0] if loops else block), 1)
        return
    spatial = sum(axis.iter_type == tirx.IterVar.DataPar for axis in axes)
    summed = [extent(schedule, loop) for loop in loops[spatial:]]
    together = _side_by_side(schedule, block, spatial, lanes)
    is_sum = bool(summed) and len(schedule.get(block).writes) == 1
    outer, reduced = loops[:spatial], loops[spatial:]
    vector = _split_off(schedule, outer, min(together, 1) if is_sum else together, lanes)
    if not outer:
        outer = [schedule.add_unit_loop(loops[0] if loops else block)]
    schedule.reorder(*outer, *reduced, *([] if vector is None else [vector]))
    fused = schedule.fuse(*outer)
    place = bind_group(schedule, fused, min(group, extent(schedule, fused) or group))
    if vector is not None:
        schedule.vectorize(vector)
    if is_sum:
        _keep_sum(schedule, block, place, reduced[0], vectors=vector is not None)


def _split_off(
    schedule: s_tir.Schedule, loops: list[Loop], together: int, lanes: int
) -> Loop | None:
    """A loop over a vector out of the last ``together`` of ``loops``, which one takes the place
    of; None of none."""
    if not together:
        return None
    last = schedule.fuse(*loops[-together:])
    last, vector = schedule.split(last, [None, lanes])
    loops[-together:] = [last]
    return vector


def _keep_sum(
    schedule: s_tir.Schedule, block: Block, place: Loop, reduced: Loop, *, vectors: bool
) -> None:
    """The sum of one item, which begins at the loop ``reduced``, in a register."""
    copy = schedule.cache_write(block, 0, "local")
    schedule.reverse_compute_at(copy, place, preserve_unit_loops=True)
    start = schedule.decompose_reduction(block, reduced)
    if vectors:
        schedule.vectorize(schedule.get_loops(start)[-1])
        with contextlib.suppress(s_tir.ScheduleError):  # TVM does not always see what it covers
            schedule.vectorize(schedule.get_loops(copy)[-1])


def _side_by_side(schedule: s_tir.Schedule, block: Block, spatial: int, lanes: int) -> int:
    """How many of the first ``spatial`` loops of ``block``, the last of them, make whole vectors
    of what lies side by side in memory; 0 where none do."""
    body, loops = schedule.get(block), schedule.get_loops(block)
    if any(str(region.source.dtype) not in TYPES for region in (*body.reads, *body.writes)):
        return 0
    known = moves(schedule, block, loops) if spatial else None
    last = spatial - 1
    if known is None or known.steps[0][last] != 1:
        return 0
    if any(step[last] not in (0, 1) for step in known.steps):
        return 0
    first, size = last, known.extents[last]
    while size % lanes and first > 0 and known.as_one(first - 1):
        first -= 1
        size *= known.extents[first]
    return 0 if size % lanes else spatial - first


def bind_grid(schedule: s_tir.Schedule, axes: Sequence[tuple[Loop, int]]) -> Loop:
    """Up to three loops, innermost first, each in groups of a size; the innermost loop."""
    items = [
        bind_group(schedule, loop, size, axis)
        for axis, (loop, size) in reversed(list(enumerate(axes)))
    ]
    return items[-1]
