"""Kernels that compute each element from elements, and copies: all in vectors.

before: for n, c, h, w, i: y[n, c, h, w, i] = f(x[n, c, h / 2, w / 2, i])
after:  parallel n, c, h, w: for vectors of i: y = f(x)

As many inner axes as lie side by side in everything read and written are one loop;
its last vector is as long as what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tvm import s_tir, tirx
from tvmedge.schedules.steps.access import moves
from tvmedge.schedules.steps.blocks import Block, blocks
from tvmedge.schedules.steps.elementwise import inline, reduces
from tvmedge.schedules.steps.loops import Loop, extent
from tvmedge.schedules.steps.vectors import in_vectors

from tvmedge.scheduling.choices import depend_on
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

TYPES = ("float32", "int32", "int64")  # others go through casts that LLVM orders better
CHUNK = 64  # vectors that a part of one long loop has at least
ROW = 16  # and those that one of outer axes has
MOST_PARTS = 64
VECTORS = (1, 2, 4)  # that are computed side by side


class Elementwise:
    """Vectors along what lies side by side."""

    name = "elementwise"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for sums, and where vectors would be gathered or mostly empty."""
        schedule = s_tir.Schedule(func)
        wide = knobs.pick("vectors", VECTORS, 1)
        knobs.settle()
        for block in blocks(schedule):
            inline(schedule, block)
        rest = blocks(schedule)
        inner = [_side_by_side(schedule, block, core.lanes) for block in rest]
        if None in inner:
            return None
        for block, count in zip(rest, inner, strict=True):
            loops = schedule.get_loops(block)
            outer, within = loops[: -(count or 0)], loops[-(count or 0) :]
            if not outer:
                outer, within = _chunks(schedule, within, core.lanes)
            if outer:
                schedule.parallel(schedule.fuse(*outer))
            in_vectors(schedule, block, within, wide * core.lanes)
        return Plan(schedule)


def _chunks(
    schedule: s_tir.Schedule, loops: Sequence[Loop], lanes: int
) -> tuple[Sequence[Loop], Sequence[Loop]]:
    """Loops that move through memory as one as parts for threads and what each does, where they
    are long enough: those of outer axes if the rest is long. Parts that begin within an axis
    have indices that are no longer one ramp, so that LLVM gathers (1.2 to 3 times as long)."""
    extents = [extent(schedule, loop) or 1 for loop in loops]
    size = math.prod(extents)
    if size >= 2 * CHUNK * lanes:
        for count in range(len(loops) - 1, 0, -1):
            if math.prod(extents[:count]) > 1 and math.prod(extents[count:]) >= ROW * lanes:
                return loops[:count], loops[count:]
    loop = schedule.fuse(*loops)
    parts = [n for n in range(2, MOST_PARTS + 1) if size % n == 0 and size // n >= CHUNK * lanes]
    if not parts:
        return [], [loop]
    chunk, inner = schedule.split(loop, [parts[-1], None])
    return [chunk], [inner]


def _side_by_side(schedule: s_tir.Schedule, block: Block, lanes: int) -> int | None:
    """How many of the innermost loops of ``block`` move through memory as one, of a vector or
    more; None where vectors would not serve it."""
    body, loops = schedule.get(block), schedule.get_loops(block)
    known = moves(schedule, block, loops) if loops and not reduces(body) else None
    if known is None or not _vectorizes(body):
        return None
    if any(access[-1] not in (0, 1) for access in known.steps) or known.steps[0][-1] != 1:
        return None
    first = len(loops) - 1
    size = known.extents[first]
    while first > 0 and known.as_one(first - 1):
        first -= 1
        size *= known.extents[first]
    return len(loops) - first if 2 * size >= lanes else None


def _vectorizes(body: s_tir.SBlock) -> bool:
    """Whether every value is of a type for vectors, and no branch depends on the lane."""
    buffers = [*body.reads, *body.writes]
    if any(str(region.source.dtype) not in TYPES for region in buffers):
        return False
    return not depend_on(body.body, body.iter_vars[-1].var)
