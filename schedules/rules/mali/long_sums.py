"""Softmax, norms and reductions of few long rows or columns, formed by many items.

before: for few, k: sum;  for few, k: y
after:  items (few, part): for k / parts: sum of part
        items few: sum of parts
        items (few, k / 4): y = vector of four

One item a row, as elsewhere, would leave most of a GPU idle. Without local memory items cannot
add what each of them has, so every step is a kernel.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping

import numpy as np
import tvm
from tvm import s_tir, tirx
from tvm_ffi import structural_map
from tvmedge.schedules.steps.blocks import Block, blocks, find_all, has
from tvmedge.schedules.steps.elementwise import inline, reduces
from tvmedge.schedules.steps.items import GROUP, spread_items
from tvmedge.schedules.steps.loops import divisors, extent

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import KERNEL, Plan
from tvmedge.targeting.core import Core

KINDS = ("lanes", "columns")
LONG = 1024  # terms of a sum: the items of one pass over fewer are done sooner than kernels start
SHORTEST = 32  # terms of a part
_MOST = float(np.finfo(np.float32).max)
IDLE = 4  # kernels pay where less than a quarter of a GPU were busy


class LongSums:
    """Sums of few rows in parts."""

    name = "long sums"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but folds of known sizes that are long, and few."""
        if not has(func, *KINDS):
            return None
        schedule = s_tir.Schedule(func)
        cuts = [(block, _parts(schedule, block, core)) for block in find_all(schedule, *KINDS)]
        most = max(parts for _, parts in cuts)
        if most == 1:
            return None
        knobs.settle()
        cut = {schedule.get(block).name_hint: parts for block, parts in cuts if parts > 1}
        try:
            schedule = s_tir.Schedule(_in_parts(func, cut))
        except tvm.error.InternalError:  # TVM's rfactor loses its way in some sums of addresses
            return None
        for block in blocks(schedule):
            if not inline(schedule, block) and not reduces(schedule.get(block)):
                with contextlib.suppress(s_tir.ScheduleError):  # the result, or read as it is
                    schedule.compute_inline(block)  # halves of a row of lanes
        for block in blocks(schedule):
            spread_items(schedule, block, core.lanes, GROUP)
        return Plan(schedule, f"up to {most} parts")


def _parts(schedule: s_tir.Schedule, block: Block, core: Core) -> int:
    """Into how many parts the sums of ``block`` are cut; 1 where they are short, or many."""
    body, sizes = schedule.get(block), [extent(schedule, x) for x in schedule.get_loops(block)]
    axes = [axis.iter_type for axis in body.iter_vars]
    if None in sizes or axes.count(tirx.IterVar.CommReduce) != 1 or len(axes) != len(sizes):
        return 1
    *kept, depth = (size or 1 for size in sizes)
    lanes = body.annotations[KERNEL] == "lanes"
    together = kept[-1] if lanes else kept[-2]  # sums side by side, of one row or column
    rows = math.prod(kept) // (together if lanes else together * core.lanes)
    wanted = core.cores * core.items
    if rows * IDLE >= wanted or depth * together < LONG:
        return 1
    options = [p for p in divisors(depth) if depth // p >= SHORTEST]
    enough = [p for p in options if p * math.prod(kept) >= wanted]
    return min(enough, default=max(options, default=1))


def _beginning(func: tirx.PrimFunc, values: Mapping[float, float]) -> tirx.PrimFunc:
    """The kernel with other numbers for sums to begin with."""

    def number(part: tirx.FloatImm) -> tirx.FloatImm:
        return tirx.FloatImm(part.ty, values.get(float(part.value), float(part.value)))

    def block(part: s_tir.SBlock) -> s_tir.SBlock:
        if part.init is None:
            return part
        start = structural_map(part.init, (tirx.FloatImm, number))
        given = (part.name_hint, part.body, start, part.alloc_buffers, part.match_buffers)
        return s_tir.SBlock(part.iter_vars, part.reads, part.writes, *given, part.annotations)

    return func.with_body(structural_map(func.body, (s_tir.SBlock, block)))


def _in_parts(func: tirx.PrimFunc, parts: Mapping[str, int]) -> tirx.PrimFunc:
    """The kernel with some blocks, by their names, summed in parts.

    TVM takes a maximum apart only if it begins with the least finite number; ours begin with -inf,
    so that a row of those has that maximum.
    """
    schedule = s_tir.Schedule(_beginning(func, {-math.inf: -_MOST, math.inf: _MOST}))
    for name, count in parts.items():
        block = schedule.get_sblock(name)
        part, _ = schedule.split(schedule.get_loops(block)[-1], [count, None])
        schedule.rfactor(part, 0)
    return _beginning(schedule.mod["main"], {-_MOST: -math.inf, _MOST: math.inf})
