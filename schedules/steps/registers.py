"""What a core's vector registers hold besides sums."""

from __future__ import annotations

from collections.abc import Sequence

from tvm import s_tir, tirx
from tvm_ffi import structural_walk
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.elementwise import costs
from tvmedge.schedules.steps.loops import Loop, divisors, extent

from tvmedge.scheduling.plan import KEPT
from tvmedge.targeting.core import Core

CONSTANTS, TEMPORARIES = 13, 7  # of a polynomial, and of each vector of it (counted on NEON)


def beside(schedule: s_tir.Schedule, block: Block, core: Core, most: int) -> int:
    """How many vectors of what ``block`` computes, a divisor of ``most``, have registers side by
    side: polynomials keep their constants in some. ``most`` on cores that load those."""
    body, numbers = schedule.get(block).body, list[tirx.FloatImm]()
    if not core.lane_operand or not costs(body):
        return most
    structural_walk(body, (tirx.FloatImm, numbers.append))
    left = core.accumulators - CONSTANTS - len({float(number.value) for number in numbers})
    return max((n for n in divisors(most) if n * TEMPORARIES <= left), default=1)


def keep(schedule: s_tir.Schedule, loop: Loop, core: Core) -> None:
    """Have LLVM not write out ``loop``, on cores where it then spills: it keeps what all turns read
    in registers that are not there."""
    if core.lane_operand and extent(schedule, loop) != 1:
        schedule.annotate(loop, KEPT, 1)


def keep_first(schedule: s_tir.Schedule, loops: Sequence[Loop], core: Core) -> None:
    """``keep`` the outermost of ``loops`` that has several turns, if any has."""
    for loop in [loop for loop in loops if extent(schedule, loop) != 1][:1]:
        keep(schedule, loop, core)
