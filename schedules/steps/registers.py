"""What a core's vector registers hold besides sums."""

from __future__ import annotations

from tvm import s_tir, tirx
from tvm_ffi import structural_walk
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.loops import Loop, divisors, extent

from tvmedge.scheduling.plan import KEPT
from tvmedge.targeting.core import Core

TEMPORARIES = 6  # of each vector of a polynomial (counted on NEON, of exponentials)


def beside(schedule: s_tir.Schedule, block: Block, core: Core, most: int) -> int:
    """How many vectors, a divisor of ``most``, of what ``block`` computes have registers side by
    side: its constants stay in theirs."""
    found: list[tirx.FloatImm] = []
    structural_walk(schedule.get(block).body, (tirx.FloatImm, found.append))
    left = core.accumulators - len({float(number.value) for number in found})
    fitting = [n for n in divisors(most) if n * TEMPORARIES <= left]
    return max(fitting, default=1)


def keep(schedule: s_tir.Schedule, loop: Loop, core: Core) -> None:
    """Have LLVM not write out ``loop``, on cores where it then spills: it keeps what all turns read
    in registers that are not there."""
    if core.lane_operand and extent(schedule, loop) != 1:
        schedule.annotate(loop, KEPT, 1)
