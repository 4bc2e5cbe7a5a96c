"""A tile of sums in registers, and what is done to them while they are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tvm import s_tir
from tvmedge.schedules.steps.blocks import Anchored
from tvmedge.schedules.steps.lanes import load_as_vectors
from tvmedge.schedules.steps.loops import Loop, extent, unroll, vectorize


@dataclass(frozen=True)
class Sums:
    """The loops of a reduction, outermost first.

    ``parallel`` run in any order on any thread (none where a loop around them does),
    ``serial`` stay on one, ``reduced`` are summed over (``written_out`` the innermost of
    them), and ``tile`` is the tile of sums, its last loop a vector.
    ``in_lanes``: the reduced loop in a turn of which data is loaded as vectors.
    """

    parallel: Sequence[Loop]
    serial: Sequence[Loop]
    reduced: Sequence[Loop]
    written_out: Sequence[Loop]
    tile: Sequence[Loop]
    in_lanes: Loop | None = None


@dataclass(frozen=True)
class Instruction:
    """A tensor ``intrinsic`` that computes the last ``loops`` of a tile and the reduced one inside
    of them; ``place``, if any, is where it wants a sum of given indices."""

    intrinsic: str
    loops: int = 1
    place: Callable[..., list[Any]] | None = None


def keep_in_registers(
    schedule: s_tir.Schedule,
    kernel: Anchored,
    loops: Sums,
    lanes: int,
    instruction: Instruction | None = None,
) -> None:
    """Order the loops of ``kernel`` and move its epilogue to where a tile is complete;
    ``instruction`` computes the innermost, if there is one.

    before: for parallel, serial, tile, reduced: sum;  epilogue
    after:  for parallel, serial:
              tile = 0
              for reduced, written_out, tile: sum
              for tile: epilogue
    """
    outer = [*loops.parallel, *loops.serial]
    reduced = [*loops.reduced, *loops.written_out]
    schedule.reorder(*outer, *reduced, *loops.tile)
    whole = [schedule.fuse(*loops.parallel)] if loops.parallel else []
    for loop in whole:
        schedule.parallel(loop)
    place = [*whole, *loops.serial][-1]
    inner = len(reduced) + len(loops.tile) + (0 if instruction is None else 1)
    depth = len(schedule.get_loops(kernel.main)) - inner
    unroll(schedule, loops.written_out)
    unroll(schedule, loops.tile[: -1 if instruction is None else -instruction.loops])
    if instruction is None:
        vectorize(schedule, loops.tile[-1], lanes)
    if loops.in_lanes is not None:
        load_as_vectors(schedule, kernel.main, loops.in_lanes)
    schedule.reverse_compute_at(kernel.epilogue, place, preserve_unit_loops=True)
    _write_out(schedule, schedule.get_loops(kernel.epilogue)[depth:], lanes)
    start = schedule.decompose_reduction(kernel.main, reduced[0])
    _write_out(schedule, schedule.get_loops(start)[depth:], lanes)
    if instruction is not None:
        if instruction.place is not None:
            schedule.transform_layout(kernel.main, ("write", 0), instruction.place)
        schedule.tensorize(loops.tile[-instruction.loops], instruction.intrinsic)


def _write_out(schedule: s_tir.Schedule, loops: Sequence[Loop], lanes: int) -> None:
    *inner, last = [x for x in loops if extent(schedule, x) != 1] or loops[-1:]
    unroll(schedule, inner)
    vectorize(schedule, last, lanes)
