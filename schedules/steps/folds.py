"""Everything that is formed of one row, or of one tile of columns, in one pass over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm import s_tir
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.elementwise import reduces
from tvmedge.schedules.steps.items import GROUP, bind_group
from tvmedge.schedules.steps.loops import Loop, extent
from tvmedge.schedules.steps.registers import beside
from tvmedge.schedules.steps.vectors import in_vectors

from tvmedge.targeting.core import Core


def gather_at(schedule: s_tir.Schedule, before: Sequence[Block], place: Loop) -> bool:
    """Move the blocks ``before`` the last one into its loop ``place``; whether all went."""
    try:
        for block in reversed(before):
            schedule.compute_at(block, place, preserve_unit_loops=True)
    except s_tir.ScheduleError:
        return False
    return True


def one_pass(
    schedule: s_tir.Schedule,
    inside: Sequence[Block],
    place: Loop,
    wide: int,
    fold: Callable[[s_tir.Schedule, Block, Core, int], None],
    core: Core,
) -> None:
    """Run ``place`` in parallel, on threads or on items of a GPU: ``fold`` schedules the sums
    ``inside``, given how many loops are around, others are vectors, ``wide`` of them side by side
    where there are registers. The last block of ``inside`` writes the result, what others make
    stays with the item."""
    outer = 1
    if core.items:
        outer = 2
        for block in inside[:-1]:
            schedule.set_scope(block, 0, "local")
        bind_group(schedule, place, min(GROUP, extent(schedule, place) or GROUP))
    else:
        schedule.parallel(place)
    for block in inside:
        if reduces(schedule.get(block)):
            fold(schedule, block, core, outer)
    for block in inside:
        loops = schedule.get_loops(block)[outer:]
        if loops and not reduces(schedule.get(block)):
            few = beside(schedule, block, core, wide)
            in_vectors(schedule, block, loops, few * core.lanes, core)
