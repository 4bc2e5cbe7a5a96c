"""The innermost loops of a tile of sums of integers, and the instruction that they become.

before: for w, oc: for o in V: sum       after: for w, oc: dot(o)
or, for two pixels at a time:                   for w / 2, oc, o / 2: products(2 pixels, 2 lanes)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm import s_tir
from tvmedge.schedules.steps.dots import dot_intrinsic
from tvmedge.schedules.steps.loops import Loop
from tvmedge.schedules.steps.pairs import pairs_intrinsic
from tvmedge.schedules.steps.sums import Instruction

from tvmedge.targeting.core import DotUnit


@dataclass(frozen=True)
class PixelRow:
    """The pixels that are ``axis`` of the sums, counted from the end, lie ``stride`` apart in the
    data, and ``beside`` one another where that is one."""

    axis: int
    stride: int
    beside: bool


@dataclass(frozen=True)
class Innermost:
    """The loop over what is left of ``pixels``, those over ``lanes``, and what computes them."""

    pixels: Loop
    lanes: tuple[Loop, ...]
    instruction: Instruction


def innermost(
    schedule: s_tir.Schedule, unit: DotUnit, loops: tuple[Loop, Loop], row: PixelRow
) -> Innermost:
    """``loops`` over the pixels of a ``row`` and over a block's lanes, the last axis."""
    pixels, lanes = loops
    if unit.pixels == 1:
        return Innermost(pixels, (lanes,), Instruction(dot_intrinsic(unit)))
    two = unit.pixels
    pixels, pixel = schedule.split(pixels, [None, two])
    pair, lane = schedule.split(lanes, [None, two])

    def place(*index: Any) -> list[Any]:
        outer, w, o = list(index[:-1]), index[row.axis], index[-1]
        outer[row.axis + 1] = w // two
        return [*outer, o // two, w % two, o % two]

    instruction = Instruction(pairs_intrinsic(unit, row.stride, beside=row.beside), 2, place)
    return Innermost(pixels, (pair, pixel, lane), instruction)
