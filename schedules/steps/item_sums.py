"""A tile of sums in the registers of a GPU's item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import s_tir
from tvmedge.schedules.steps.blocks import Anchored, Block
from tvmedge.schedules.steps.lanes import WEIGHTS, load_as_vectors
from tvmedge.schedules.steps.loops import Loop, extent, unroll, vectorize

LANES = 4  # of a vector


@dataclass(frozen=True)
class ItemSums:
    """The loops of a reduction inside of an item: ``reduced`` the outermost that is summed over,
    ``step`` the innermost, which is written out, ``tile`` the tile of sums, its last loop a
    vector. In each turn of ``data``, if given, data is loaded as vectors, which ``pad`` makes, if
    given. ``turns``, if given, is between the two and written out, too."""

    reduced: Loop
    step: Loop
    tile: Sequence[Loop]
    data: Loop | None = None
    pad: Block | None = None
    turns: Loop | None = None


def sums_of_item(schedule: s_tir.Schedule, kernel: Anchored, place: Loop, loops: ItemSums) -> None:
    """Keep the sums of the item at ``place`` in registers, and do there what is done to them.

    before: items: for reduced, step, tile: sum;  epilogue
    after:  items:
              tile = 0
              for reduced: data; for step: weights; for tile: sum
              for tile: epilogue
    """
    main = kernel.main
    schedule.set_scope(main, 0, "local")
    schedule.reverse_compute_at(kernel.epilogue, place, preserve_unit_loops=True)
    depth = depth_of(schedule, main, place)
    write_out(schedule, schedule.get_loops(kernel.epilogue)[depth:])
    if extent(schedule, loops.step) != 1:
        schedule.unroll(loops.step)
    write_out(schedule, loops.tile)
    if loops.pad is not None:
        pad_in_registers(schedule, loops.pad, loops.data or loops.step)
    elif loops.data is not None:
        load_as_vectors(schedule, main, loops.data, scope="local")
    load_as_vectors(schedule, main, loops.step, operand=WEIGHTS, scope="local")
    if loops.turns is not None:
        schedule.unroll(loops.turns)
    start = schedule.decompose_reduction(main, loops.reduced)
    write_out(schedule, schedule.get_loops(start)[depth:])


def pad_in_registers(schedule: s_tir.Schedule, pad: Block, place: Loop) -> None:
    """What ``place`` sees of a padded image, made in registers."""
    schedule.set_scope(pad, 0, "local")
    axes = len(schedule.get(pad).iter_vars)
    schedule.compute_at(pad, place, preserve_unit_loops=True)
    write_out(schedule, schedule.get_loops(pad)[-axes:])


def write_out(schedule: s_tir.Schedule, loops: Sequence[Loop]) -> None:
    """All of ``loops`` but the last longer one, which becomes vectors if it is whole ones."""
    *inner, last = [loop for loop in loops if extent(schedule, loop) != 1] or loops[-1:]
    unroll(schedule, inner)
    if (extent(schedule, last) or 1) % LANES == 0:
        vectorize(schedule, last, LANES)
    else:
        schedule.unroll(last)


def depth_of(schedule: s_tir.Schedule, block: Block, place: Loop) -> int:
    """How many loops around ``block`` end with ``place``."""
    variable = schedule.get(place).loop_var
    around = [schedule.get(loop).loop_var for loop in schedule.get_loops(block)]
    return next(at for at, each in enumerate(around) if each.same_as(variable)) + 1
