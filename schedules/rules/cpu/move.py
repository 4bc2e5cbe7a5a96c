"""Channels in blocks moved to other places.

before: for n, c, h, w, i: out[n, c, h, w, i] = x[...]
after:  parallel n, c:
          for h / R, run: for pixels / P: for P: for vector i in run: out[...] = x[...]
or:       for h, w, run: for vector i in run: out[...] = x[...]

Where a run goes is worked out once for as many rows of pixels as the L1 keeps from one run
to the next, or for each pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tvm import s_tir, tirx
from tvmedge.schedules.steps.blocks import Block, Size, blocks, shape, sizes
from tvmedge.schedules.steps.elementwise import inline
from tvmedge.schedules.steps.loops import divisors, extent
from tvmedge.schedules.steps.registers import keep

from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import RUN, Plan
from tvmedge.targeting.core import Core

WRITTEN_OUT = 8  # pixels
LONG = 4  # channels
_FLOAT = 4  # bytes


class Move:
    """Runs of channels, row by row."""

    name = "move"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        """None for anything but a move of channels and what is done to each element."""
        schedule = s_tir.Schedule(func)
        found = blocks(schedule)
        places = [at for at, block in enumerate(found) if _run(schedule, block)]
        if not places:
            return None
        run = math.gcd(*(_run(schedule, found[at]) for at in places))
        by_run = knobs.pick(
            "run_by_run", (False, True), _by_run(core, run, sizes(schedule, found[places[-1]]))
        )
        knobs.settle()
        *before, main = found[: places[-1] + 1]
        if not all(inline(schedule, block) for block in before):
            return None
        rest = [block for block in found[places[-1] + 1 :] if not inline(schedule, block)]
        if len(rest) > 1 or not all(_append(schedule, block) for block in rest):
            return None
        n, c, h, w, i = schedule.get_loops(main)
        if None in (extent(schedule, loop) for loop in (h, w, i)):
            return None
        i, within = schedule.split(i, [None, run])
        if by_run and extent(schedule, i) != 1:  # whole blocks take one pass over their pixels
            options = divisors(extent(schedule, h) or 1)
            stay = max(d for d in options if d == 1 or d <= _rows(schedule, main, core))
            h, rows = schedule.split(h, [None, stay])
            schedule.reorder(n, c, h, i, rows, w, within)
            if core.lane_operand:
                pixels = schedule.fuse(rows, w)
                few = max(d for d in divisors(extent(schedule, pixels) or 1) if d <= WRITTEN_OUT)
                schedule.unroll(schedule.split(pixels, [None, few])[1])
        else:
            schedule.reorder(n, c, h, w, i, within)
            keep(schedule, schedule.fuse(h, w) if _whole_images(schedule, main) else w, core)
        schedule.vectorize(within)
        schedule.parallel(schedule.fuse(n, c))
        return Plan(schedule, f"runs of {run}")


def _by_run(core: Core, run: int, result: Sequence[Size]) -> bool:
    """Whether a run goes through a row before the next does, and not all through a pixel. Single
    channels of NEON are gathered pixel by pixel (shufflenet's take 0.51 to 0.76 of the cycles of
    two cores), pairs not (0.81 to 1.26); AVX-512 takes long runs so (0.75 to 0.94 of the time of
    four kernels), and short ones whose lines of a row overflow its L1 (0.40 to 0.92 from 48 pixels
    a row, 0.88 to 1.34 below)."""
    if core.lane_operand:
        return run == 2
    *_, width, lanes = result
    known = isinstance(width, int) and isinstance(lanes, int)
    overflows = known and lanes // run * width * lanes * _FLOAT >= 1024 * core.l1_kib
    return run < LONG and not overflows


def _rows(schedule: s_tir.Schedule, main: Block, core: Core) -> int:
    """Rows of the result, and of what becomes of it, that the L1 keeps; one where compilers
    make vectors of a row that moves (shufflenet's are 3 times as fast on AVX-512)."""
    if not core.lane_operand:
        return 1
    _, _, _, *row = shape(schedule, main)
    return 1024 * core.l1_kib // (2 * _FLOAT * int(math.prod(row)))


def _whole_images(schedule: s_tir.Schedule, main: Block) -> bool:
    """Whether pixels stay where they are, and one loop goes over all of them."""
    block = schedule.get(main)
    (written,) = {tuple(sizes(schedule, main)[2:4])}
    return all(tuple(read.source.shape[2:4]) == written for read in block.reads)


def _run(schedule: s_tir.Schedule, block: Block) -> int:
    """The run of a move, 0 for any other block."""
    return int(schedule.get(block).annotations.get(RUN, 0))


def _append(schedule: s_tir.Schedule, block: Block) -> bool:
    try:
        schedule.reverse_compute_inline(block)
    except s_tir.ScheduleError:
        return False
    return True
