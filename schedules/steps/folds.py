"""Everything that is formed of one row, or of one tile of columns, in one pass over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm import s_tir
from tvmedge.schedules.steps.blocks import Block
from tvmedge.schedules.steps.elementwise import reduces
from tvmedge.schedules.steps.loops import Loop
from tvmedge.schedules.steps.vectors import in_vectors


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
    widths: tuple[int, int],
    fold: Callable[[s_tir.Schedule, Block, int], None],
) -> None:
    """Run ``place`` in parallel: ``fold`` schedules the sums ``inside``, others are vectors;
    ``widths`` are those of their vectors."""
    schedule.parallel(place)
    for block in inside:
        if reduces(schedule.get(block)):
            fold(schedule, block, widths[0])
    for block in inside:
        loops = schedule.get_loops(block)[1:]
        if loops and not reduces(schedule.get(block)):
            in_vectors(schedule, block, loops, widths[1])
