"""Sizes, splits and vectors of loops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from tvm import s_tir, tirx

Loop: TypeAlias = s_tir.schedule.LoopRV


def extent(schedule: s_tir.Schedule, loop: Loop) -> int | None:
    """Iterations of ``loop``; None where they are only known at run time."""
    size = schedule.get(loop).extent
    return int(size) if isinstance(size, tirx.IntImm) else None


def divisors(number: int) -> list[int]:
    """All divisors, smallest first."""
    return [d for d in range(1, number + 1) if number % d == 0]


def leading(sizes: Sequence[int | None], product: int) -> int | None:
    """How many of the first ``sizes`` make ``product``; None where no number of them does."""
    for count in range(len(sizes) + 1):
        if math.prod(size or 0 for size in sizes[:count]) == product:
            return count
    return None


def vectorize(schedule: s_tir.Schedule, loop: Loop, lanes: int) -> None:
    """A loop of constant extent in vectors: for i in 32 -> for unrolled 2: for vector 16."""
    size = extent(schedule, loop)
    if size is not None and size > lanes and size % lanes == 0:
        outer, loop = schedule.split(loop, [None, lanes])
        schedule.unroll(outer)
    schedule.vectorize(loop)


def split_each(
    schedule: s_tir.Schedule, loops: Sequence[Loop], sizes: Sequence[int]
) -> list[Sequence[Loop]]:
    """Each of ``loops`` as one of its tiles and one inside of a tile of its size."""
    pairs = zip(loops, sizes, strict=True)
    return [schedule.split(loop, [None, size]) for loop, size in pairs]


def unroll(schedule: s_tir.Schedule, loops: Sequence[Loop]) -> None:
    """Write out every one of ``loops``."""
    for loop in loops:
        schedule.unroll(loop)
