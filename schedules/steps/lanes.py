"""Scalars that lie side by side, loaded as one vector and used lane by lane."""

from __future__ import annotations

from typing import TypeAlias

from tvm import s_tir
from tvmedge.schedules.steps.loops import Loop, extent, unroll

DATA, WEIGHTS = 0, 1  # operands
Block: TypeAlias = s_tir.schedule.SBlockRV


def load_as_vectors(
    schedule: s_tir.Schedule,
    main: Block,
    place: Loop,
    *,
    operand: int = DATA,
    scope: str = "global",
) -> None:
    """Copy what ``main`` reads of an ``operand`` under ``place`` into registers, which of a GPU's
    item are the ``scope`` "local".

    before: for place:                              after: for place:
              for i in 4, w: sum += x[w, i] * ...            for w: row[w] = x[w, 0:4]
                                                             for i in 4, w: sum += row[w][i] * ...

    The last axis of more than one element is what vectors are loaded along. Elements in
    between that nobody reads (a stride) cost nothing: LLVM drops their loads.
    """
    copy = schedule.cache_read(main, operand, scope)
    axes = len(schedule.get(copy).writes[0].source.shape)
    schedule.compute_at(copy, place, preserve_unit_loops=True)
    loops = schedule.get_loops(copy)[-axes:]
    *inner, lanes = [loop for loop in loops if extent(schedule, loop) != 1] or loops[-1:]
    unroll(schedule, inner)
    schedule.vectorize(lanes)
